"""Runs of train.py that are killed, interrupted, out of disk space or concurrent."""

import os
import random
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, largest_file, one_line

import keras_xor
from keras_xor import Run
from keras_xor.files import Throttle

RUN = ("--epochs", "500", "--steps-per-epoch", "200", "--seed", "5", "--model", "xor.keras")
SHORT_RUN = ("--epochs", "3", "--steps-per-epoch", "50", "--model", "xor.keras", "--quiet")


def start(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, ROOT / "tests" / "eager_train.py", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_training(process):
    assert any(line.startswith("Training on") for line in process.stdout), process.stderr.read()


def wait_for_an_epoch(process):
    epochs = (line for line in process.stdout if line.startswith("Epoch "))
    first = next(epochs, None)
    assert first is None or first != next(epochs, None)


def weights(model):
    return b"".join(weight.tobytes() for weight in model.get_weights())


def weights_in(folder):
    return weights(keras_xor.load_model(folder / "xor.keras"))


def results(folder):
    """The weights and the run in `folder`, which must contain nothing else."""
    assert {file.name for file in folder.iterdir()} == {"xor.keras", "xor.run.npz"}
    with np.load(folder / "xor.run.npz") as archive:
        return weights_in(folder), {name: array.tobytes() for name, array in archive.items()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "train.py", *RUN, "--quiet"], cwd=folder, check=True
    )
    return results(folder)


def test_kills(request, tmp_path, uninterrupted):
    rng = random.Random(0)
    old = keras_xor.build_model(seed=1)
    keras_xor.save_model(old, tmp_path / "xor.keras")
    whole = {weights(old), uninterrupted[0]}

    kills, resumable = 0, 0
    while kills < request.config.getoption("kills"):
        process = start(*RUN, "--resume", cwd=tmp_path)
        wait_for_training(process)
        if kills % 2:  # Otherwise, on a busy machine, all would be killed while they compile.
            wait_for_an_epoch(process)
        time.sleep(rng.uniform(0, 1))
        process.kill()
        _, errors = process.communicate()
        assert errors == ""
        assert process.returncode in (0, -signal.SIGKILL)
        if process.returncode == 0:  # It has finished: it starts anew.
            assert results_of(tmp_path) == uninterrupted
            (tmp_path / "xor.run.npz").unlink()
            continue
        kills += 1
        if (tmp_path / "xor.run.npz").exists():
            resumable += 1
            Run.load(tmp_path / "xor.run.npz")
        assert weights_in(tmp_path) in whole

    assert resumable > kills / 2

    process = start(*RUN, "--resume", cwd=tmp_path)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert results_of(tmp_path) == uninterrupted


def results_of(folder):
    """The `results` without what killed writes left, which is kept for an hour."""
    for left in folder.glob(".keras_xor-*"):
        left.unlink()
    return results(folder)


def test_ctrl_c(tmp_path, uninterrupted):
    process = start(*RUN, cwd=tmp_path)
    wait_for_training(process)
    while not (tmp_path / "xor.run.npz").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    notice, command = one_line(errors).split(": continue with ")
    assert notice == "train.py: interrupted"
    assert [file.name for file in tmp_path.iterdir()] == ["xor.run.npz"]

    again = subprocess.run(
        [sys.executable, ROOT / "scripts" / "train.py", *RUN[:4], *RUN[-2:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    epochs_done = Run.load(tmp_path / "xor.run.npz").epochs_done
    assert (again.returncode, again.stdout) == (1, "")
    assert one_line(again.stderr) == (
        f"train.py: xor.run.npz has {epochs_done} of 500 epochs of an unfinished run: continue it "
        "with python scripts/train.py --steps-per-epoch 200 --epochs 500 --seed 5 --model "
        "xor.keras --resume, or delete it"
    )

    done = subprocess.run(shlex.split(command), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\nEpoch {epochs_done + 1}/500\n" in done.stdout
    assert f"\nEpoch {epochs_done}/500\n" not in done.stdout
    assert results(tmp_path) == uninterrupted


def test_ctrl_c_before_training(tmp_path):
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "train.py", *RUN],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (-signal.SIGINT, "")
    assert not any(tmp_path.iterdir())


def test_two_runs_at_once(script, tmp_path, uninterrupted):
    other_seed = (*RUN, "--seed", "6")
    assert script("train.py", *other_seed, "--quiet", "--model", "alone/xor.keras")[0] == 0
    alone = results(tmp_path / "alone")

    folder = tmp_path / "both"
    folder.mkdir()
    runs = [start(*RUN, cwd=folder), start(*other_seed, cwd=folder)]
    while any(process.poll() is None for process in runs):
        if (folder / "xor.keras").exists():
            assert weights_in(folder) in (uninterrupted[0], alone[0])
        time.sleep(0.01)
    for process in runs:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    assert results(folder) in (uninterrupted, alone)


def test_same_seed_same_bytes(tmp_path):
    """In two processes, at a size where XLA divides the work among threads."""
    for name in ("one", "other"):
        arguments = ("--epochs", "2", "--steps-per-epoch", "3", "--batch-size", "1000000")
        (tmp_path / name).mkdir()
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / "train.py", *arguments, "--model", "xor.keras"],
            cwd=tmp_path / name,
            capture_output=True,
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert weights_in(tmp_path / "one") == weights_in(tmp_path / "other")
    assert results(tmp_path / "one") == results(tmp_path / "other")


@pytest.fixture
def trained_before(script, tmp_path):
    """A folder with the files of an earlier run, and their bytes by name."""
    assert script("train.py", *SHORT_RUN) == (0, "", "")
    return bytes_in(tmp_path)


def bytes_in(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(("size", "named"), [(20_000, "xor.keras"), (500, "xor.run.npz")])
@pytest.mark.parametrize("seconds", [0, 5])
def test_full_disk(script, monkeypatch, tmp_path, trained_before, size, named, seconds):
    monkeypatch.setattr(Throttle, "seconds", seconds)
    with largest_file(size):
        status, output, errors = script("train.py", *SHORT_RUN, "--seed", "7")
    assert (status, output) == (1, "")
    assert f"cannot write {named} (File too large): choose another" in one_line(errors)
    assert bytes_in(tmp_path)["xor.keras"] == trained_before["xor.keras"]
    if named == "xor.run.npz":
        assert bytes_in(tmp_path) == trained_before
    else:  # The run is complete, so that --resume writes the model.
        assert script("train.py", *SHORT_RUN, "--seed", "7", "--resume") == (0, "", "")
        assert weights_in(tmp_path) == weights(Run.load("xor.run.npz").model())


def test_read_only_folder(script, monkeypatch, somebody):
    assert script("train.py", *SHORT_RUN)[0] == 0  # Imports what another user may not read.
    assert script("predict.py", "--model", "xor.keras")[0] == 0
    with somebody() as folder:
        monkeypatch.chdir(folder)
        assert script("train.py", *SHORT_RUN)[0] == 0
        before = bytes_in(folder)
        folder.chmod(0o555)
        status, output, errors = script("train.py", *SHORT_RUN, "--seed", "7")
        assert (status, output) == (1, "")
        assert "cannot write xor.keras (Permission denied): choose a" in one_line(errors)
        assert script("predict.py", "--model", "xor.keras")[0] == 0
        assert bytes_in(folder) == before
        folder.chmod(0o755)


def test_a_model_path_that_is_a_link(script, tmp_path):
    target = tmp_path / "elsewhere" / "target.keras"
    (tmp_path / "xor.keras").symlink_to(target)
    assert script("train.py", *SHORT_RUN) == (0, "", "")
    assert (tmp_path / "xor.keras").readlink() == target
    assert (tmp_path / "xor.run.npz").exists()
    assert [file.name for file in target.parent.iterdir()] == ["target.keras"]
    assert keras_xor.load_model(target).optimizer.iterations == 150


@pytest.mark.parametrize("learning_rate", ["1e30", "1e38"])
def test_divergence(script, monkeypatch, tmp_path, trained_before, learning_rate):
    monkeypatch.setattr(Throttle, "seconds", 0)
    status, output, errors = script("train.py", *SHORT_RUN, "--learning-rate", learning_rate)
    assert (status, output) == (1, "")
    assert "training diverged in epoch 1 with a loss of" in one_line(errors)
    assert "lower the learning rate" in errors
    assert bytes_in(tmp_path) == trained_before
