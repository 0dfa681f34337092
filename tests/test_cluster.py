import concurrent.futures
import contextlib
import re
import signal
import socket
import sys
import tempfile

import pytest
from conftest import one_line
from forked import Forked, run_code
from test_sweep import same

import keras_xor
from keras_xor import Recipe, sweep
from keras_xor.study import connect_dask

pytestmark = pytest.mark.xdist_group("cluster")  # One scheduler for all
RECIPES = [Recipe(epochs=2, steps_per_epoch=100, learning_rate=rate) for rate in (0.01, 0.3)]
LONG = {
    "recipes": [Recipe(epochs=5, learning_rate=rate) for rate in (0.01, 0.3)],
    **{"seeds": 60, "chunk_size": 20},
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, code, *options):
    """The command line of Dask's `command`, begun after some code."""
    code += (
        f"\nfrom distributed.cli.dask_{command} import main\nmain({[*options, '--no-dashboard']})"
    )
    with tempfile.TemporaryDirectory() as folder:
        process = Forked(run_code, code, cwd=folder)
        try:
            process.wait_until(
                lambda: re.search("Scheduler at: *tcp|Registered to:", process.errors)
            )
            assert process.is_running()
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def scheduler():
    port = free_port()
    with running("scheduler", "", "--host", "127.0.0.1", "--port", str(port)):
        yield f"tcp://127.0.0.1:{port}"


def worker(scheduler, code=""):
    return running("worker", code, scheduler, "--no-nanny", "--nthreads", "1")


@pytest.fixture
def sweep_killing(scheduler, tmp_path):
    """Sweep `LONG` on the cluster, and kill a process once the first of six chunks is done."""

    def run(process, patience=10):
        def kill(steps_done, steps):
            if steps_done:
                process.send_signal(signal.SIGKILL)

        file = tmp_path / "a.csv"
        with connect_dask(scheduler, patience) as executor:
            return sweep(**LONG, file=file, executor=executor, on_progress=kill)

    return run


def test_two_workers_give_the_rows_of_one_machine(scheduler, sweep_killing, tmp_path):
    """Also if one is killed."""
    with worker(scheduler) as one, worker(scheduler):
        there = sweep_killing(one)
        one.wait_until(lambda: False)
    assert same(there, sweep(**LONG, file=tmp_path / "here.csv"))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_all_workers_are_killed(scheduler, sweep_killing, tmp_path):
    complaint = (
        f"the cluster at {scheduler} is gone or has no workers: start some with dask worker tcp"
    )
    with worker(scheduler) as one, pytest.raises(keras_xor.KerasXorError, match=complaint):
        sweep_killing(one, patience=2)
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert 20 < len(rows) < 120
    assert same(sweep(**LONG, file=tmp_path / "a.csv", resume=True), sweep(**LONG))


def test_the_only_worker_dies_while_it_sends_a_result(scheduler):
    def compute():
        import os

        class Deadly:
            def __reduce__(self):
                os._exit(1)

        return Deadly()

    with (
        worker(scheduler),
        connect_dask(scheduler, patience=1) as executor,
        pytest.raises(concurrent.futures.CancelledError),
    ):
        executor.submit(compute).result(timeout=60)


PATCHED = """
import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: {} if name == {!r} else version(name)
"""


@pytest.mark.parametrize(("package", "version"), [("keras_xor", "[][0]"), ("tensorflow", "'9'")])
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
    with pytest.raises(keras_xor.KerasXorError, match=r"Timed out|TimeoutError"):  # noqa: SIM117
        with connect_dask(address or scheduler, patience=1):
            pass


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(keras_xor.KerasXorError, match=r"run pip install -e"):  # noqa: SIM117
        with connect_dask("tcp://127.0.0.1:1"):
            pass
