import os

import keras
import numpy as np
import pytest
from conftest import one_line

import keras_xor
from keras_xor import Recipe
from keras_xor.files import Checkpoint, Recorder, pace
from keras_xor.files import checkpoint as checkpoints


class Kill(keras.callbacks.Callback):
    """Ends training after `epoch` without notifying the callbacks."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "SECONDS", 0)
    monkeypatch.setattr(pace, "SHARE", np.inf)
    return tmp_path / "a.checkpoint"


def adam():
    model = keras_xor.build_model(seed=1)
    model.compile(keras.optimizers.Adam(), "binary_crossentropy", jit_compile=True)
    return model


def run(file, epochs, steps_per_epoch, batch_size, build=adam, killed_after=None):
    """Train for `epochs`, resuming from a checkpoint if there is one; return all results."""
    model, recorder = build(), Recorder()
    checkpoint = Checkpoint(file, {"batch_size": batch_size}, recorder)
    epochs_done = checkpoint.restore(model, epochs)
    history = keras_xor.train(
        model,
        Recipe(epochs=epochs, steps_per_epoch=steps_per_epoch, batch_size=batch_size),
        seed=3,
        steps_per_execution=4,
        callbacks=[recorder, checkpoint, Kill(killed_after)],
        initial_epoch=epochs_done,
    )
    state = [*model.get_weights(), *recorder.weights, *map(np.array, model.optimizer.variables)]
    return [array.tobytes() for array in state], history.history


@pytest.mark.parametrize(
    ("build", "steps_per_epoch", "batch_size"),
    [(lambda: keras_xor.build_model(seed=1), 10, 32), (adam, 7, 5)],
)
def test_a_resumed_run_is_the_uninterrupted_one(file, tmp_path, build, steps_per_epoch, batch_size):
    expected = run(tmp_path / "b.checkpoint", 6, steps_per_epoch, batch_size, build)
    for epoch in (0, 1, 4):
        with pytest.raises(KeyboardInterrupt):
            run(file, 6, steps_per_epoch, batch_size, build, killed_after=epoch)
        assert file.exists() == (epoch > 0)
    assert run(file, 6, steps_per_epoch, batch_size, build) == expected
    assert run(file, 6, steps_per_epoch, batch_size, build) == expected  # Nothing is left to do.
    assert len(expected[1]["loss"]) == 6


def test_more_epochs(file, tmp_path):
    run(file, 2, 10, 4)
    assert run(file, 5, 10, 4) == run(tmp_path / "b.checkpoint", 5, 10, 4)


def test_fewer_epochs(file):
    run(file, 3, 1, 1)
    with pytest.raises(keras_xor.KerasXorError, match="because 3 epochs are done, more than 2"):
        run(file, 2, 1, 1)


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


def test_checkpoints_are_some_seconds_apart(tmp_path, monkeypatch):
    clock, written = Clock(), []

    def save(state, path):
        written.append(clock.now)
        clock.now += 1

    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(checkpoints, "_save", save)
    checkpoint = Checkpoint(tmp_path / "a.checkpoint", {})
    checkpoint.set_model(keras_xor.build_model())
    checkpoint.model.stop_training = False
    checkpoint.on_train_begin()
    for epoch in range(200):
        clock.now += 0.5
        checkpoint.on_epoch_end(epoch, {"loss": 0.5})
    assert written == [5, 31, 57, 83]  # 25 times the time that one takes.
    assert len(checkpoint.history["loss"]) == 200


def damage(file, change):
    with np.load(file) as archive:
        arrays = {**archive, **change}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with file.open("wb") as new:
        np.savez(new, **arrays)


@pytest.mark.parametrize(
    "change",
    [
        {"settings/batch_size": None},
        {"history/loss": None},
        {"variables/1": None},
        {"variables/0": np.zeros((3, 8))},
        {"variables/0": np.array("text")},
        {"variables/0": np.array([None])},
        {"variables/99": np.zeros(1)},
        {"record/0": None},
        {"deep/in/there": np.zeros(1)},
        {"history/accuracy": np.zeros(2)},
        {"history/accuracy": np.array(["text"])},
        {"history/loss": np.array(0.5)},
        {"history/loss": np.zeros((10**8, 0)), "history/accuracy": np.zeros((10**8, 0))},
        {"history/loss": np.zeros(1, "i1"), "history/accuracy": np.zeros(1, "i1")},
        {"history/loss": np.zeros(1, "S1"), "history/accuracy": np.zeros(1, "S1")},
    ],
)
def test_what_is_no_checkpoint(file, change):
    run(file, 1, 1, 1)
    damage(file, change)
    with pytest.raises(
        keras_xor.KerasXorError, match=r"a\.checkpoint is not a checkpoint, or damaged"
    ):
        run(file, 2, 1, 1)


def test_other_metrics(file):
    run(file, 1, 1, 1)
    damage(file, {"history/accuracy": None})
    with pytest.raises(keras_xor.KerasXorError, match="has other metrics than this run: start"):
        run(file, 9, 1, 1)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4", "cut"])
def test_what_is_not_even_an_archive(file, content):
    run(file, 1, 1, 1)
    file.write_bytes(file.read_bytes()[:-100] if content == "cut" else content)
    with pytest.raises(keras_xor.KerasXorError, match="start over without --resume"):
        run(file, 2, 1, 1)


# The same with train.py.

RUN = ("--epochs", 3, "--steps-per-epoch", 20, "--model", "a.keras", "--record")


@pytest.fixture
def interrupted(script, monkeypatch, file):
    """A run of train.py that is stopped after 2 of 3 epochs."""
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_epoch_begin", Kill(2).on_epoch_begin)
        status, _, errors = script("train.py", *RUN)
    assert status == 130
    assert one_line(errors).startswith("train.py: interrupted: continue with ")
    assert [path.name for path in file.parent.iterdir()] == ["a.checkpoint"]


def outputs(folder):
    files = {path.name: path for path in folder.iterdir()}
    assert set(files) == {"a.keras", "a.csv", "a.npz"}
    weights = [weight.tobytes() for weight in keras_xor.load_model(files["a.keras"]).get_weights()]
    return weights, files["a.csv"].read_text(), files["a.npz"].read_bytes()


@pytest.mark.usefixtures("interrupted")
def test_resume(script, tmp_path):
    status, output, errors = script("train.py", *RUN, "--resume")
    assert (status, errors) == (0, "")
    assert "\nResuming after epoch 2\nEpoch 3/3\n" in output
    resumed = outputs(tmp_path)
    status, output, errors = script("train.py", *RUN, "--resume")
    assert (status, errors) == (0, "")
    assert "\nNothing to resume: starting over\nEpoch 1/3\n" in output
    assert outputs(tmp_path) == resumed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--batch-size", 5], "because --batch-size was 32, not 5: use the same, or start over"),
        (["--learning-rate", 0.1], "--learning-rate was 0.01, not 0.1"),
        (["--seed", 2**80], f"--seed was 0, not {2**80}"),
        (["--steps-per-epoch", 21], "--steps-per-epoch was 20, not 21"),
        (["--seed", 1, "--batch-size", 5], "--batch-size was 32, not 5, and --seed was 0, not 1"),
        (["--epochs", 1], "because 2 epochs are done, more than 1: set epochs to"),
    ],
)
@pytest.mark.usefixtures("interrupted")
def test_other_settings_cannot_be_resumed(script, file, arguments, complaint):
    before = file.read_bytes()
    status, output, errors = script("train.py", *RUN, "--resume", *arguments)
    assert (status, output) == (1, "")
    assert complaint in one_line(errors)
    assert "start over without --resume" in errors
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["a.checkpoint"]


@pytest.mark.usefixtures("interrupted")
def test_a_record_cannot_be_begun_or_left_out(script):
    arguments = [argument for argument in RUN if argument != "--record"]
    _, _, errors = script("train.py", *arguments, "--resume")
    assert "--record was True, not False" in one_line(errors)


@pytest.mark.usefixtures("interrupted")
def test_without_resume_a_run_starts_anew(script, tmp_path):
    hint = "train.py: a.checkpoint has 2 epochs of this run: use --resume to continue\n"
    assert script("train.py", *RUN, "--quiet") == (0, "", hint)
    assert len(outputs(tmp_path)[1].splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["--seed", 1],
            "saves no checkpoint, to keep a.checkpoint: --seed was 0, not 1",
        ),
        (["--epochs", 1], "a.checkpoint has 2 epochs of this run: use --resume to continue"),
    ],
)
@pytest.mark.usefixtures("interrupted")
def test_a_checkpoint_of_another_run_stays(script, file, arguments, reason):
    before = file.read_bytes()
    status, _, errors = script("train.py", *RUN, *arguments)
    assert status == 0
    assert reason in one_line(errors)
    assert file.read_bytes() == before
    status, output, errors = script("train.py", *RUN, "--resume")
    assert (status, errors) == (0, "")
    assert "\nResuming after epoch 2\n" in output
    assert not file.exists()


@pytest.mark.parametrize("content", [b"of another program", b"PK\3\4", ""])
def test_what_is_no_checkpoint_stays(script, file, content):
    if content:
        file.write_bytes(content)
    else:
        os.mkfifo(file)
    status, _, errors = script("train.py", *RUN)
    assert status == 0
    assert "this run saves no checkpoint, to keep a.checkpoint: a.checkpoint" in one_line(errors)
    assert not content or file.read_bytes() == content
    status, output, errors = script("train.py", *RUN, "--resume")
    assert (status, output) == (1, "")
    assert "a.checkpoint is not a" in one_line(errors)


@pytest.mark.parametrize("arguments", [[], ["--seed", 1]])
def test_the_advice_of_ctrl_c_can_be_followed(script, monkeypatch, file, arguments):
    def interrupted(epoch, *more):
        with monkeypatch.context() as patch:
            patch.setattr(Recorder, "on_epoch_begin", Kill(epoch).on_epoch_begin)
            status, _, errors = script("train.py", *RUN, "--quiet", *more)
        assert status == 130
        return errors.splitlines()[-1]

    nothing = "train.py: interrupted: no checkpoint of this run was saved, run it again"
    assert interrupted(0, *arguments) == nothing
    assert not file.exists()
    assert "interrupted: continue with " in interrupted(1)
    assert (interrupted(2, *arguments) == nothing) is (arguments != [])


def test_a_checkpoint_is_not_replaced_by_an_earlier_one(file):
    run(file, 5, 10, 4)
    before = file.read_bytes()
    model, checkpoint = adam(), Checkpoint(file, {"batch_size": 4}, recorder=Recorder())
    keras_xor.train(
        model, Recipe(epochs=3, steps_per_epoch=10, batch_size=4), seed=3, callbacks=[checkpoint]
    )
    checkpoint.delete()
    assert file.read_bytes() == before
