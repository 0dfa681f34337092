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
from test_sweep import own_model, same

import keras_xor
from keras_xor import Recipe, sweep
from keras_xor.study import chunks, connect_dask

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
    monkeypatch.setattr(chunks, "RUNS", (4, 4))
    files = tmp_path / "there.csv", tmp_path / "here.csv"
    with worker(scheduler), worker(scheduler), connect_dask(scheduler) as executor:
        there = sweep(RECIPES, seeds=12, file=files[0], executor=executor)
        of_model = sweep(RECIPES, seeds=12, model=(model := own_model(3)), executor=executor)
    assert same(there, sweep(RECIPES, seeds=12, file=files[1]))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert same(of_model, sweep(RECIPES, seeds=12, model=model))


@pytest.fixture
def sweep_killing(scheduler, tmp_path):
    """Sweep `LONG` on the cluster, and kill a process once the first of six chunks is done."""

    def run(process, patience=10):
        def kill(steps_done, steps):
            if steps_done:
                process.kill()

        file = tmp_path / "a.csv"
        with connect_dask(scheduler, patience) as executor:
            return sweep(LONG, seeds=600, file=file, executor=executor, on_progress=kill)

    return run


def test_a_worker_is_killed(scheduler, sweep_killing):
    with worker(scheduler) as one, worker(scheduler):
        studies = sweep_killing(one)
        assert one.wait() == -signal.SIGKILL
    assert same(studies, sweep(LONG, seeds=600))


def test_all_workers_are_killed(scheduler, sweep_killing, tmp_path):
    complaint = (
        f"the cluster at {scheduler} is gone or has no workers: start some with dask worker tcp"
    )
    with worker(scheduler) as one, pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep_killing(one, patience=2)
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert len(rows) > 200
    assert same(
        sweep(LONG, seeds=600, file=tmp_path / "a.csv", resume=True), sweep(LONG, seeds=600)
    )


PATCHED = """
import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: {} if name == {!r} else version(name)
"""


@pytest.mark.parametrize(
    ("package", "version"), [("keras_xor", "[][0]"), ("keras_xor", "'9.9'"), ("tensorflow", "'9'")]
)
def test_workers_with_other_versions_are_not_used(scheduler, package, version):
    shown = {"[][0]": "None"}.get(version, version.strip("'"))
    complaint = rf"\| {package} +\| [\d.]+ +\| [\d.]+ +\| {shown} "
    with (
        worker(scheduler, PATCHED.format(version, package)),
        pytest.raises(keras_xor.KerasXorError, match=complaint),
        connect_dask(scheduler) as executor,
    ):
        sweep(RECIPES, seeds=2, executor=executor)


def test_script(script, scheduler):
    options = ("--seeds", 3, "--epochs", 1, "--steps-per-epoch", 9, "--scheduler")
    with worker(scheduler):
        status, output, errors = script("seed_study.py", *options, scheduler)
    assert (status, errors) == (0, "")
    assert " of 3 runs learned" in output
    status, output, errors = script("seed_study.py", *options, "nowhere")
    assert (status, output) == (1, "")
    assert "the cluster at nowhere failed, " in one_line(errors)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", None])
def test_no_scheduler_and_no_workers(scheduler, address):
    complaint = "Timed out|TimeoutError|has had no workers"
    with pytest.raises(keras_xor.KerasXorError, match=complaint):  # noqa: SIM117
        with connect_dask(address or scheduler, patience=1):
            pass


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(keras_xor.KerasXorError, match=r"run pip install -e"):  # noqa: SIM117
        with connect_dask("tcp://127.0.0.1:1"):
            pass
