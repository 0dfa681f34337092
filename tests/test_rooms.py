"""Which part of the package may import which, checked in its source."""

import ast

import pytest
from conftest import ROOT

PACKAGE = ROOT / "keras_xor"
# Each may import those before it, and none after it.
ROOMS = [
    *(
        "checks",
        "recipe",
        "runtime",
        "sampling",
        "data",
        "model",
        "training",
        "signature",
        "prediction",
    ),
    *("files", "run", "recording", "study", "plots", "cli", "playground"),
]
LIGHT = ["checks", "recipe", "runtime", "cli"]  # What a script needs for its --help.


def imported_rooms(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):  # One way to import makes the others easy to find.
            assert not any(alias.name.startswith("keras_xor") for alias in node.names), file
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "keras_xor":
            yield from (
                [node.module.split(".")[1]]
                if "." in node.module
                else (alias.name for alias in node.names)
            )


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room):
    files = [*(PACKAGE / room).rglob("*.py")] or [PACKAGE / f"{room}.py"]
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    if room in LIGHT:
        allowed &= set(LIGHT)
    for file in files:
        assert set(imported_rooms(file)) <= allowed, file


def test_every_file_is_in_a_room():
    names = {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert names == {*ROOMS, "__init__"}


def test_files_are_short():
    for file in PACKAGE.rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 250, file
