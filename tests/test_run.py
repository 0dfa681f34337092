import csv
import dataclasses
import itertools

import keras
import numpy as np
import pytest

import keras_xor
from keras_xor import Recipe, Run, recording, train_run
from keras_xor.data import TRUTH_TABLE
from keras_xor.files import Throttle

SHORT = Recipe(epochs=4, steps_per_epoch=7, batch_size=5)
ADAM = Recipe(epochs=4, steps_per_epoch=10, optimizer="adam", hidden_units=(4, 3))
NADAM = Recipe(epochs=3, steps_per_epoch=30, optimizer="nadam", activation="relu")


def arrays(run):
    return [*run.weights, *run.optimizer_variables, run.epochs, *run.history.values()]


def check_same(run, expected):
    assert (run.recipe, run.seed) == (expected.recipe, expected.seed)
    assert run.history.keys() == expected.history.keys()
    for array, other in zip(arrays(run), arrays(expected), strict=True):
        np.testing.assert_array_equal(array, other)


class Kill(keras.callbacks.Callback):
    """Ends training before `epoch`, counted from 0, without a word to the other callbacks."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def kill(epoch, *arguments, **options):
    with pytest.raises(KeyboardInterrupt):
        train_run(*arguments, **options, callbacks=[Kill(epoch)], save_every=0)


def test_a_run_is_what_build_model_and_train_give():
    states, recipe = [], NADAM

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            states.append(self.model.get_weights())

        def on_epoch_end(self, epoch, logs=None):
            states.append(self.model.get_weights())

    other = dataclasses.replace(recipe, learning_rate=0.3, epochs=1)
    train_run(other, 1)  # Leaves a model, and the state of its optimizer.
    run = train_run(recipe, seed=2)
    model = keras_xor.build_model(recipe, seed=2)
    history = keras_xor.train(model, recipe, seed=2, callbacks=[Look()])
    assert run.history == history.history
    assert run.epochs.tolist() == [*range(recipe.epochs + 1)]
    for weight, expected in zip(run.weights, zip(*states, strict=True), strict=True):
        np.testing.assert_array_equal(weight, np.stack(expected))
    again = run.model()
    for own, other in ((again.weights, model.weights), (again.optimizer, model.optimizer)):
        pairs = zip(getattr(own, "variables", own), getattr(other, "variables", other), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)
    assert again.optimizer.iterations == recipe.steps


def test_probabilities_and_steps_to_learn():
    run = train_run(Recipe(epochs=20, steps_per_epoch=200), 1)
    model, right = run.model(), []
    for epoch in range(21):
        model.set_weights([weight[epoch] for weight in run.weights])
        y = keras_xor.predict(model, *TRUTH_TABLE)
        np.testing.assert_allclose(run.predictions[epoch], y, atol=1e-6)
        right.append(bool(np.all((y > 0.5) == np.not_equal(*TRUTH_TABLE))))
    first = 20 - len([*itertools.takewhile(bool, reversed(right))]) + 1
    assert run.steps_to_learn == 200 * first > 0
    assert train_run(dataclasses.replace(SHORT, learning_rate=1e-9)).steps_to_learn is None


def test_a_run_goes_through_its_file(tmp_path):
    file = tmp_path / "new" / "a.npz"
    run = train_run(ADAM, 2**70, file)
    assert [path.name for path in file.parent.iterdir()] == ["a.npz"]
    check_same(Run.load(file), run)
    run.save(tmp_path / "b.npz")
    check_same(Run.load(str(tmp_path / "b.npz")), run)
    with np.load(file) as archive:
        assert {array.dtype.kind for array in archive.values()} <= set("fiU")


def test_the_history_as_csv(tmp_path):
    run = train_run(SHORT)
    run.to_csv(tmp_path / "new" / "a.csv")
    with (tmp_path / "new" / "a.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row.pop("epoch") for row in rows] == ["1", "2", "3", "4"]
    for name, values in run.history.items():
        assert [float(row[name]) for row in rows] == values
    assert {*rows[0]} == {"accuracy", "loss"} == {*run.history}


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    file, recipe = tmp_path / "a.npz", ADAM
    whole = train_run(recipe, 3)
    for epoch in (0, 1, recipe.epochs - 1):
        kill(epoch, recipe, 3, file, resume=True)
        assert file.exists() == (epoch > 0)
    unfinished = recording.find_unfinished(file)
    assert (unfinished.epochs_done, unfinished.recipe) == (recipe.epochs - 1, recipe)
    check_same(train_run(recipe, 3, file, resume=True), whole)
    check_same(Run.load(file), whole)
    assert recording.find_unfinished(file) is None
    before = file.read_bytes()
    check_same(train_run(recipe, 3, file, resume=True), whole)  # Nothing is left to do.
    assert file.read_bytes() == before


def test_more_epochs_of_an_unfinished_and_of_a_finished_run(tmp_path):
    file = tmp_path / "a.npz"
    longer, longest = (dataclasses.replace(SHORT, epochs=epochs) for epochs in (6, 9))
    kill(2, SHORT, 1, file)
    check_same(train_run(longer, 1, file, resume=True), train_run(longer, 1))
    check_same(train_run(longest, 1, file, resume=True), train_run(longest, 1))
    assert Run.load(file).epochs_done == 9


def test_without_resume_a_run_starts_anew(tmp_path):
    file = tmp_path / "a.npz"
    kill(2, SHORT, 1, file)
    other = dataclasses.replace(SHORT, learning_rate=0.1)
    check_same(train_run(other, 2, file), train_run(other, 2))
    check_same(Run.load(file), train_run(other, 2))


@pytest.mark.parametrize(
    ("change", "seed", "complaint"),
    [
        ({"batch_size": 6}, 1, "has batch_size 5, not 6: use the same to continue it"),
        ({"learning_rate": 0.1}, 1, "has learning_rate 0.01, not 0.1: use"),
        ({}, 2**80, f"has seed 1, not {2**80}"),
        ({"steps_per_epoch": 8, "epochs": 9}, 2, "has steps_per_epoch 7, not 8 and seed 1, not 2"),
        ({"epochs": 3}, 1, "has 4 epochs already, more than 3"),
    ],
)
def test_another_run_is_not_resumed(tmp_path, change, seed, complaint):
    file = tmp_path / "a.npz"
    train_run(SHORT, 1, file)
    before = file.read_bytes()
    with pytest.raises(keras_xor.KerasXorError, match=f"the run in .*a.npz {complaint}"):
        train_run(dataclasses.replace(SHORT, **change), seed, file, resume=True)
    assert file.read_bytes() == before


def test_a_long_run_keeps_some_epochs_also_when_it_is_resumed(tmp_path):
    """At most a thousand, and a power of two apart."""
    recipe = Recipe(epochs=1_000, steps_per_epoch=1, batch_size=1)
    thousand = train_run(recipe, 1, tmp_path / "a.npz")
    assert thousand.epochs.tolist() == [*range(1_001)]
    longer = dataclasses.replace(recipe, epochs=1_003)
    run = train_run(longer, 1, tmp_path / "a.npz", resume=True)
    assert run.epochs.tolist() == [*range(0, 1_003, 2), 1_003]
    for weight, expected in zip(run.weights, thousand.weights, strict=True):
        np.testing.assert_array_equal(weight[:501], expected[::2])


def test_a_large_network_keeps_fewer_epochs():
    recipe = Recipe(hidden_units=[256] * 4, epochs=90, steps_per_epoch=1, batch_size=1)
    assert recipe.parameters * 84 < 2**24 < recipe.parameters * 86
    assert train_run(recipe).epochs.tolist() == [*range(0, 91, 2)]


def test_a_callback_may_change_its_model_and_no_other(tmp_path):
    class Freeze(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.layers[-1].trainable = False

    whole = train_run(SHORT, 1)
    frozen = train_run(SHORT, 1, callbacks=[Freeze()])
    np.testing.assert_array_equal(frozen.weights[-1][-1], [0])
    check_same(train_run(SHORT, 1, callbacks=[]), whole)


def test_a_seed_of_numpy(tmp_path):
    check_same(train_run(SHORT, np.int64(1), tmp_path / "a.npz"), train_run(SHORT, 1))
    assert Run.load(tmp_path / "a.npz").seed == 1


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch, as `train` tells of it."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 3 * SHORT.steps_per_epoch:
            raise KeyboardInterrupt


def test_an_interrupted_run_is_saved(tmp_path):
    file = tmp_path / "a.npz"
    with pytest.raises(KeyboardInterrupt):
        train_run(SHORT, 1, file, callbacks=[Interrupt()])
    assert recording.find_unfinished(file).epochs_done == 2
    check_same(train_run(SHORT, 1, file, resume=True), train_run(SHORT, 1))
    before = file.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        train_run(SHORT, 2, file, callbacks=[Interrupt()])
    assert file.read_bytes() == before  # It has another run.
    longer = dataclasses.replace(SHORT, optimizer="adam")
    with pytest.raises(KeyboardInterrupt):
        train_run(longer, 1, tmp_path / "b.npz", callbacks=[Interrupt()])
    check_same(train_run(longer, 1, tmp_path / "b.npz", resume=True), train_run(longer, 1))


def test_a_resumed_run_that_is_interrupted_is_saved(tmp_path):
    file = tmp_path / "a.npz"
    train_run(dataclasses.replace(SHORT, epochs=1), 1, file)
    with pytest.raises(KeyboardInterrupt):
        train_run(SHORT, 1, file, resume=True, callbacks=[Interrupt()])
    assert recording.find_unfinished(file).epochs_done == 2
    check_same(train_run(SHORT, 1, file, resume=True), train_run(SHORT, 1))


def test_an_unfinished_run_may_be_declared_finished(tmp_path):
    file = tmp_path / "a.npz"
    kill(2, SHORT, 1, file)
    shorter = dataclasses.replace(SHORT, epochs=2)
    check_same(train_run(shorter, 1, file, resume=True), train_run(shorter, 1))
    assert recording.find_unfinished(file) is None


@pytest.mark.parametrize(
    ("seconds", "duration", "expected"),
    [
        (5, 0, [*range(5, 101, 5)]),
        (10, 1, [10, 36, 62, 88]),  # 25 times the time that one takes
        (0, 1, [0.5 + 1.5 * n for n in range(200)]),
    ],
)
def test_saves_are_some_seconds_apart(seconds, duration, expected):
    now, saved = 0.0, []

    def save():
        nonlocal now
        saved.append(now)
        now += duration

    throttle = Throttle(seconds, clock=lambda: now)
    for _ in range(200):
        now += 0.5
        throttle(save)
    assert saved == expected


def test_a_short_run_is_written_once_at_its_end(tmp_path):
    file = tmp_path / "a.npz"
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(file.exists())

    train_run(SHORT, file=file, callbacks=[Look()])
    assert seen == [False] * 4
    check_same(Run.load(file), train_run(SHORT))


DIVERGING = dataclasses.replace(SHORT, activation="linear", learning_rate=1e20)


def test_a_run_that_diverges_is_returned_and_not_saved(tmp_path):
    train_run(SHORT, 1, tmp_path / "a.npz")
    before = (tmp_path / "a.npz").read_bytes()
    run = train_run(DIVERGING, 1, tmp_path / "a.npz")
    assert run.diverged
    assert run.steps_to_learn is None
    assert len(run.weights[0]) == run.epochs_done + 1 == 2
    assert (tmp_path / "a.npz").read_bytes() == before
    assert not train_run(SHORT, 1).diverged


def test_a_resumed_run_that_diverges_early_leaves_the_file(tmp_path):
    class Rise(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.optimizer.learning_rate = 1e20

    recipe = dataclasses.replace(DIVERGING, learning_rate=0.01)
    train_run(recipe, 1, tmp_path / "a.npz")
    before = (tmp_path / "a.npz").read_bytes()
    longer = dataclasses.replace(recipe, epochs=9)
    assert train_run(longer, 1, tmp_path / "a.npz", resume=True, callbacks=[Rise()]).diverged
    assert (tmp_path / "a.npz").read_bytes() == before


def test_what_a_run_saved_before_it_diverged_is_removed(tmp_path):
    class Rise(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.optimizer.learning_rate = 1e20

    recipe = dataclasses.replace(SHORT, activation="linear")
    run = train_run(recipe, 1, tmp_path / "a.npz", callbacks=[Rise()], save_every=0)
    assert run.diverged
    assert not any(tmp_path.iterdir())


def test_a_run_that_a_callback_stops_is_a_shorter_one(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    run = train_run(SHORT, 1, tmp_path / "a.npz", callbacks=[Stop()])
    check_same(run, train_run(dataclasses.replace(SHORT, epochs=2), 1))
    assert recording.find_unfinished(tmp_path / "a.npz") is None
    check_same(train_run(SHORT, 1, tmp_path / "a.npz", resume=True), train_run(SHORT, 1))


def damaged(file, **change):
    with np.load(file) as archive:
        kept = {name: a for name, a in ({**archive} | change).items() if a is not None}
    with file.open("wb") as new:
        np.savez(new, **kept)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"PK\3\4 and so on"),
        lambda file: file.write_bytes(file.read_bytes()[:-100]),
        lambda file: damaged(file, run=None),
        lambda file: damaged(file, run="{}"),
        lambda file: damaged(file, run=np.array([None])),
        lambda file: damaged(file, run='{"recipe": {"epochs": 0}, "seed": 1}'),
        lambda file: damaged(file, epochs=None),
        lambda file: file.unlink() or file.mkdir(),
    ],
)
def test_what_is_no_run_is_told(tmp_path, damage):
    file = tmp_path / "a.npz"
    train_run(SHORT, 1, file)
    damage(file)
    with pytest.raises(keras_xor.KerasXorError, match=r"a\.npz is not a run, or damaged: choose"):
        Run.load(file)
    assert recording.find_unfinished(file) is None


def test_there_is_no_run():
    with pytest.raises(keras_xor.KerasXorError, match=r"no run at missing\.npz: check the path"):
        Run.load("missing.npz")


def test_a_file_that_cannot_be_written_is_told_before_training(tmp_path):
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(keras_xor.KerasXorError, match=r"cannot write .*a\.npz \(it is a folder\)"):
        train_run(SHORT, 1, tmp_path / "a.npz", callbacks=[Kill(0)])


@pytest.mark.parametrize("fields", [{"data": "shuffled"}, {"noise": 0.1, "labels": "0001"}])
def test_other_data_are_continued_too(tmp_path, fields):
    file, steps = tmp_path / "a.run.npz", {"steps_per_epoch": 7, "batch_size": 3}
    train_run(Recipe(**fields, **steps, epochs=2), 5, file)
    longer = Recipe(**fields, **steps, epochs=4)
    check_same(train_run(longer, 5, file, resume=True), train_run(longer, 5))
