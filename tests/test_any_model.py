"""Runs of models of many kinds, each against Keras's own `fit` on the same batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import one_line
from keras import layers, losses, optimizers

import keras_xor
from keras_xor import Recipe
from keras_xor import values as names
from keras_xor.sampling import make_sampler
from keras_xor.signature import call_model
from keras_xor.study.initial import InitialValues
from keras_xor.study.network import Network
from keras_xor.study.points import Points
from keras_xor.study.step import can_weigh_examples

STEPS = Recipe(epochs=2, steps_per_epoch=60, batch_size=5)
Dense = layers.Dense


def sequential(*stack, optimizer="adam", loss="binary_crossentropy", last=None, **options):
    last = Dense(1, "sigmoid") if last is None else last
    model = keras.Sequential([keras.Input((2,)), *stack, last])
    model.compile(optimizer=optimizer, loss=loss, **options)
    return model


def two_inputs():
    inputs = {name: keras.Input((1,), name=name) for name in ("x2", "x1")}
    pair = layers.Concatenate()([inputs["x1"], inputs["x2"]])
    hidden = Dense(5, "relu", kernel_regularizer=keras.regularizers.L2(0.01))(pair)
    hidden = Dense(4, kernel_constraint="max_norm")(hidden)
    model = keras.Model(inputs, Dense(1)(layers.LeakyReLU()(hidden)))
    model.compile("sgd", losses.BinaryCrossentropy(from_logits=True))
    return model


def list_of_inputs():
    a, b = (keras.Input((1,), name=name) for name in "ab")
    hidden = Dense(3, "tanh", activity_regularizer="l2")(layers.Concatenate()([a, b]))
    model = keras.Model([a, b], Dense(1, "sigmoid")(hidden))
    model.compile(optimizers.Muon(0.01), "mse", loss_weights=3.0)
    return model


def frozen():
    stack = Dense(3, "tanh"), layers.BatchNormalization(trainable=False)
    model = sequential(*stack, last=Dense(2))
    model.layers[0].trainable = False
    model.compile("rmsprop", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def not_built():
    model = keras.Sequential([Dense(4, "gelu"), Dense(1, "sigmoid")])
    rate = optimizers.schedules.ExponentialDecay(0.1, 50, 0.5)
    model.compile(optimizers.AdamW(rate, clipvalue=0.01), "mse")
    return model


def embedding():
    inputs = keras.Input((2,))
    x = layers.Flatten()(layers.Embedding(2, 3)(inputs))
    model = keras.Model(inputs, Dense(1, "sigmoid")(x))
    model.compile("adam", "mse")
    return model


def fourth_power(y, p):
    return (y - p) ** 4


def nested():
    inner = keras.Sequential([keras.Input((2,)), Dense(4, "tanh"), layers.BatchNormalization()])
    prelu = layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25))
    return sequential(
        *(inner, Dense(3, bias_initializer="random_normal"), prelu, OwnLayer()),
        layers.LayerNormalization(),
        optimizer=optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        loss=fourth_power,
    )


class OwnLayer(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="f")

    def call(self, x):
        return tf.sin(self.factor * x)


def max_loss(y, p):
    return tf.reduce_max(abs(y - p)) * (y - p) ** 2


def centered(x):
    return x - tf.reduce_mean(x, axis=0)


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.y = Dense(4, centered), Dense(1, "sigmoid")

    def call(self, inputs):
        return self.y(self.hidden(tf.concat([inputs["x1"], inputs["x2"]], axis=1)))

    def get_config(self):
        return {}


def subclassed():
    model = OwnModel()
    model.compile("adam", max_loss)
    return model


def warm_up():
    return optimizers.schedules.PiecewiseConstantDecay([5], [1e-7, 0.02])


def two(kind):
    return {"last": Dense(2, "softmax"), "loss": kind}


MODELS = {
    "inputs x1 and x2, logits, L2, max norm": two_inputs,
    "a list of inputs, activity regularizer, muon": list_of_inputs,
    "not built, schedule, clipvalue": not_built,
    "rnn": lambda: sequential(layers.Reshape((2, 1)), layers.SimpleRNN(3)),
    "frozen, sparse logits": frozen,
    "nested, batch norm, prelu, own layer, layer norm, nesterov, own loss": nested,
    "own model, activation and loss of the batch": subclassed,
    "clipnorm, softmax": lambda: sequential(
        Dense(3, "tanh", kernel_initializer="he_normal"),
        optimizer=optimizers.SGD(0.5, global_clipnorm=0.1),
        **two("categorical_crossentropy"),
    ),
    "conv, large, lamb, warm up, tanh and cross-entropy": lambda: sequential(
        *(layers.Reshape((2, 1)), layers.Conv1D(3, 2), layers.Flatten(), Dense(64, "relu")),
        last=Dense(1, "tanh"),
        optimizer=optimizers.Lamb(warm_up()),
    ),
    "float64, lambda, sum, hinge": lambda: sequential(
        *(Dense(3, dtype="float64"), layers.Lambda(lambda x: tf.sin(x))),
        last=Dense(1, "tanh"),
        loss=losses.Hinge(reduction="sum"),
    ),
}


def fitted(model, points, run, recipe):
    """The loss of the last epoch of `fit`, on the batches of a run."""
    model.optimizer.build(model.trainable_variables)  # Or Keras would trace the step twice.
    (chosen,) = make_sampler(recipe, [run], len(points.x)).draw(recipe.steps)
    for epoch in np.split(chosen.ravel(), recipe.epochs):
        x, y = points.shape_inputs(points.x[epoch]), points.shape_labels(points.y[epoch])
        history = model.fit(x, y, recipe.batch_size, shuffle=False, verbose=0)
    return history.history["loss"][-1]


@pytest.mark.parametrize("name", MODELS)
def test_a_run_is_that_of_fit(name):
    model = MODELS[name]()
    network = Network(model)
    before = model.get_weights()
    study = keras_xor.seed_study(STEPS, seeds=2, seed=3, model=model)
    assert all(map(np.array_equal, before, model.get_weights()))
    run, other = 1, MODELS[name]()
    other.jit_compile = False
    start = network.start(study.seed.tolist())
    call_model(other, network.points.shape_inputs(network.points.x))  # This builds a subclass.
    for variables, values in (
        (other.trainable_variables, start.trained),
        (other.non_trainable_variables, start.kept),
    ):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value[run])
    loss = fitted(other, network.points, int(study.seed[run]), STEPS)
    outputs = network.points.flatten(
        call_model(other, network.points.shape_inputs(network.points.x))
    )
    expected = network.points.to_predictions(outputs)
    np.testing.assert_allclose(study.predictions[run], expected, rtol=0, atol=2e-5)
    assert study.loss[run] == pytest.approx(loss, abs=2e-5)


def test_runs_have_random_numbers_of_their_own():
    ones, dropout = {"kernel_initializer": "ones"}, layers.Dropout(0.5)
    model = sequential(Dense(4, "tanh", **ones), dropout, last=Dense(1, "sigmoid", **ones))
    study = keras_xor.seed_study(STEPS, seeds=3, model=model)
    assert len(np.unique(study.predictions[:, 0])) == 3
    again = keras_xor.seed_study(STEPS, seeds=3, model=model)
    np.testing.assert_array_equal(again.predictions, study.predictions)


def test_layers_have_random_numbers_of_their_own():
    model = sequential(layers.Dropout(0.5), layers.Dropout(0.5))
    _, (one, other) = InitialValues(model)([7])  # Their states of random numbers
    assert not np.array_equal(one, other)


def test_weights_without_an_initializer_are_those_of_a_clone():
    model = sequential(Dense(3, "tanh"), OwnLayer())
    seeds = [7, 2**31 + 5]
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    trained = Network(model).start(seeds).trained
    assert np.random.random() == expected  # The random state of the process stays.
    for run, seed in enumerate(seeds):
        keras.utils.set_random_seed(seed)
        for values, weight in zip(
            trained, keras.models.clone_model(model).trainable_variables, strict=True
        ):
            np.testing.assert_array_equal(values[run], weight)


def test_what_is_frozen_keeps_its_values():
    """The hidden layer of the book Deep Learning, from which every run finds the output layer."""
    model = sequential(Dense(2, "relu"), optimizer=optimizers.Adam(0.1))
    model.layers[0].set_weights([np.ones((2, 2)), np.array([0, -1])])
    model.layers[0].trainable = False
    model.compile(model.optimizer, model.loss)
    study = keras_xor.seed_study(Recipe(epochs=1, data="shuffled"), seeds=20, model=model)
    assert study.learned.all()


def test_moving_averages_start_anew_and_adapted_ones_stay():
    model = sequential(layers.Normalization(), layers.BatchNormalization())
    model.layers[0].adapt(np.array([[1, 2], [3, 4], [9, 9]]))
    model.fit(np.ones((8, 2)), np.ones(8), verbose=0)
    start = Network(model).start([1, 2])
    named = zip(model.non_trainable_variables, start.kept, strict=True)
    for variable, values in named:
        if "moving" in variable.path:
            assert np.ptp(values) == 0
            assert values[0][0] == ("variance" in variable.path)
        else:
            np.testing.assert_array_equal(values[1], variable)


def test_a_batch_size_in_the_shape_of_a_model_is_not_that_of_the_study():
    model = keras.Sequential([Dense(4, "tanh"), Dense(1, "sigmoid")])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 2)), np.ones(8), batch_size=4, verbose=0)
    assert model.inputs[0].shape == (4, 2)
    steps = Recipe(epochs=1, steps_per_epoch=5, batch_size=3, noise=0.1)
    assert len(keras_xor.seed_study(steps, seeds=2, model=model)) == 2


BITS = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])


def of_points(features, outputs, activation=None, loss="mse"):
    stack = [Dense(8, "tanh"), Dense(outputs, activation)]
    model = keras.Sequential([keras.Input((features,)), *stack])
    model.compile(optimizers.Adam(0.02), loss)
    return model


@pytest.mark.parametrize(
    ("model", "x", "y"),
    [
        (of_points(2, 1, "tanh"), 2 * BITS[:4, 1:] - 1, 2 * (BITS[:4, 1] ^ BITS[:4, 2]) - 1),
        (of_points(3, 3), BITS, np.stack([BITS.any(1), BITS.all(1), BITS.sum(1) % 2], axis=1)),
        (
            of_points(3, 4, "softmax", "sparse_categorical_crossentropy"),
            *(BITS.tolist(), BITS.sum(axis=1).tolist()),
        ),
        (
            of_points(2, 2, loss=losses.CategoricalCrossentropy(from_logits=True)),
            *(BITS[:4, 1:], np.eye(2)[BITS[:4, 1] & BITS[:4, 2]]),
        ),
    ],
)
def test_any_points_and_when_they_are_learned(model, x, y):
    study = keras_xor.seed_study(Recipe(epochs=3, batch_size=8), 4, model=model, x=x, y=y)
    assert study.learned.any()
    targets = np.reshape(np.asarray(y, float), (len(x), -1))
    if "sparse" in str(model.loss):
        answers = study.predictions.reshape(4, len(x), -1).argmax(axis=2)
        right = (answers == targets[:, 0]).all(axis=1)
    elif study.predictions.shape[1] == len(x) < targets.size:  # The second of two classes
        right = ((study.predictions > 0.5) == targets[:, 1]).all(axis=1)
    else:
        levels = np.unique(targets)
        answers = study.predictions.reshape(4, *targets.shape, 1)
        nearest = levels[np.argmin(abs(answers - levels), axis=-1)]
        right = (nearest == targets).all(axis=(1, 2))
    np.testing.assert_array_equal(study.learned, right)


def test_points_in_the_structure_of_a_model():
    x1, x2, y = BITS[:4, 1:2], BITS[:4, 2:], BITS[:4, 1] ^ BITS[:4, 2]
    model = two_inputs()
    points = Points(model)
    for x in ({"x1": x1, "x2": x2}, BITS[:4, 1:].tolist()):
        same = Points(model, x, y)
        np.testing.assert_array_equal(same.x, points.x)
        np.testing.assert_array_equal(same.y, points.y)
    assert points.names == ["y_00", "y_01", "y_10", "y_11"]
    assert points.list_texts()[1] == "(0, 1) -> 1"


def test_several_output_layers():
    inputs = keras.Input((2,))
    hidden = Dense(8, "tanh")(inputs)
    heads = {name: Dense(1, "sigmoid", name=name)(hidden) for name in ("a", "b")}
    model = keras.Model(inputs, heads)
    model.compile(optimizers.Adam(0.05), "binary_crossentropy")
    x, (a, b) = BITS[:4, 1:], (BITS[:4, 1] & BITS[:4, 2], BITS[:4, 1] | BITS[:4, 2])
    study = keras_xor.seed_study(STEPS, 3, model=model, x=x, y={"a": a, "b": b})
    assert study.names[:3] == ["y_00_0", "y_00_1", "y_01_0"]
    truth = np.stack([a, b], axis=1).ravel()
    np.testing.assert_array_equal(study.learned, ((study.predictions > 0.5) == truth).all(axis=1))
    assert study.learned.any()


def test_points_stand_for_a_batch_only_in_plain_models():
    recipes = [Recipe(activation=name) for name in names.ACTIVATIONS]
    recipes += [Recipe(loss=name) for name in names.LOSSES]
    assert all(can_weigh_examples(keras_xor.build_model(recipe)) for recipe in recipes)
    plain = ("inputs x1 and x2, logits, L2, max norm", "clipnorm, softmax")
    assert all(can_weigh_examples(MODELS[name]()) for name in plain)
    for model in (
        sequential(Dense(3, activity_regularizer="l2")),
        sequential(Dense(3, activation=centered)),
        sequential(OwnLayer()),
        sequential(keras.Sequential([keras.Input((2,)), Dense(4)])),
        sequential(loss=max_loss),
        sequential(loss=losses.MeanSquaredError(reduction="sum")),
        subclassed(),
    ):
        assert not can_weigh_examples(model)


class OwnStep(keras.Sequential):
    def train_step(self, data):
        return {}


def own_step():
    model = OwnStep([keras.Input((2,)), Dense(1, "sigmoid")])
    model.compile(loss="mse")
    return model


@pytest.mark.parametrize(
    ("make", "options", "complaint"),
    [
        (lambda: 3, {}, "must be a keras.Model, not 3"),
        (lambda: keras.Sequential([keras.Input((2,)), Dense(1)]), {}, "model must be compiled"),
        (lambda: sequential(loss=None), {}, "model must be compiled, with a loss"),
        (lambda: of_points(3, 1), {}, "must take two numbers, as two inputs or as one"),
        (lambda: of_points(2, 3), {}, "more than two outputs: give x and y"),
        (lambda: of_points(2, 1), {"x": BITS}, "give both, or neither"),
        (lambda: of_points(2, 1), {"x": BITS, "y": BITS[:, 0]}, "x must have 2 numbers a point"),
        (lambda: of_points(3, 1), {"x": BITS, "y": BITS}, "y must have 1 numbers a point, not 3"),
        (lambda: of_points(3, 1), {"x": BITS, "y": [1, 0]}, "x has 8 points, y has 2"),
        (own_step, {}, "with a train_step of its own"),
        (embedding, {}, "layers with sparse gradients, such as Embedding"),
        (lambda: sequential(optimizer="schedulefreeadamw"), {}, "cannot use ScheduleFreeAdamW"),
        (lambda: sequential(optimizer=optimizers.SGD(use_ema=True)), {}, "or use_ema"),
        (
            lambda: sequential(loss=lambda y, p: y.nothing),
            {},
            "cannot train this model, AttributeError",
        ),
    ],
)
def test_what_a_study_cannot_train_is_told_in_one_line(make, options, complaint):
    with pytest.raises(keras_xor.KerasXorError, match=complaint) as error:
        keras_xor.seed_study(STEPS, seeds=2, model=make(), **options)
    assert "\n" not in str(error.value)


# The script.

SMALL = ("--epochs", 1, "--steps-per-epoch", 50, "--seeds", 4)


def test_script_studies_the_model_of_a_file(script, tmp_path):
    adam = optimizers.Adam(0.1)
    model = sequential(Dense(4, "relu"), optimizer=adam, **two("sparse_categorical_crossentropy"))
    model.save(tmp_path / "mine.keras")
    status, output, errors = script(
        *("seed_study.py", "--model", "mine.keras", *SMALL, "--csv", "a.csv"),
        *("--batch-size", 1, 8),
    )
    assert (status, errors) == (0, "")
    assert "\npoints: (0, 0) -> 0, (0, 1) -> 1, (1, 0) -> 1, (1, 1) -> 0\n\nbatch_size  " in output
    assert [line.split()[0] for line in output.splitlines()[5:7]] == ["1", "8"]
    assert "article" not in output
    steps = Recipe(epochs=1, steps_per_epoch=50, batch_size=8)
    study = keras_xor.seed_study(steps, seeds=4, model=tmp_path / "mine.keras")
    assert study.names == ["y_00", "y_01", "y_10", "y_11"]  # Two outputs are told as one.
    right = ((study.predictions > 0.5) == [0, 1, 1, 0]).all(axis=1)
    assert right.any()
    np.testing.assert_array_equal(study.learned, right)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert [float(line.split(",")[17]) for line in lines[5:]] == pytest.approx(
        study.predictions[:, 1]
    )
    assert lines[1].startswith(",,,,,,,,1,50,1,random,0110,0.0,mine.keras,")


def test_script_studies_the_points_of_a_file(script, tmp_path):
    of_points(3, 1).save(tmp_path / "mine.keras")
    table = np.column_stack([BITS, BITS.sum(axis=1) % 2])
    table = np.append(table, [[2, 2, 2, 0]], axis=0)
    np.savetxt(tmp_path / "p.csv", table, "%d", delimiter=",", header="a,b,c,y", comments="")
    status, output, errors = script(
        "seed_study.py", "--model", "mine.keras", "--points", "p.csv", *SMALL
    )
    assert (status, errors) == (0, "")
    assert ", ... (9 in all)\n" in output
    assert " of 4 runs learned all 9 points" in output
    lines = output.splitlines()[5:14]
    for point, line in zip(table.tolist(), lines, strict=True):
        a, b, c, y = point
        assert line.startswith(f"({a}, {b}, {c}) -> {y} ")


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        ("--model nix.keras", 1, "no model at nix.keras"),
        ("--model mine.keras --activation relu", 2, "--model has its own network, loss and opti"),
        ("--model mine.keras --points nix.csv", 1, "cannot read nix.csv"),
        ("--model mine.keras --points bad.csv", 1, "cannot read bad.csv: could not convert string"),
        ("--points p.csv", 2, "--points are for --model: add it"),
        ("--model mine.keras --points p.csv --labels 0001", 2, "--points has its own labels"),
        ("--labels 011", 2, "--labels: must be four digits of 0 and 1, such as 0110, not '011'"),
        ("--data sorted", 2, "--data: must be random or shuffled, not 'sorted'"),
    ],
)
def test_script_refuses(script, tmp_path, options, status, complaint):
    sequential(Dense(2)).save(tmp_path / "mine.keras")
    (tmp_path / "bad.csv").write_text("a,b,y\n0,0,x\n")
    *told, errors = script("seed_study.py", *options.split())
    assert told == [status, ""]
    assert complaint in one_line(errors)
