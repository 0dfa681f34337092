"""The cost of whole processes."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STUDIES = (1_000, 10_000)  # Seeds

_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
assert status == 0, sys.argv
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss / 1024]))
"""


def process_costs(scripts, repeats=5):
    """Seconds and peak memory of whole processes: a run, studies, and the import of Keras alone.

    Args:
        scripts: The path of the folder scripts/.
        repeats: Runs of each, after one to warm up; the median is reported. Defaults to 5.
    """
    with tempfile.TemporaryDirectory() as folder:
        model_file = str(Path(folder, "xor.keras"))
        commands = {
            "import keras": ["-c", "import keras"],
            "train.py": [str(scripts / "train.py"), "--model", model_file],
            **{
                f"seed_study.py --seeds {size}": [
                    *(str(scripts / "seed_study.py"), "--seeds", str(size))
                ]
                for size in STUDIES
            },
        }
        costs = {what: [] for what in commands}
        for _ in range(1 + repeats):
            for what, arguments in commands.items():
                # A process counts its parent's memory as its own, so the parent must be small.
                costs[what].append(
                    json.loads(output(sys.executable, "-c", _LAUNCHER, sys.executable, *arguments))
                )
    rows = []
    for what, runs in costs.items():
        seconds, mebibytes = (statistics.median(values) for values in zip(*runs[1:], strict=True))
        rows.append({"what": what, "seconds": seconds, "mebibytes": mebibytes})
    return rows


def output(*command):
    """What a command writes to standard output."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
