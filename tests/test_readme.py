import re
import tomllib

import numpy as np
from conftest import ROOT


def test_the_code_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guide, package = readme.split("\n## In Python\n")
    for text in (guide, package):
        blocks = re.findall(r"^```python\n(.+?)^```$", text, re.DOTALL | re.MULTILINE)
        exec("\n".join(blocks), {})
    output = capsys.readouterr().out
    guess_01, guess_00 = re.findall(r"^\[\[(0\.\d+)\]\]$", output, re.MULTILINE)
    assert float(guess_00) < 0.1 < 0.9 < float(guess_01)
    truth_table = re.findall(r"0\.\d+", output.splitlines()[-1])
    assert np.array_equal(np.round([float(y) for y in truth_table]), [0, 1, 1, 0])
    assert (tmp_path / "artifacts" / "xor.keras").exists()


def test_the_install_without_cuda_names_every_dependency():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.split(".venv/bin/pip install --no-deps")[0].split("pip install ")[-1]
    named = re.findall(r"[\w-]+", command)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(named) == {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
