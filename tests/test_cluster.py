import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import ROOT, one_line
from test_sweep import own_model

import keras_xor
from keras_xor import Recipe, sweep
from keras_xor.study import cluster, groups, rows

RECIPES = [Recipe(epochs=2, steps_per_epoch=100, learning_rate=rate) for rate in (0.01, 0.3)]
LONG = [Recipe(epochs=5, learning_rate=rate) for rate in (0.01, 0.3)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, code, *options):
    """The command line of Dask's `command`, begun after some code."""
    code += f"\nfrom distributed.cli.dask_{command} import main\nmain()"
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *options, "--no-dashboard"],
            stdout=output,
            stderr=output,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        try:
            while not re.search("Scheduler at: *tcp|Registered to:", Path(log.name).read_text()):
                assert process.poll() is None
                time.sleep(0.05)
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def scheduler():
    port = free_port()
    with running("scheduler", "", "--host", "127.0.0.1", "--port", str(port)):
        yield f"tcp://127.0.0.1:{port}"


def worker(scheduler, code=""):
    return running("worker", code, scheduler, "--no-nanny", "--nthreads", "1")


def test_two_workers_give_the_rows_of_one_machine(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(groups, "_GROUP", (4, 4))
    cells = [*RECIPES, (RECIPES[0], own_model(3))]
    with worker(scheduler), worker(scheduler):
        there = sweep(cells, seeds=12, file=tmp_path / "there.csv", scheduler=scheduler)
    assert there == sweep(cells, seeds=12, file=tmp_path / "here.csv")
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


@pytest.fixture
def sweep_killing(monkeypatch, scheduler, tmp_path):
    """Sweep `LONG` on the cluster, and kill a process once the first of six groups is done."""

    def run(process):
        update = rows.RowsFile.update

        def then_kill(self, finished):
            update(self, finished)
            if len(finished) == 1:
                process.kill()

        monkeypatch.setattr(rows.RowsFile, "update", then_kill)
        return sweep(LONG, seeds=600, file=tmp_path / "a.csv", scheduler=scheduler)

    return run


def test_a_worker_is_killed(scheduler, sweep_killing):
    with worker(scheduler) as one, worker(scheduler):
        studies = sweep_killing(one)
        assert one.wait() == -signal.SIGKILL
    assert studies == sweep(LONG, seeds=600)


def test_all_workers_are_killed(scheduler, sweep_killing, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "_PATIENCE", 2)
    complaint = "has no workers: start some with dask"
    with worker(scheduler) as one, pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep_killing(one)
    assert len((tmp_path / "a.csv").read_text().splitlines()) > 200  # It can be continued.
    assert (tmp_path / "a.study").exists()


WITHOUT = "import sys; sys.modules['keras_xor'] = None"
OTHER = """
import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: "9.9" if name == "keras_xor" else version(name)
"""


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (WITHOUT, "install the same versions there as here"),
        (OTHER, "a worker has keras_xor 9.9, not "),
        ("import tensorflow; tensorflow.__version__ = '9'", "a worker has tensorflow 9, not "),
    ],
)
def test_workers_that_cannot_be_used(scheduler, code, complaint):
    with worker(scheduler, code), pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep(RECIPES, seeds=2, scheduler=scheduler)


def test_script(script, scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    options = ("--seeds", 3, "--epochs", 1, "--steps-per-epoch", 9, "--scheduler")
    with worker(scheduler):
        status, output, errors = script("seed_study.py", *options, scheduler)
    assert (status, errors) == (0, "")
    assert " of 3 runs learned" in output
    status, output, errors = script("seed_study.py", *options, "tcp://127.0.0.1:1")
    assert (status, output) == (1, "")
    assert "no scheduler at tcp://127.0.0.1:1" in one_line(errors)
    assert script("seed_study.py", *options, "nowhere")[0] == 1


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(keras_xor.KerasXorError, match=r"run pip install -e"):
        sweep(RECIPES, scheduler="tcp://127.0.0.1:1")
