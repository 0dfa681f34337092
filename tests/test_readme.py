"""The code, the links and the figures of all READMEs."""

import re
import textwrap
import tomllib

import numpy as np
import pytest
from conftest import ROOT

import keras_xor
from keras_xor import values

FOLDERS = ("keras_xor", "scripts", "tests")
READMES = [
    ROOT / "README.md",
    *(file for name in FOLDERS for file in (ROOT / name).rglob("README.md")),
]
SCRIPTS = (ROOT / "scripts" / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def run_code(tmp_path, monkeypatch, capsys):
    """Run the Python of a README as one program, and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(path, change=("", "")):
        text = (ROOT / path).read_text(encoding="utf-8").replace(*change)
        blocks = re.findall(r"^```python\n(.+?)^```$", text, re.DOTALL | re.MULTILINE)
        exec("\n".join(blocks), {})
        return capsys.readouterr().out

    return run


def find_numbers(text):
    return [float(number) for number in re.findall(r"\d\.\d+", text)]


def test_the_guide(run_code):
    """One epoch of its `fit`, which `train` continues to the figures of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    run = keras_xor.train_run()
    printed = run_code(
        "README.md", ("epochs=10, steps_per_epoch=1000", "epochs=1, steps_per_epoch=1000")
    )
    fitted, looped = printed.split("[[")[0], printed.split("]]")[1]
    predicted = find_numbers(printed.split("[[")[1])[:4]
    assert predicted == pytest.approx(run.predictions[1].tolist(), abs=1e-6)
    losses = [float(loss) for loss in re.findall(r"loss: ([\d.]+)", fitted)]
    assert losses == pytest.approx(run.history["loss"][:1], abs=1e-4)
    assert f"a loss of {losses[0]:.3f}" in text
    assert f"reports {run.history['loss'][-1]:.4f}" in text
    assert float(re.findall(r"loss: ([\d.]+)", looped)[-1]) < losses[0] / 2  # It goes on.
    assert 0 < int(re.search(r"(\d+) of 200 runs learned", looped)[1]) <= 200
    table = re.findall(r"^ \d    \d +(\d\.\d+)", text, re.MULTILINE)
    assert [float(y) for y in table] == pytest.approx(run.predictions[-1].tolist(), abs=6e-6)


def test_the_six_lines_are_the_same_everywhere():
    copies = set()
    for path in ("README.md", "scripts/guide.py", "scripts/rivals.py"):
        text = (ROOT / path).read_text(encoding="utf-8")
        lines = re.search(r"^ *class Looped.+?initializer=step\(first\)\)$", text, re.M | re.S)[0]
        copies.add(textwrap.dedent(lines))
    assert len(copies) == 1


def test_the_code_of_the_study(run_code):
    learned = re.search(r"(\d+) of 200 runs", run_code("keras_xor/study/README.md"))[1]
    assert int(learned) > 100


def test_the_code_of_the_files(run_code):
    text = (ROOT / "keras_xor/files/README.md").read_text(encoding="utf-8")
    model = keras_xor.build_model(seed=0)
    for file in ("artifacts/xor.onnx", "artifacts/xor.tflite", "artifacts/xor"):
        keras_xor.export(model, file)
    first, *_, onnx, litert, saved = re.findall(r"\[.+?\]", run_code("keras_xor/files/README.md"))
    assert np.array_equal(np.round(find_numbers(first)), [0, 1, 1, 0])
    expected = float(keras_xor.predict(model, 0, 1))
    assert find_numbers(onnx + litert + saved) == pytest.approx([expected] * 3, abs=1e-6)
    tests = re.findall(r"`(test_\w+\.py)`(?:, `(test_\w+)`)?", text)
    assert len(tests) == 11
    for file, test in tests:
        assert f"def {test}" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def find_anchors(path):
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(readme):
    text = readme.read_text(encoding="utf-8")
    targets = [*map("".join, re.findall(r"\]\((?!https:)([^)]+)\)|src=\"([^\"]+)\"", text))]
    for target in targets:
        name, _, anchor = target.partition("#")
        path = readme.parent / name if name else readme
        assert path.exists(), target
        if anchor:
            file = path / "README.md" if path.is_dir() else path
            assert anchor in find_anchors(file), target


def test_the_names_in_the_readmes():
    """What they call `keras_xor.something` is there, and so is each file that they name."""
    for readme in READMES:
        text = readme.read_text(encoding="utf-8")
        for path in re.findall(r"keras_xor\.([A-Za-z_]+(?:\.[A-Za-z_]+)*)", text):
            found = keras_xor
            for name in path.split("."):
                if name in ("py", "git"):
                    break
                found = getattr(found, name)


def test_the_second_command_is_checked():
    command = 'python3 -m venv .venv && .venv/bin/pip install -e ".[dev]" && .venv/bin/pytest'
    assert f"\n{command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n{command} || exit\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_numbers_of_names():
    names = {
        "--activation": values.ACTIVATIONS,
        "--kernel-initializer": values.INITIALIZERS,
        "--loss": values.LOSSES,
        "--optimizer": values.OPTIMIZERS,
    }
    for option, choices in names.items():
        row = re.search(rf"^\| `{option}` \| .+ and (\d+) others", SCRIPTS, re.MULTILINE)
        named = re.findall(r"`(\w+)`", row[0])
        assert {*named} <= {*choices}
        assert len(named) + int(row[1]) == len(choices)


def test_the_options_of_the_scripts(script):
    """Each script has the options that its README lists, and no others."""
    recipe = re.findall(r"`(--[\w-]+)`", SCRIPTS.split("## The recipe")[1].split("\n## ")[0])
    for name, listed in re.findall(r"^\| `(\w+\.py)` \|.+\| (.+) \|$", SCRIPTS, re.MULTILINE):
        options = {*re.findall(r"--[\w-]+", listed)}
        options |= {*recipe} - {"--device"} if "the recipe" in listed else set()
        _, output, _ = script(name, "--help")
        shown = {*re.findall(r"^  (--[\w-]+)", output, re.MULTILINE)}
        assert shown == options, name


def test_the_install_without_cuda_names_every_dependency():
    command = SCRIPTS.split(".venv/bin/pip install --no-deps")[0].split("pip install ")[-1]
    named = re.findall(r"[\w-]+", command)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(named) == {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
