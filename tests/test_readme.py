import re
import tomllib

import numpy as np
import pytest
from conftest import ROOT

import keras_xor
from keras_xor import checks

STUDY = "Seed study: how often does it learn?"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title):
    """The text below a second-level heading, up to the next one."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_code_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def last_lines_printed(title):
        blocks = re.findall(r"^```python\n(.+?)^```$", section(title), re.DOTALL | re.MULTILINE)
        exec("\n".join(blocks), {"keras_xor": keras_xor})
        return capsys.readouterr().out.splitlines()[-3:]

    def numbers_printed(title):
        last_lines = last_lines_printed(title)
        return [float(y) for y in re.findall(r"\d\.\d+", " ".join(last_lines))]

    *_, guess_01, guess_00 = numbers_printed("The guide, step by step")
    assert guess_00 < 0.1 < 0.9 < guess_01
    learned = re.search(r"(\d+) of 200 runs", last_lines_printed(STUDY)[-1])[1]
    assert int(learned) > 100
    truth_table = numbers_printed("Use")[-4:]
    assert np.array_equal(np.round(truth_table), [0, 1, 1, 0])
    model = keras_xor.load_model("artifacts/xor.keras")
    for file in ("artifacts/xor.onnx", "artifacts/xor.tflite", "artifacts/xor"):
        keras_xor.export(model, file)
    exported = numbers_printed("Export to ONNX, LiteRT and TensorFlow")
    assert exported == pytest.approx([truth_table[1]] * 3, abs=1e-6)


def test_links_within_the_readme_lead_somewhere():
    titles = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    targets = re.findall(r"\]\((?!https:)([^)]+)\)|src=\"([^\"]+)\"", README)
    for target in map("".join, targets):
        assert target[1:] in anchors if target[0] == "#" else (ROOT / target).exists(), target


def test_the_numbers_of_names():
    names = {
        "--activation": checks.ACTIVATIONS,
        "--initializer": checks.INITIALIZERS,
        "--loss": checks.LOSSES,
        "--optimizer": checks.OPTIMIZERS,
    }
    for option, choices in names.items():
        row = re.search(rf"^\| `{option}` \| .+ and (\d+) others", README, re.MULTILINE)
        named = re.findall(r"`(\w+)`", row[0])
        assert {*named} <= {*choices}
        assert len(named) + int(row[1]) == len(choices)


def test_the_install_without_cuda_names_every_dependency():
    command = README.split(".venv/bin/pip install --no-deps")[0].split("pip install ")[-1]
    named = re.findall(r"[\w-]+", command)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(named) == {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
