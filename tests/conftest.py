"""Shared by the tests: a quiet TensorFlow, one trained model, scripts run in this process."""

import contextlib
import csv
import gc
import os
import resource
import runpy
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnxruntime
import pytest

import keras_xor

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))  # For the modules of benchmark.py


def one_line(errors):
    assert errors.count("\n") == 1
    return errors.rstrip("\n")


def check_files(folder, run):
    """Check that the files of `keras_xor.playground.FILES` in a folder are those of a run."""
    model, expected = keras_xor.load_model(folder / "xor.keras"), run.predictions[-1]
    for weight, weights in zip(model.get_weights(), run.weights, strict=True):
        np.testing.assert_array_equal(weight, weights[-1])
    table = keras_xor.data.TRUTH_TABLE
    np.testing.assert_allclose(keras_xor.predict(model, *table), expected, atol=1e-6)
    x1, x2 = np.array(table, np.float32)[..., None]
    onnx = onnxruntime.InferenceSession(folder / "xor.onnx").run(None, {"x1": x1, "x2": x2})
    np.testing.assert_allclose(onnx[0].ravel(), expected, atol=1e-6)
    with (folder / "xor.csv").open(newline="") as lines:
        assert [float(row["loss"]) for row in csv.DictReader(lines)] == run.history["loss"]


def logit(y):
    return np.log(y / (1 - y))


def check_border(places, ends, predictions, inverse=logit):
    """Check that the prediction is 0.5 where a line goes, by what it is at the four points.

    `inverse` is that of the activation of y. Return the plane whose height at each place is the sum
    of y there, as numbers for across, up and 1.
    """
    sums = inverse(np.array(predictions, float)) - inverse(0.5)  # They grow evenly.
    places = np.column_stack([places, np.ones(4)])
    plane, *_ = np.linalg.lstsq(places, sums)
    np.testing.assert_allclose(places @ plane, sums, atol=1e-3)
    for end in ends:
        assert plane @ [*end, 1] == pytest.approx(0, abs=2e-3)
    return plane


@contextlib.contextmanager
def largest_file(size):
    """Make the operating system refuse to write more than `size` bytes to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def somebody():
    """Act as another user than root, who may write everywhere, in a folder that is theirs."""

    @contextlib.contextmanager
    def acting():
        with tempfile.TemporaryDirectory() as name:  # They cannot read those above `tmp_path`.
            folder, user = Path(name), os.geteuid()
            if user == 0:
                os.chown(folder, 65_534, 65_534)
                os.seteuid(65_534)
            try:
                yield folder
            finally:
                os.seteuid(user)

    return acting


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=3, help="kills of training processes")


@pytest.fixture(scope="session")
def trained_file(tmp_path_factory):
    """A model file of the default recipe at the default seed."""
    model = keras_xor.build_model(seed=0)
    keras_xor.train(model, seed=0)
    path = tmp_path_factory.mktemp("trained") / "xor.keras"
    keras_xor.save_model(model, path)
    return path


@pytest.fixture(scope="session")
def trained(trained_file):
    return keras_xor.load_model(trained_file)


@pytest.fixture
def script(monkeypatch, capfd, tmp_path):
    """Run a script in this process, in an empty folder; return status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capfd.readouterr()
        status = 0
        gc.freeze()  # `cli.run_script` collects garbage, but not among what the tests have left.
        try:
            runpy.run_path(str(ROOT / "scripts" / name), run_name="__main__")
        except SystemExit as exit:
            status = exit.code
        finally:
            gc.unfreeze()
        output, errors = capfd.readouterr()
        return status, output, errors

    return run
