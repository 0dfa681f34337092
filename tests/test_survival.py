"""Runs of train.py that are killed, interrupted, out of disk space or concurrent."""

import random
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, largest_file, one_line
from forked import Forked, run_script, train_and_save

import keras_xor
from keras_xor import Run

EPOCHS, SEED = 100, 5
RUN = ("--epochs", EPOCHS, "--steps-per-epoch", 200, "--seed", SEED, "--model", "xor.keras")
SHORT_RUN = ("--epochs", "3", "--steps-per-epoch", "50", "--model", "xor.keras", "--quiet")
pytestmark = pytest.mark.xdist_group("survival")  # One uninterrupted run for all


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
    train_and_save(EPOCHS, SEED, folder)
    return results(folder)


def test_kills(request, tmp_path, uninterrupted):
    rng = random.Random(0)
    old = keras_xor.build_model(seed=1)
    keras_xor.save_model(old, tmp_path / "xor.keras")
    whole = {weights(old), uninterrupted[0]}

    kills, resumable = 0, 0
    while kills < request.config.getoption("kills"):
        process = Forked(train_and_save, EPOCHS, SEED, cwd=tmp_path)
        # While it compiles, in the middle, and while it saves the model
        sign, patience = (("Epoch ", 0.2), ("\nEpoch ", 0.2), (f"Epoch {EPOCHS}/", 0.05))[kills % 3]
        process.wait_until(lambda text=sign: text in process.output)  # noqa: B023
        time.sleep(rng.uniform(0, patience))
        process.send_signal(signal.SIGKILL)
        status, _, errors = process.wait()
        assert errors == ""
        assert status in (0, -signal.SIGKILL)
        if status == 0:  # It has finished: it starts anew.
            assert results_of(tmp_path) == uninterrupted
            (tmp_path / "xor.run.npz").unlink()
            continue
        kills += 1
        if (tmp_path / "xor.run.npz").exists():
            resumable += 1
            Run.load(tmp_path / "xor.run.npz")
        assert weights_in(tmp_path) in whole

    assert resumable >= kills / 2

    status, _, errors = Forked(train_and_save, EPOCHS, SEED, cwd=tmp_path).wait()
    assert (status, errors) == (0, "")
    assert results_of(tmp_path) == uninterrupted


def results_of(folder):
    """The `results` without what killed writes left, which is kept for an hour."""
    for left in folder.glob(".keras_xor-*"):
        left.unlink()
    return results(folder)


def test_ctrl_c(script, tmp_path, uninterrupted):
    process = run_script("train.py", *RUN, cwd=tmp_path)
    process.wait_until(lambda: "\nEpoch 3/" in process.output)
    process.send_signal(signal.SIGINT)
    status, _, errors = process.wait()
    assert status == 130
    notice, command = one_line(errors).split(": continue with ")
    assert notice == "train.py: interrupted"
    assert [file.name for file in tmp_path.iterdir()] == ["xor.run.npz"]

    status, output, errors = script("train.py", *RUN[:4], *RUN[-2:])
    epochs_done = Run.load(tmp_path / "xor.run.npz").epochs_done
    assert (status, output) == (1, "")
    assert one_line(errors) == (
        f"train.py: xor.run.npz has {epochs_done} of {EPOCHS} epochs of an unfinished run: "
        f"continue it with python scripts/train.py --steps-per-epoch 200 --epochs {EPOCHS} "
        "--seed 5 --model xor.keras --resume, or delete it"
    )

    python, path, *options = shlex.split(command)
    assert (python, path) == (sys.executable, str(ROOT / "scripts" / "train.py"))
    status, output, errors = script("train.py", *options)
    assert (status, errors) == (0, "")
    assert f"\nEpoch {epochs_done + 1}/{EPOCHS}\n" in output
    assert f"\nEpoch {epochs_done}/{EPOCHS}\n" not in output
    assert results(tmp_path) == uninterrupted


def test_ctrl_c_before_training(tmp_path):
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "train.py"],
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


def test_two_runs_at_once(tmp_path, uninterrupted):
    train_and_save(EPOCHS, SEED + 1, tmp_path / "alone")
    alone = results(tmp_path / "alone")

    folder = tmp_path / "both"
    folder.mkdir()
    runs = [Forked(train_and_save, EPOCHS, SEED + n, cwd=folder) for n in range(2)]
    while any(process.is_running() for process in runs):
        if (folder / "xor.keras").exists():
            assert weights_in(folder) in (uninterrupted[0], alone[0])
        time.sleep(0.1)
    for process in runs:
        status, _, errors = process.wait()
        assert (status, errors) == (0, "")
    for result, *either in zip(results(folder), uninterrupted, alone, strict=True):
        assert result in either  # Each file is whole, and from one of them.


def test_same_seed_same_bytes(tmp_path):
    """In two processes, at a size where XLA divides the work among threads."""
    arguments = ("--epochs", 2, "--steps-per-epoch", 3, "--batch-size", 1_000_000)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        process = run_script("train.py", *arguments, "--model", "xor.keras", cwd=tmp_path / name)
        status, _, errors = process.wait()
        assert (status, errors) == (0, "")
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
def test_full_disk(script, tmp_path, trained_before, size, named):
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


def test_full_disk_in_the_middle_of_a_run(tmp_path):
    file = tmp_path / "a.npz"
    keras_xor.train_run(keras_xor.Recipe(epochs=1, steps_per_epoch=50), 1, file)
    before = file.read_bytes()
    complaint = r"cannot write .*xor\.run\.npz \(File too large\): choose another"
    with largest_file(500), pytest.raises(keras_xor.KerasXorError, match=complaint):
        train_and_save(3, 1, tmp_path)
    assert bytes_in(tmp_path) == {"a.npz": before}


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


def test_divergence(script, tmp_path, trained_before):
    status, output, errors = script("train.py", *SHORT_RUN, "--learning-rate", "1e30")
    assert (status, output) == (1, "")
    assert "training diverged in epoch 1 with a loss of" in one_line(errors)
    assert "lower the learning rate" in errors
    assert bytes_in(tmp_path) == trained_before
