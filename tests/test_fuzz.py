"""Load the hostile files of fuzz.py in their own process."""

import re
import subprocess
import sys

from conftest import ROOT

# A process counts its parent's memory as its own peak, so this small one comes between.
LAUNCHER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def test_fuzz(request, tmp_path):
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    variants = request.config.getoption("variants")
    command = [sys.executable, ROOT / "tests" / "fuzz.py", folder, "--variants", str(variants)]
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")

    counts = re.findall(r"^ *(\d+) (refused|loaded)", done.stdout, re.MULTILINE)
    assert sum(int(count) for count, _ in counts) == variants
    assert {outcome for _, outcome in counts} == {"refused", "loaded"}
    assert int(re.search(r"^peak MiB (\d+)$", done.stdout, re.MULTILINE)[1]) < 1024
    assert [path.name for path in tmp_path.rglob("*")] == ["deep", "down"]
