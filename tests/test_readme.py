import re
import tomllib

import numpy as np
import pytest
from conftest import ROOT

import keras_xor


def test_the_code_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guide, rest = readme.split("\n## In Python\n")
    package, elsewhere = rest.split("\n## Elsewhere\n")

    def numbers_printed(text):
        blocks = re.findall(r"^```python\n(.+?)^```$", text, re.DOTALL | re.MULTILINE)
        exec("\n".join(blocks), {})
        last_lines = capsys.readouterr().out.splitlines()[-3:]
        return [float(y) for y in re.findall(r"\d\.\d+", " ".join(last_lines))]

    *_, guess_01, guess_00 = numbers_printed(guide)
    assert guess_00 < 0.1 < 0.9 < guess_01
    truth_table = numbers_printed(package)
    assert np.array_equal(np.round(truth_table), [0, 1, 1, 0])
    model = keras_xor.load_model("artifacts/xor.keras")
    for file in ("artifacts/xor.onnx", "artifacts/xor.tflite", "artifacts/xor"):
        keras_xor.export(model, file)
    assert numbers_printed(elsewhere) == pytest.approx([truth_table[1]] * 3, abs=1e-6)


def test_the_install_without_cuda_names_every_dependency():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.split(".venv/bin/pip install --no-deps")[0].split("pip install ")[-1]
    named = re.findall(r"[\w-]+", command)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(named) == {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
