import csv
import functools
import math
import os
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, one_line

import keras_xor
from keras_xor import Recipe, checks
from keras_xor.data import TRUTH_TABLE
from keras_xor.study import ARTICLE, POINTS, groups, seed_study, summary
from keras_xor.study.initial import InitialWeights
from keras_xor.study.network import gives_logits
from keras_xor.study.summary import wilson_interval

TRUTH = np.array([0, 1, 1, 0])


def answers(rows):
    return np.array([[row[point] for point in POINTS] for row in rows])


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(hidden_units=2, activation="sigmoid", learning_rate=0.3, epochs=2),
        Recipe(activation="relu", epochs=3, steps_per_epoch=997, batch_size=5),
        Recipe(hidden_units="4x3", optimizer="adam", loss="mse", epochs=1),
        Recipe(momentum=0.9, nesterov=True, loss="mean_absolute_error", epochs=1),
        Recipe(optimizer="rmsprop", momentum=0.5, kernel_initializer="he_normal", epochs=1),
        Recipe(optimizer="adamw", kernel_initializer="zeros", epochs=1),
        Recipe(optimizer="ftrl", kernel_initializer="orthogonal", epochs=1),
        Recipe(optimizer="adagrad", batch_size=1, epochs=1),
        Recipe(optimizer="nadam", loss="hinge", batch_size=1_000, epochs=1, steps_per_epoch=300),
        Recipe(optimizer="lion", learning_rate=1e-3, loss="squared_hinge", epochs=1),
    ],
)
def test_a_run_is_that_of_train(recipe):
    rows = seed_study(recipe, seeds=20, seed=3)
    seeds = np.random.SeedSequence(3).generate_state(20, np.uint64).tolist()
    assert [row["seed"] for row in rows] == seeds
    run = 13
    model = keras_xor.build_model(recipe, seeds[run])
    history = keras_xor.train(model, recipe, seeds[run]).history
    y = keras_xor.predict(model, *TRUTH_TABLE)
    np.testing.assert_allclose(answers(rows)[run], y, rtol=0, atol=2e-5)
    assert rows[run]["loss"] == pytest.approx(history["loss"][-1], abs=2e-5)


def test_steps_to_learn():
    recipe = Recipe(epochs=90, steps_per_epoch=1, batch_size=8, learning_rate=0.5)
    rows = seed_study(recipe, seeds=5, seed=1)
    for row in rows:
        model, run = keras_xor.build_model(recipe), keras_xor.train_run(recipe, row["seed"])
        wrong = [0]
        for step in range(1, 91):
            model.set_weights([weight[step] for weight in run.weights])
            if np.any((keras_xor.predict(model, *TRUTH_TABLE) > 0.5) != TRUTH):
                wrong.append(step)
        assert row["steps_to_learn"] == (None if wrong[-1] == 90 else wrong[-1] + 1)
    assert {row["steps_to_learn"] is None for row in rows} == {True, False}


# The study of a model, compared with Keras's `fit`.


def sequential(*layers, trainable=True, **compilation):
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1, "sigmoid")])
    model.trainable = trainable
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy"} | compilation)
    return model


def functional(inputs, **compilation):
    pair = keras.layers.Concatenate()([inputs["x1"], inputs["x2"]])
    x = keras.layers.Dense(5, "relu", kernel_regularizer=keras.regularizers.L2(0.01))(pair)
    x = keras.layers.Dense(4, kernel_constraint="max_norm")(x)
    y = keras.layers.Dense(1, name="y")(keras.layers.LeakyReLU()(x))
    return keras.Model(compilation.pop("structure")(inputs), y)


def two_inputs(structure=dict, **compilation):
    inputs = {name: keras.Input((1,), name=name) for name in ("x2", "x1")}
    model = functional(inputs, structure=structure)
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(**{"optimizer": "sgd", "loss": logits} | compilation)
    return model


def frozen():
    model = sequential(keras.layers.Dense(3, "tanh"), keras.layers.Dense(2, "tanh"))
    model.layers[0].trainable = False
    model.compile("rmsprop", "mean_absolute_error")
    return model


class Seeded(keras.initializers.RandomNormal):
    def __call__(self, shape, dtype=None):
        return keras.random.normal(shape, seed=self.seed, dtype=dtype)


def own_loss(y_true, y_pred):
    return (y_true - y_pred) ** 2


def warm_up():
    return keras.optimizers.schedules.PiecewiseConstantDecay([5], [1e-7, 0.02])


def scheduled():
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 50, 0.5)
    return keras.optimizers.AdamW(rate, clipvalue=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sequential(keras.layers.Dense(4, "tanh", kernel_initializer="he_normal")),
        lambda: sequential(
            keras.layers.Dense(3, "tanh", bias_initializer="random_normal"),
            keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25)),
            keras.layers.LayerNormalization(),
            optimizer=keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
            loss=lambda y_true, y_pred: (y_true - y_pred) ** 4,
        ),
        lambda: sequential(keras.layers.Dense(3, "gelu"), optimizer=scheduled()),
        two_inputs,
        lambda: two_inputs(structure=lambda inputs: [inputs["x1"], inputs["x2"]]),
        lambda: two_inputs(structure=lambda inputs: [inputs["x2"], inputs["x1"]]),
        lambda: two_inputs(loss="mean_squared_error", loss_weights=3.0),
        lambda: sequential(
            keras.layers.BatchNormalization(trainable=False),
            keras.layers.Dense(3, "relu", kernel_initializer=Seeded()),
        ),
        frozen,
    ],
)
def test_a_run_of_a_model_is_that_of_fit(make):
    model = make()
    before = model.get_weights()
    recipe = Recipe(epochs=2, steps_per_epoch=60, batch_size=5)
    rows = seed_study(recipe, seeds=2, seed=3, model=model)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))
    initial = InitialWeights(model)([row["seed"] for row in rows])

    def as_input(x):
        pair = tf.cast(x["x1"], tf.float32), tf.cast(x["x2"], tf.float32)
        if len(model.inputs) == 1:
            return tf.concat(pair, axis=1)
        columns = {"x1": pair[0], "x2": pair[1]}
        if isinstance(model.input, dict):
            return columns
        return tuple(columns[tensor.name] for tensor in model.input)

    for run, row in enumerate(rows):
        model.set_weights([weights[run] for weights in initial])
        model.optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        model.optimizer.build(model.trainable_variables)
        data = keras_xor.xor_batches(5, row["seed"]).map(lambda x, y: (as_input(x), y))
        model.make_train_function(force=True)
        history = model.fit(data, epochs=2, steps_per_epoch=60, shuffle=False, verbose=0).history
        points = np.array(TRUTH_TABLE, "float32")[:, :, None]
        y = model(as_input({"x1": points[0], "x2": points[1]})).numpy()[:, 0]
        if getattr(model.loss, "from_logits", False):
            y = 1 / (1 + np.exp(-y))
        np.testing.assert_allclose(answers([row])[0], y, rtol=0, atol=2e-5)
        assert row["loss"] == pytest.approx(history["loss"][-1], abs=2e-5)


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "orthogonal", "ones", "identity"])
def test_the_initial_weights_are_those_of_the_initializer(name):
    recipe = Recipe(kernel_initializer=name, hidden_units=(3, 2))
    seeds = [7, 2**60]
    drawn = InitialWeights(keras_xor.build_model(recipe))(seeds)
    for run, seed in enumerate(seeds):
        expected = keras_xor.build_model(recipe, seed).get_weights()
        for weights, weight in zip(drawn, expected, strict=True):
            np.testing.assert_array_equal(weights[run], weight)


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True),
        [keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.5)],
        {"y": keras.losses.BinaryCrossentropy(from_logits=True)},
        functools.partial(keras.losses.binary_crossentropy, from_logits=True),
        lambda y, p: tf.nn.weighted_cross_entropy_with_logits(tf.cast(y, p.dtype), p, 2),
    ],
)
def test_a_loss_that_takes_logits_is_known_as_one(loss):
    assert gives_logits(two_inputs(loss=loss))


@pytest.mark.parametrize("loss", [*checks.LOSSES, own_loss])
def test_the_loss_of_a_probability_is_known_as_one(loss):
    assert not gives_logits(two_inputs(loss=loss))


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(from_logits=True),  # Keras finds the sigmoid's logits.
        lambda y, p: y * (1 - p) + (1 - y) * p,
    ],
)
def test_an_output_that_is_a_probability_is_known_as_one(loss):
    assert not gives_logits(sequential(loss=loss))


def scaled_loss(model):
    plain = model.compute_loss
    return lambda *arguments, **options: 3 * plain(*arguments, **options)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.layers[0], "kernel_initializer", keras.initializers.Ones()),
        lambda model: setattr(model.optimizer, "momentum", 0.9),
        lambda model: setattr(model, "compute_loss", scaled_loss(model)),
    ],
)
def test_a_model_may_be_changed_between_studies(change):
    recipe = Recipe(epochs=1, steps_per_epoch=50)
    changed, other = (sequential(optimizer="sgd") for _ in range(2))
    before = seed_study(recipe, 3, model=changed)
    change(changed)
    change(other)
    assert before != seed_study(recipe, 3, model=changed) == seed_study(recipe, 3, model=other)


class OwnWeight(keras.layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(), name="factor")

    def call(self, x):
        return self.factor * x


class Counting(OwnWeight):
    factor_initializer = keras.initializers.Ones()

    def call(self, x, training=False):
        if training:
            self.factor.assign_add(1.0)
        return x


class Unseeded(keras.Initializer):
    def __init__(self, seed=None):
        self.seed, self.rng = seed, np.random.default_rng(seed)

    def __call__(self, shape, dtype=None):
        return self.rng.normal(size=shape).astype(dtype)


class OwnSeed(keras.initializers.RandomNormal):
    def __call__(self, shape, dtype=None):
        return keras.random.normal(shape, seed=0, dtype=dtype)


def without_gradient():
    return keras.Sequential([keras.layers.Dense(2), keras.layers.Lambda(tf.stop_gradient)])


def dead_dropout():
    dead = keras.layers.Dense(2, "relu", bias_initializer=keras.initializers.Constant(-100))
    return sequential(dead, keras.layers.Dropout(0.5))


def embedding():
    inputs = keras.Input((2,))
    x = keras.layers.Flatten()(keras.layers.Embedding(2, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(x))
    model.compile("adam", "mse")
    return model


def dict_of_outputs():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, {"y": keras.layers.Dense(1)(inputs)})
    model.compile("adam", "mse")
    return model


def of_instance(name):
    model = sequential()
    setattr(model, name, lambda *args, **options: None)
    return model


def with_initializer(initializer):
    return sequential(keras.layers.Dense(2, kernel_initializer=initializer))


def on_numpy(x):
    return tf.ensure_shape(tf.numpy_function(lambda x: x, [x], tf.float32), (None, 2))


def distributed():
    with tf.distribute.MirroredStrategy(["cpu:0"]).scope():
        return sequential()


class OwnConfig(keras.optimizers.SGD):
    def __init__(self, *arguments, factor=1, **options):
        super().__init__(*arguments, **options)
        self.factor = factor


class Fast(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        faster = 10 if "bias" in variable.name else 1
        super().update_step(faster * gradient, variable, learning_rate)


class OwnScale(keras.initializers.RandomNormal):
    def __init__(self, stddev=1.0, seed=None, scale=1.0):
        super().__init__(stddev=scale * stddev, seed=seed)
        self.scale = scale

    def get_config(self):
        return {"seed": None}


class OwnStep(keras.Sequential):
    def train_step(self, data):
        return {}


def excluding():
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def own_step():
    model = OwnStep([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(loss="mse")
    return model


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: "xor.keras", "must be a keras.Model, not 'xor.keras'"),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "functional or Sequential, with a"),
        (lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), "two numbers, as"),
        (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), "model must map"),
        (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "must be compiled"),
        (lambda: sequential(loss=None), "with a loss"),
        (own_step, "its own train_step"),
        (lambda: sequential(keras.layers.Dense(2, dtype="float64")), "no other dtype than float32"),
        (lambda: sequential(keras.layers.BatchNormalization()), "BatchNormalization"),
        (lambda: sequential(keras.layers.Dropout(0.01)), "Dropout"),
        (lambda: sequential(keras.layers.GaussianNoise(0.01)), "Dropout"),
        (lambda: sequential(keras.layers.Dense(2, activity_regularizer="l2")), "activity"),
        (lambda: sequential(loss=keras.losses.MeanSquaredError(reduction="sum")), "reduction"),
        (lambda: sequential(loss=lambda y, p: tf.reduce_max(abs(y - p)) * (y - p) ** 2), "mean of"),
        (lambda: sequential(keras.layers.Normalization()), "no other dtype than float32"),
        (lambda: sequential(OwnWeight()), "keeps no initializer"),
        (dict_of_outputs, "model must map"),
        (lambda: of_instance("train_step"), "its own train_step"),
        (lambda: of_instance("make_train_function"), "its own make_train_function"),
        (lambda: of_instance("fit"), "its own fit"),
        (
            lambda: sequential(keras.layers.Dense(2, dtype="mixed_bfloat16")),
            "no other dtype than float32",
        ),
        (lambda: sequential(Counting()), "changes at each call"),
        (dead_dropout, "changes at each call"),
        (
            lambda: sequential(
                keras.layers.Dense(2, use_bias=False), keras.layers.UnitNormalization()
            ),
            "UnitNormalization",
        ),
        (embedding, "such as Embedding"),
        (lambda: with_initializer(lambda shape, dtype: keras.random.normal(shape)), "<lambda>"),
        (lambda: with_initializer(Unseeded()), "cannot draw weights by Unseeded"),
        (lambda: with_initializer(OwnSeed()), "cannot draw weights by OwnSeed"),
        (lambda: sequential(loss="mean_absolute_percentage_error"), "a smaller loss than"),
        (lambda: sequential(loss_weights=1e8), "a smaller loss than"),
        (lambda: sequential(without_gradient()), "no gradient at the weight"),
        (lambda: sequential(keras.layers.Dense(2), trainable=False), "weights to train"),
        (lambda: with_initializer(OwnScale(scale=9.0)), "does not contain its stddev"),
        (lambda: sequential(optimizer=OwnConfig(factor=9)), "does not contain its factor"),
        (distributed, "under a distribution strategy"),
        (lambda: sequential(loss="sparse_categorical_crossentropy"), "is not a number in XLA"),
        (lambda: sequential(loss={"zz": "mse"}), "change what Keras names"),
        (lambda: sequential(loss_weights=[1, 2]), "change what Keras names"),
        (
            lambda: sequential(loss=keras.losses.BinaryCrossentropy(axis=5)),
            "change what Keras names",
        ),
        (lambda: sequential(keras.layers.Lambda(on_numpy)), "change what Keras names"),
        (
            lambda: sequential(optimizer=keras.optimizers.Adam(beta_1="x")),
            "change what Keras names",
        ),
        *(
            (lambda optimizer=optimizer: sequential(optimizer=optimizer), "a study cannot use")
            for optimizer in (
                *("adafactor", "schedulefreeadamw", keras.optimizers.Adam(clipnorm=1e9)),
                *(keras.optimizers.Muon(), keras.optimizers.SGD(global_clipnorm=1e9)),
                *(keras.optimizers.Lamb(), keras.optimizers.SGD(use_ema=True), excluding()),
                keras.optimizers.SGD(gradient_accumulation_steps=2),
                *(keras.optimizers.Muon(1e-7), keras.optimizers.Lamb(warm_up()), Fast()),
                keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
            )
        ),
    ],
)
def test_a_model_that_a_study_cannot_train(make, complaint):
    with pytest.raises(keras_xor.KerasXorError, match=complaint):
        seed_study(seeds=2, model=make())


def test_the_epsilon_of_keras_counts():
    recipe = Recipe(epochs=1, steps_per_epoch=50, batch_size=8, learning_rate=0.5, loss="poisson")
    seed_study(recipe, seeds=1)
    epsilon = keras.config.epsilon()
    keras.config.set_epsilon(0.3)
    try:
        row = seed_study(recipe, seeds=1)[0]
        history = keras_xor.train(keras_xor.build_model(recipe, row["seed"]), recipe, row["seed"])
    finally:
        keras.config.set_epsilon(epsilon)
    assert row["loss"] == pytest.approx(history.history["loss"][-1], abs=2e-5)


@pytest.mark.parametrize("rate", [1e7, 1e30, 3e38])
def test_a_run_that_train_calls_diverged_has_not_learned(rate):
    recipe = Recipe(learning_rate=rate, epochs=2, steps_per_epoch=50)
    for row in seed_study(recipe, seeds=4):
        model = keras_xor.build_model(recipe, row["seed"])
        try:
            history = keras_xor.train(model, recipe, row["seed"]).history
        except keras_xor.KerasXorError:
            assert not row["loss"] <= 1e6
            assert row["steps_to_learn"] is None
            assert np.isnan(answers([row])).all()
        else:
            assert np.isfinite(answers([row])).all()
            assert row["loss"] == pytest.approx(history["loss"][-1], rel=1e-4)


ONCE = """
import dataclasses, pathlib, sys
import keras_xor

def compiled():
    return len([*pathlib.Path(sys.argv[1]).glob("*before_optimizations.txt")])

recipe = keras_xor.Recipe(epochs=2, steps_per_epoch=1_100)
other = dataclasses.replace(recipe, learning_rate=0.5, batch_size=70, epochs=3)
keras_xor.seed_study(recipe, seeds=5)
first = compiled()
keras_xor.seed_study(other, seeds=5, seed=9)
second = compiled()
model = keras_xor.build_model(seed=0)
keras_xor.train(model, recipe, seed=0)
third = compiled()
keras_xor.train(model, recipe, seed=1)
keras_xor.train(model, dataclasses.replace(recipe, epochs=4), seed=1)
fourth = compiled()
model.compile(optimizer="adam", loss="mse", jit_compile=True)
keras_xor.train(model, recipe)
fifth = compiled()
for units in range(1, 7):
    small = keras_xor.Recipe(hidden_units=units, epochs=1, steps_per_epoch=1)
    keras_xor.seed_study(small, seeds=1)
print(0 < first == second < third == fourth < fifth)
"""


def test_programs_are_compiled_once(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ONCE, tmp_path],
        env=os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "True\n", done.stderr
    assert "retracing" not in done.stderr


def study_in_numpy(runs, seed):
    """The recipe in float64; a batch is the count of each of the four points."""
    rng = np.random.default_rng(seed)
    units = 8
    w1 = rng.uniform(-1, 1, (runs, 2, units)) * math.sqrt(6 / (2 + units))
    w2 = rng.uniform(-1, 1, (runs, units, 1)) * math.sqrt(6 / (units + 1))
    b1, b2 = np.zeros((runs, 1, units)), np.zeros((runs, 1, 1))
    x = np.array(TRUTH_TABLE, float).T
    first_right = np.full(runs, np.inf)
    for step in range(10_000):
        share = rng.multinomial(32, [0.25] * 4, runs)[..., None] / 32
        h = np.tanh(x @ w1 + b1)
        p = 1 / (1 + np.exp(-(h @ w2 + b2)))
        right = ((p[..., 0] > 0.5) == TRUTH).all(axis=1)
        first_right = np.where(right, np.minimum(first_right, step), np.inf)
        dz = share * (p - TRUTH[:, None])
        da = dz @ w2.swapaxes(1, 2) * (1 - h**2)
        w2 -= 0.01 * h.swapaxes(1, 2) @ dz
        b2 -= 0.01 * dz.sum(axis=1, keepdims=True)
        w1 -= 0.01 * x.T @ da
        b1 -= 0.01 * da.sum(axis=1, keepdims=True)
    h = np.tanh(x @ w1 + b1)
    return (1 / (1 + np.exp(-(h @ w2 + b2))))[..., 0], first_right


def test_against_an_independent_study():
    runs = 200
    rows = seed_study(seeds=runs)
    theirs, their_steps = study_in_numpy(runs, seed=4)
    steps = np.array([row["steps_to_learn"] for row in rows], float)
    pairs = [*zip(answers(rows).T, theirs.T, strict=True), (steps, their_steps)]
    for ours, other in pairs:
        for quantile in (0.05, 0.5, 0.95):
            below = np.mean(other < np.quantile(ours, quantile))
            deviation = math.sqrt(2 * quantile * (1 - quantile) / runs)
            assert abs(below - quantile) < 3.5 * deviation

    result = summary(rows)
    assert (result["runs"], result["learned"], result["diverged"]) == (runs, runs, 0)
    assert 0.98 < result["interval"][0] < result["interval"][1] == 1


def test_what_cannot_learn_is_reported_as_it_is():
    rows = seed_study(Recipe(learning_rate=1e-9, epochs=1), seeds=50)
    for row, y in zip(rows[:5], answers(rows), strict=False):
        model = keras_xor.build_model(seed=row["seed"])
        expected = keras_xor.predict(model, *TRUTH_TABLE)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)
    result = summary(rows)
    assert result["learned"] == np.all((answers(rows) > 0.5) == TRUTH, axis=1).sum() < 10
    assert result["median_steps_to_learn"] is None


def test_one_seed():
    row = seed_study(Recipe(epochs=1, steps_per_epoch=3), seeds=1)[0]
    result = summary([row])
    for point, quantiles in result["quantiles"].items():
        assert quantiles == [row[point]] * 3


def test_many_runs_are_trained_in_groups(monkeypatch):
    recipe = Recipe(epochs=2, steps_per_epoch=50, optimizer="adam")
    together = seed_study(recipe, seeds=7)
    monkeypatch.setattr(groups, "_GROUP", (3, 3))
    apart = seed_study(recipe, seeds=7)
    assert [row["seed"] for row in apart] == [row["seed"] for row in together]
    np.testing.assert_allclose(answers(apart), answers(together), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_whatever_keras_takes_for_its_default(dtype):
    recipe = Recipe(epochs=1, steps_per_epoch=50)
    expected = answers(seed_study(recipe, seeds=5))
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype if dtype == "float64" else "float32")
    keras.config.set_dtype_policy(dtype)
    try:
        rows = seed_study(recipe, seeds=5)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
    np.testing.assert_allclose(answers(rows), expected, rtol=0, atol=1e-6)


def test_the_bar_counts_the_steps_of_all_runs(capsys):
    seed_study(Recipe(epochs=2, steps_per_epoch=25), seeds=6, verbose=1)
    assert "300/300" in capsys.readouterr().out


def row(y_00, y_01=0.9, y_10=0.9, y_11=0.1, steps=1):
    return {
        **{"seed": 1, "y_00": y_00, "y_01": y_01, "y_10": y_10, "y_11": y_11},
        **{"loss": 0.1, "steps_to_learn": steps},
    }


def test_summary():
    rows = [row(y_00=number / 1_000, steps=number) for number in range(101)]
    assert summary(rows)["percentiles"] == {}  # It compares only when it is asked to.
    result = summary(rows, ARTICLE)
    assert result["quantiles"]["y_00"] == pytest.approx([0.005, 0.05, 0.095])
    assert result["percentiles"]["y_00"] == pytest.approx(100 * 13 / 101)  # 0.000 to 0.012
    assert result["percentiles"]["y_01"] == 100
    assert result["median_steps_to_learn"] == 50


def test_summary_of_runs_that_failed():
    failed = [row(0.6, steps=None), row(math.nan, math.nan, math.nan, math.nan, steps=None)]
    result = summary([row(0.2, steps=7), row(0.4, steps=8), *failed])
    assert (result["runs"], result["learned"], result["diverged"]) == (4, 2, 1)
    assert result["quantiles"]["y_00"][1] == 0.4
    assert result["median_steps_to_learn"] == 8
    assert summary([row(0.2), *failed])["median_steps_to_learn"] is None
    nothing = summary(failed[1:], ARTICLE)
    assert (nothing["learned"], nothing["diverged"]) == (0, len(failed) - 1)
    assert np.isnan([*nothing["quantiles"].values()]).all()
    assert np.isnan([*nothing["percentiles"].values(), nothing["median_loss"]]).all()


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 3), (459, 1_000), (10, 10)])
def test_wilson_interval(successes, trials):
    """Its ends are the probabilities 1.96 of their own standard deviations from the share."""
    share = successes / trials
    ends = wilson_interval(successes, trials)
    assert 0 <= ends[0] <= share <= ends[1] <= 1
    for end in ends:
        if end != share:
            deviation = math.sqrt(end * (1 - end) / trials)
            assert abs(share - end) / deviation == pytest.approx(1.959964, rel=1e-6)


# The same with its script.

SMALL = ("--seeds", 30, "--epochs", 2, "--steps-per-epoch", 100, "--learning-rate", 0.5)


def test_script(script, tmp_path):
    status, output, errors = script(
        *("seed_study.py", *SMALL, "--batch-size", 8, "--seed", 5, "--hidden-units", 3),
        *("--activation", "relu", "--csv", "a.csv", "--to-file", "new/a.svg"),
    )
    assert (status, errors) == (0, "")
    rows = seed_study(
        Recipe(
            epochs=2,
            steps_per_epoch=100,
            batch_size=8,
            learning_rate=0.5,
            hidden_units=3,
            activation="relu",
        ),
        seeds=30,
        seed=5,
    )
    result = summary(rows)
    learned, (low, high) = result["learned"], result["interval"]
    assert 0 < learned < 30
    assert output.startswith(
        f"{learned} of 30 runs learned all four points: {learned / 0.3:.1f} %, "
        f"with a 95 % interval from {100 * low:.1f} to {100 * high:.1f} %\n\nx1   x2   "
    )
    for (x1, x2), point in zip(zip(*TRUTH_TABLE, strict=True), POINTS, strict=True):
        numbers = [f"{y:.5f}" for y in result["quantiles"][point]]
        assert [str(x1), str(x2), *numbers] in [line.split() for line in output.splitlines()]
    assert output.endswith("rows:    a.csv\npicture: new/a.svg\n")
    assert "with 30 seeds" in (tmp_path / "new" / "a.svg").read_text()
    assert "article" not in output + (tmp_path / "new" / "a.svg").read_text()
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [int(line["seed"]) for line in csv.DictReader(file)] == [r["seed"] for r in rows]


def test_script_compares_the_recipe_of_the_guide_with_the_article(script, tmp_path):
    status, output, errors = script("seed_study.py", "--seeds", 5, "--to-file", "a.svg")
    assert (status, errors) == (0, "")
    result = summary(seed_study(seeds=5), ARTICLE)
    for point, y in ARTICLE.items():
        compared = [f"{y:.5f}", f"{result['percentiles'][point]:.1f}"]
        assert compared in [line.split()[5:] for line in output.splitlines()]
    assert "the article: 0.96797" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("learning_rate", "sentence"),
    [
        (0.5, "The median run learned all four points for good after "),
        (1e-9, "The median run did not learn all four points."),
    ],
)
def test_script_tells_of_the_median_run(script, learning_rate, sentence):
    status, output, errors = script("seed_study.py", *SMALL, "--learning-rate", learning_rate)
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1].startswith(sentence)


@pytest.mark.parametrize(
    "make", [two_inputs, lambda: sequential(keras.layers.Dense(2), keras.layers.LeakyReLU())]
)
def test_script_studies_the_model_of_a_file(script, tmp_path, make):
    model = make()
    model.save(tmp_path / "mine.keras")
    options = ("--epochs", 2, "--steps-per-epoch", 50, "--seeds", 4)
    status, output, errors = script(
        "seed_study.py", "--model", "mine.keras", *options, "--csv", "a.csv"
    )
    assert (status, errors) == (0, "")
    rows = seed_study(Recipe(epochs=2, steps_per_epoch=50), seeds=4, model=model)
    with (tmp_path / "a.csv").open(newline="") as file:
        read = [[float(line[point]) for point in POINTS] for line in csv.DictReader(file)]
    np.testing.assert_allclose(read, answers(rows), rtol=0, atol=1e-6)
    assert "article" not in output


@pytest.mark.parametrize(
    ("make", "options", "complaint"),
    [
        (two_inputs, "--activation relu", "--model has its own network, loss and optimizer: leave"),
        (
            lambda: sequential(loss=None),
            "",
            "model must be compiled, with a loss",
        ),
        (
            lambda: sequential(keras.layers.Dropout(0.5)),
            "",
            "seed_study.py: a study cannot train this model, because one of its layers changes at",
        ),
        (lambda: sequential(optimizer="muon"), "", "a study cannot use Muon as it is set, because"),
        (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "", "be compiled"),
    ],
)
def test_script_refuses_a_model(script, tmp_path, make, options, complaint):
    make().save(tmp_path / "mine.keras")
    status, output, errors = script("seed_study.py", "--model", "mine.keras", *options.split())
    assert (status, output) == (2 if options else 1, "")
    assert complaint in one_line(errors)


def test_script_tells_of_runs_that_diverged(script):
    status, output, errors = script("seed_study.py", *SMALL, "--learning-rate", "1e6")
    assert (status, errors) == (0, "")
    assert " runs diverged and are left out below\n" in output


@pytest.mark.parametrize("option", ["--csv", "--to-file"])
def test_script_sees_an_unwritable_target_first(script, monkeypatch, tmp_path, option):
    file = tmp_path / {"--csv": "a.csv", "--to-file": "a.png"}[option]
    file.mkdir()
    monkeypatch.setattr(keras_xor.study, "sweep", None)
    status, output, errors = script("seed_study.py", option, file)
    assert (status, output) == (1, "")
    assert "(it is a folder): choose another file" in one_line(errors)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        script("seed_study.py")  # So without that, the study would have started.


def test_ctrl_c_ends_a_study_of_hours(tmp_path):
    options = ("--seeds", "1000000", "--csv", "a.csv")
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "seed_study.py", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while not (tmp_path / "a.csv").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.search("interrupted: continue with .* --resume$", one_line(errors))
