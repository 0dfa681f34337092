"""Which part of the package may import which, checked in its source."""

import ast

import pytest
from conftest import ROOT

import keras_xor

PACKAGE = ROOT / "keras_xor"
# Each may import those before it, and none after it.
ROOMS = [
    *(
        "values",
        "recipe",
        "runtime",
        "sampling",
        "projection",
        "data",
        "model",
        "compiled",
        "training",
        "signature",
        "prediction",
    ),
    *("files", "run", "outcomes", "recording", "study", "plots", "cli", "playground"),
]
LIGHT = ["values", "recipe", "runtime", "cli"]  # What a script needs for its --help.


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
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")}
    assert names - {"__pycache__"} == {*ROOMS, "__init__"}


def list_public_functions(body):
    for node in body:
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from list_public_functions(node.body)
        elif is_function and (node.name == "__init__" or not node.name.startswith("_")):
            yield node


def test_public_functions_have_types():
    for file in PACKAGE.rglob("*.py"):
        for node in list_public_functions(ast.parse(file.read_text(encoding="utf-8")).body):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += filter(None, [node.args.vararg, node.args.kwarg])
            untyped = [argument.arg for argument in arguments if not argument.annotation]
            assert set(untyped) <= {"self", "cls"}, (file, node.name)
            assert node.returns, (file, node.name)


def test_no_two_files_have_one_name():
    names = [file.stem for file in PACKAGE.rglob("*.py") if file.stem != "__init__"]
    assert sorted(names) == sorted({*names})


def test_the_stub_lists_what_there_is():
    for name in keras_xor.__all__:
        assert getattr(keras_xor, name) is not None


def test_files_are_short():
    for file in PACKAGE.rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 250, file
