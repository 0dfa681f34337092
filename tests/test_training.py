import re

import keras
import numpy as np
import pytest
from forked import TWO_CPUS, Forked, run_code

import keras_xor
from keras_xor import Recipe, runtime, training
from keras_xor.data import TRUTH_TABLE


def sgd_in_numpy(weights, batches, learning_rate):
    """Gradient descent on the mean cross-entropy, its gradient written out by hand, in float64."""
    w1, b1, w2, b2 = (np.asarray(weight, np.float64) for weight in weights)
    losses, hits = [], []
    for x, y in batches:
        x, y = np.hstack([x["x1"], x["x2"]]).astype(float), y.astype(float)
        h = np.tanh(x @ w1 + b1)
        p = 1 / (1 + np.exp(-(h @ w2 + b2)))
        losses.append(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
        hits.append(np.mean((p > 0.5) == y))
        dz = (p - y) / len(y)
        da = dz @ w2.T * (1 - h**2)
        w2, b2 = w2 - learning_rate * h.T @ dz, b2 - learning_rate * dz.sum(axis=0)
        w1, b1 = w1 - learning_rate * x.T @ da, b1 - learning_rate * da.sum(axis=0)
    return [w1, b1, w2, b2], np.mean(losses), np.mean(hits)


@pytest.mark.parametrize(("steps", "batch_size", "learning_rate"), [(997, 5, 0.3), (1, 1, 0.01)])
def test_against_numpy(steps, batch_size, learning_rate):
    model = keras_xor.build_model(Recipe(learning_rate=learning_rate), seed=3)
    batches = keras_xor.xor_batches(batch_size, seed=4).take(steps).as_numpy_iterator()
    weights, loss, accuracy = sgd_in_numpy(model.get_weights(), batches, learning_rate)

    history = keras_xor.train(
        model, Recipe(epochs=1, steps_per_epoch=steps, batch_size=batch_size), seed=4
    ).history

    assert model.optimizer.iterations == steps
    for actual, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)
    assert history["loss"] == pytest.approx([loss], abs=2e-5)
    assert history["accuracy"] == pytest.approx([accuracy], abs=1e-3)


def test_against_plain_fit():
    plain, stacked = keras_xor.build_model(seed=1), keras_xor.build_model(seed=1)
    plain_history = plain.fit(
        keras_xor.xor_batches(seed=2), epochs=2, steps_per_epoch=200, shuffle=False, verbose=0
    )
    history = keras_xor.train(
        stacked,
        Recipe(epochs=2, steps_per_epoch=200),
        seed=2,
        steps_per_execution=7,
    )

    assert plain.optimizer.iterations == stacked.optimizer.iterations == 400
    for expected, actual in zip(plain.get_weights(), stacked.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)
    for name, values in plain_history.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)


def test_the_recipe_at_the_default_seed(trained):
    # The 0.1 % and 99.9 % quantiles of 4,000 runs of an independent NumPy program.
    bands = [(0.0099, 0.0824), (0.8709, 0.9749), (0.8809, 0.9749), (0.0309, 0.1707)]
    for probability, (low, high) in zip(
        keras_xor.predict(trained, *TRUTH_TABLE), bands, strict=True
    ):
        assert low < probability < high


def test_same_seed_same_weights():
    def weights(model, seed):
        keras_xor.train(model, Recipe(epochs=2, steps_per_epoch=50), seed=seed)
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    model, other = keras_xor.build_model(seed=5), keras_xor.build_model(seed=5)
    initial = model.get_weights()
    first = weights(model, 5)
    np.testing.assert_array_equal(first, weights(other, 5))
    model.set_weights(initial)
    assert not np.array_equal(first, weights(model, 6))


@pytest.mark.parametrize(
    ("learning_rate", "epochs", "complaint"),
    [
        (1e30, 1, r"epoch 1 with a loss of \S+e\+29: lower the learning rate"),
        (1e38, 5, "epoch 1 with a loss of nan"),
        (1e7, 5, "epoch 1 with a loss of"),
    ],
)
def test_divergence(learning_rate, epochs, complaint):
    model = keras_xor.build_model(Recipe(learning_rate=learning_rate), seed=0)
    with pytest.raises(keras_xor.KerasXorError, match=f"training diverged in {complaint}"):
        keras_xor.train(
            model, Recipe(epochs=epochs, steps_per_epoch=1_000), steps_per_execution=100, seed=0
        )
    assert model.optimizer.iterations < 1_000  # It ends in the middle of the epoch.


def test_a_model_that_is_compiled_anew():
    recipe = Recipe(epochs=1, steps_per_epoch=50)
    model, other = keras_xor.build_model(seed=0), keras_xor.build_model(seed=0)
    initial = model.get_weights()
    keras_xor.train(model, recipe, seed=1)
    model.set_weights(initial)
    for each in (model, other):
        each.layers[-1].trainable = False
        each.compile("adam", "mse", jit_compile=True)
        keras_xor.train(each, recipe, seed=2)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_callbacks_may_freeze_a_layer_before_the_first_step():
    class Freeze(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.get_layer("hidden_1").trainable = False

    model = keras_xor.build_model()
    hidden, _, output, _ = model.get_weights()
    keras_xor.train(model, Recipe(epochs=1, steps_per_epoch=50), callbacks=[Freeze()])
    np.testing.assert_array_equal(model.get_weights()[0], hidden)
    assert not np.array_equal(model.get_weights()[2], output)


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches, self.iterations = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)
        self.iterations.append(int(self.model.optimizer.iterations))


@pytest.mark.parametrize(("steps", "ends"), [(1, [1]), (1_499, [500, 1000, 1499])])
def test_exactly_the_steps_asked_for(steps, ends):
    recorder, model = Recorder(), keras_xor.build_model()
    history = keras_xor.train(
        model,
        Recipe(epochs=2, steps_per_epoch=steps, batch_size=2),
        steps_per_execution=500,
        callbacks=[recorder],
    )
    assert recorder.batches == [end - 1 for end in ends] * 2
    assert recorder.iterations == [end + done for done in (0, steps) for end in ends]
    assert history.epoch == [0, 1]


def test_the_progress_bar_counts_steps(capsys):
    keras_xor.train(
        keras_xor.build_model(),
        Recipe(epochs=2, steps_per_epoch=250),
        steps_per_execution=100,
        verbose=1,
    )
    output = capsys.readouterr().out
    assert "Epoch 2/2" in output
    shown = set(re.findall(r"(\d+)/250", output))  # Keras draws at most every 50 ms.
    assert {"250"} <= shown <= {"100", "200", "250"}


def test_silent_by_default(capfd):
    keras_xor.train(keras_xor.build_model(), Recipe(epochs=1, steps_per_epoch=2))
    assert capfd.readouterr() == ("", "")


def test_a_model_is_as_it_was_when_its_step_fails():
    class Broken(keras.Model):
        def train_step(self, data):
            raise NotImplementedError

    model = of_class(Broken)()
    with pytest.raises(NotImplementedError):
        keras_xor.train(model)
    assert (model.steps_per_execution, model.train_function) == (1, None)


def test_callbacks_may_stop_the_training():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert keras_xor.train(
        keras_xor.build_model(), Recipe(epochs=5, steps_per_epoch=3), callbacks=[Stop()]
    ).epoch == [0]


def test_fit_is_plain_again_afterwards():
    model = keras_xor.build_model()
    model.compile("sgd", "mse", steps_per_execution=3)
    keras_xor.train(model, Recipe(epochs=1, steps_per_epoch=20))
    assert model.steps_per_execution == 3
    model.fit(keras_xor.xor_batches(), steps_per_epoch=6, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 26


def test_any_loss_optimizer_and_metric():
    model = keras_xor.build_model(seed=0)
    adam = keras.optimizers.Adam(0.01)
    model.compile(adam, "mse", metrics=["mae", "auc"], jit_compile=True)
    history = keras_xor.train(model, Recipe(epochs=3, steps_per_epoch=300), seed=0).history
    assert set(history) == {"loss", "mae", "auc"}
    assert history["auc"][-1] == pytest.approx(1)
    assert history["loss"][-1] < history["loss"][0]


class Other(keras.Model):
    """A model with its own `train_step`."""

    def train_step(self, data):
        logs = super().train_step(data)
        return {"twice": 2 * logs["loss"], "steps": self.optimizer.iterations}


class More(keras.Model):
    def train_step(self, data):
        return {**super().train_step(data), "steps": self.optimizer.iterations}


class OwnMetrics(keras.Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {"mean": keras.ops.mean(y_pred)}


def own_metric(y, predicted):
    return keras.ops.mean(keras.ops.abs(keras.ops.cast(y, "float32") - predicted))


def of_class(kind, **options):
    def build():
        plain = keras_xor.build_model(seed=1)
        model = kind(plain.input, plain.output)
        options.setdefault("jit_compile", True)
        model.compile(keras.optimizers.SGD(0.01), "binary_crossentropy", **options)
        model.optimizer.build(model.trainable_variables)  # Or `fit` would trace the step twice.
        return model

    return build


@pytest.mark.parametrize(
    "build",
    [
        of_class(Other),
        of_class(OwnMetrics),
        of_class(More, run_eagerly=True, jit_compile=False),
        of_class(More, metrics=["accuracy", own_metric], jit_compile=False),
    ],
)
def test_whatever_fit_heeds(build):
    plain, stacked = build(), build()
    recipe = Recipe(epochs=2, steps_per_epoch=20)
    expected = plain.fit(
        keras_xor.xor_batches(seed=2), epochs=2, steps_per_epoch=20, shuffle=False, verbose=0
    )
    history = keras_xor.train(stacked, recipe, seed=2, steps_per_execution=7)
    assert history.history.keys() == expected.history.keys()
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)
    for actual, weight in zip(stacked.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(actual, weight, rtol=0, atol=2e-6)


def test_run_eagerly_runs_eagerly():
    seen = []

    class Eager(keras.Model):
        def train_step(self, data):
            seen.append(int(self.optimizer.iterations))
            return super().train_step(data)

    model = of_class(Eager, run_eagerly=True, jit_compile=False)()
    keras_xor.train(model, Recipe(epochs=2, steps_per_epoch=3))
    assert seen == [0, 1, 2, 3, 4, 5]


def test_training_within_a_callback():
    class Within(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            keras_xor.train(self.model, Recipe(epochs=1, steps_per_epoch=5), steps_per_execution=2)

    model = keras_xor.build_model()
    history = keras_xor.train(model, Recipe(epochs=3, steps_per_epoch=10), callbacks=[Within()])
    assert model.optimizer.iterations == 45
    assert history.epoch == [0, 1, 2]
    model.fit(keras_xor.xor_batches(), steps_per_epoch=6, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 51


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: network(["a", "b"]), "must have the inputs x1 and x2: train others by model.fit"),
        (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "inputs x1 and x2"),
    ],
)
def test_other_models(build, complaint):
    model = build()
    model.compile("sgd", "mse")
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        keras_xor.train(model)


def network(names):
    inputs = [keras.Input((1,), name=name) for name in names]
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(inputs)))


def test_the_batch_hooks_are_called_once_a_run(tmp_path):
    """As the docstring says; what counts batches needs a smaller `steps_per_execution`."""
    rates = []

    class Rate(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rates.append(batch)

    keras_xor.train(
        keras_xor.build_model(), Recipe(epochs=2, steps_per_epoch=1_000), callbacks=[Rate()]
    )
    assert rates == [0, 0]
    rates.clear()
    keras_xor.train(
        keras_xor.build_model(),
        Recipe(epochs=1, steps_per_epoch=1_000),
        steps_per_execution=100,
        callbacks=[Rate()],
    )
    assert rates == [*range(0, 1_000, 100)]


def test_one_trace_for_one_run(monkeypatch):
    traces = []
    train_step = keras.Model.train_step
    monkeypatch.setattr(
        keras.Model, "train_step", lambda *data: traces.append(1) or train_step(*data)
    )
    keras_xor.train(keras_xor.build_model(), Recipe(epochs=2, steps_per_epoch=30))
    assert len(traces) == 1


@pytest.mark.parametrize("steps_per_epoch", [1, 997, 1_000, 10**6, 10**18])
@pytest.mark.parametrize("batch_size", [1, 32, 1_000_000, 2**24])
def test_stacks_are_small(steps_per_epoch, batch_size):
    recipe = Recipe(steps_per_epoch=steps_per_epoch, batch_size=batch_size)
    steps = training.choose_steps_per_execution(recipe)
    assert 1 <= steps <= steps_per_epoch
    assert steps * batch_size * 3 <= 64 * 2**20


def test_the_device_has_a_name():
    assert re.fullmatch(r"[ctg]pu:\d+", runtime.get_device_name())


ON_DEVICES = """
import keras
import keras_xor
from keras_xor.runtime import on_device
from keras_xor.study.network import Network

devices = []
start = Network.start

def noted(*arguments):
    state = start(*arguments)
    devices.extend(tensor.device for tensor in (*state.trained, *state.optimizer))
    return state

Network.start = noted
recipe = keras_xor.Recipe(epochs=1, steps_per_epoch=3)
for name in ("cpu:0", "cpu:1"):
    with on_device(name):
        model = keras_xor.build_model(recipe)
        keras_xor.train(model, recipe)
        keras_xor.seed_study(recipe, seeds=2)
    devices += [weight.value.device for weight in (*model.weights, *model.optimizer.variables)]
    print({device[-5:] for device in devices}, model.optimizer.iterations.numpy())
    devices.clear()
"""


def test_on_a_device(tmp_path):
    done = Forked(run_code, TWO_CPUS + ON_DEVICES, cwd=tmp_path).wait()
    assert done == (0, "{'CPU:0'} 3\n{'CPU:1'} 3\n", "")


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_batch_begin"])
def test_a_training_within_another_has_its_own_batches(hook):
    recipe = Recipe(epochs=1, steps_per_epoch=50)
    model, other = keras_xor.build_model(seed=0), keras_xor.build_model(seed=0)
    within = keras.callbacks.Callback()
    setattr(within, hook, lambda *_, **__: keras_xor.train(model, recipe, seed=7))
    keras_xor.train(model, recipe, seed=5, callbacks=[within])
    for seed in (7, 5):
        keras_xor.train(other, recipe, seed)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_each_training_of_a_model_has_its_own_batches():
    recipe = Recipe(epochs=2, steps_per_epoch=50)
    model, other = keras_xor.build_model(seed=0), keras_xor.build_model(seed=0)
    initial = model.get_weights()
    keras_xor.train(model, Recipe(epochs=3, steps_per_epoch=20), seed=1)
    model.set_weights(initial)
    keras_xor.train(model, recipe, seed=2)
    keras_xor.train(other, recipe, seed=2)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
