import dataclasses
import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_xor
from keras_xor import Recipe, values
from keras_xor.data import TRUTH_TABLE


def test_the_defaults_are_the_guides():
    assert dataclasses.asdict(Recipe()) == {
        "hidden_units": (8,),
        "activation": "tanh",
        "kernel_initializer": "glorot_uniform",
        "loss": "binary_crossentropy",
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.0,
        "nesterov": False,
        "batch_size": 32,
        "steps_per_epoch": 1_000,
        "epochs": 10,
        "data": "random",
        "labels": "0110",
        "noise": 0.0,
    }


recipes = st.builds(
    Recipe,
    hidden_units=st.lists(st.integers(1, 256), min_size=1, max_size=4),
    activation=st.sampled_from(values.ACTIVATIONS),
    kernel_initializer=st.sampled_from(values.INITIALIZERS),
    loss=st.sampled_from(values.LOSSES),
    optimizer=st.sampled_from(["sgd", "rmsprop", "muon"]),
    learning_rate=st.floats(1.2e-38, 3.4e38),
    momentum=st.floats(0, 1),
    batch_size=st.integers(1, 2**24),
    steps_per_epoch=st.integers(1, 2**53),
    epochs=st.integers(1, 2**53),
)


@given(recipe=recipes)
def test_a_recipe_goes_through_json(recipe):
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert Recipe(**fields) == recipe
    assert hash(Recipe(**fields)) == hash(recipe)


def test_however_it_is_written():
    assert Recipe(hidden_units="4x4", loss="mse", optimizer="Adam") == Recipe(
        hidden_units=[4, 4], loss="MeanSquaredError", optimizer="adam"
    )


def test_a_recipe_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3
    assert dataclasses.replace(Recipe(), epochs=3) == Recipe(epochs=3)


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden_units": 257},
        {"activation": "tahn"},
        {"kernel_initializer": "he"},
        {"loss": "accuracy"},
        {"optimizer": "adma"},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"momentum": -0.5},
        {"nesterov": "yes", "momentum": 0.9},
        {"nesterov": True},
        {"nesterov": True, "momentum": 0.9, "optimizer": "rmsprop"},
        {"batch_size": 2**25},
        {"steps_per_epoch": 1.5},
        {"epochs": 0},
    ],
)
def test_bad_fields(fields):
    with pytest.raises(keras_xor.KerasXorError, match=next(iter(fields))) as refusal:
        Recipe(**fields)
    assert "\n" not in str(refusal.value)


def test_each_field_reaches_the_model():
    recipe = Recipe(
        **{"hidden_units": (4, 3), "activation": "relu", "kernel_initializer": "he_normal"},
        **{"loss": "huber", "learning_rate": 0.5, "momentum": 0.25, "nesterov": True},
    )
    model = keras_xor.build_model(recipe, seed=1)
    *_, one, two, y = model.layers
    assert [layer.name for layer in (one, two, y)] == ["hidden_1", "hidden_2", "y"]
    assert [layer.units for layer in (one, two, y)] == [4, 3, 1]
    assert [layer.activation.__name__ for layer in (one, two, y)] == ["relu", "relu", "sigmoid"]
    initializers = [layer.kernel_initializer for layer in (one, two, y)]
    assert {type(initializer) for initializer in initializers} == {keras.initializers.HeNormal}
    assert len({initializer.seed for initializer in initializers}) == 3
    assert model.loss == "huber"
    optimizer = model.optimizer
    assert type(optimizer) is keras.optimizers.SGD
    assert (float(optimizer.learning_rate), optimizer.momentum) == (0.5, 0.25)
    assert optimizer.nesterov is True


@pytest.mark.parametrize("units", [1, 8, (4, 4), (256, 3, 1, 7)])
def test_parameters(units):
    recipe = Recipe(hidden_units=units)
    assert recipe.parameters == keras_xor.build_model(recipe).count_params()


def test_a_subclass_keeps_the_checks():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Fast(Recipe):
        learning_rate: float = 0.1
        note: str = ""

    assert (Fast(epochs="3").epochs, Fast().learning_rate) == (3, 0.1)
    with pytest.raises(keras_xor.KerasXorError, match="learning_rate must be a number from"):
        Fast(learning_rate=-1)


# The lists of names, compared with Keras.

KINDS = [
    (keras.src.activations, values.ACTIVATIONS),
    (keras.src.initializers, values.INITIALIZERS),
    (keras.src.losses, values.LOSSES),
    (keras.src.optimizers, values.OPTIMIZERS),
]


@pytest.mark.parametrize(("module", "names"), KINDS)
def test_every_name_that_keras_has_for_the_same_thing(module, names):
    def thing(name):
        resolved = module.ALL_OBJECTS_DICT[name]
        return getattr(resolved, "__name__", resolved).lower().replace("_", "")

    listed = {thing(name) for name in names}
    others = {name for name in module.ALL_OBJECTS_DICT if name and thing(name) in listed}
    assert others >= set(names)
    for name in others:
        assert thing(values.name_parser(names)(name)) == thing(name)


def test_an_error_shows_the_name_that_was_given():
    for field in ("activation", "kernel_initializer", "loss", "optimizer"):
        name = "swish" if field == "loss" else "mse"
        with pytest.raises(keras_xor.KerasXorError, match=f"not '{name}'$"):
            Recipe(**{field: name})


@pytest.mark.parametrize("name", ["adam", "muon", "schedulefreeadamw"])
def test_training_starts_from_the_initial_weights(name):
    recipe = Recipe(optimizer=name, learning_rate=1e-6, epochs=1, steps_per_epoch=1)
    model = keras_xor.build_model(recipe, seed=0)
    model.run_eagerly = True  # One step is quicker without XLA.
    initial = model.get_weights()
    keras_xor.train(model, recipe, seed=0)
    for before, after in zip(initial, model.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.parametrize("name", values.OPTIMIZERS)
def test_optimizers(name):
    recipe = Recipe(optimizer=name, learning_rate=0.25)
    optimizer = keras_xor.build_model(recipe).optimizer
    assert type(optimizer) is type(keras.optimizers.get(name))
    expected = keras.optimizers.get(name).get_config() | {"learning_rate": 0.25}
    with_momentum = "momentum" in expected
    expected |= {"momentum": 0.0} if with_momentum else {}
    expected |= {"nesterov": False} if "nesterov" in expected else {}
    assert optimizer.get_config() == expected | {"name": optimizer.name}
    if with_momentum:
        assert Recipe(optimizer=name, momentum=0.5).momentum == 0.5
    else:
        with pytest.raises(keras_xor.KerasXorError, match=f"{name} has no momentum"):
            Recipe(optimizer=name, momentum=0.5)


@pytest.mark.parametrize(
    ("get", "field", "name"),
    [
        *((keras.activations.get, "activation", name) for name in values.ACTIVATIONS),
        *((keras.initializers.get, "kernel_initializer", name) for name in values.INITIALIZERS),
        *((keras.losses.get, "loss", name) for name in values.LOSSES),
    ],
)
def test_names(get, field, name):
    resolved = get(name)
    own_name = getattr(resolved, "__name__", type(resolved).__name__)
    assert own_name.lower().replace("_", "") == name.replace("_", "")
    recipe = Recipe(**{field: name, "hidden_units": (3, 2)}, epochs=1, steps_per_epoch=1)
    model = keras_xor.build_model(recipe, seed=1)
    model.run_eagerly = True  # One step is quicker without XLA.
    history = keras_xor.train(model, recipe)
    assert 0 <= history.history["loss"][0] < 100


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "leaky_relu", "optimizer": "adam"},
        {"kernel_initializer": "orthogonal", "optimizer": "muon", "momentum": 0.9},
        {"loss": "mse", "optimizer": "schedulefreeadamw"},
        {"hidden_units": [256] * 4, "optimizer": "ftrl"},
    ],
)
def test_what_is_saved_is_loaded(tmp_path, fields):
    """After one step without XLA, which is quicker."""
    recipe, folder = Recipe(**fields), tmp_path
    model = keras_xor.build_model(recipe, seed=1)
    model.run_eagerly = True
    history = keras_xor.train(model, dataclasses.replace(recipe, epochs=1, steps_per_epoch=1))
    assert 0 <= history.history["loss"][0] < 100
    keras_xor.save_model(model, folder / "a.keras")
    loaded = keras_xor.load_model(folder / "a.keras")
    assert as_text(loaded) == as_text(model)
    assert as_text(loaded.optimizer) == as_text(model.optimizer)
    assert loaded.loss == recipe.loss
    for actual, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def as_text(thing):
    return json.dumps(thing.get_config())


# A run of a recipe, compared with NumPy.

ACTIVATIONS = {
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
    "relu": (lambda a: np.maximum(a, 0), lambda h: h > 0),
}
SLOPES = {  # Derivatives of the loss by the logit
    "binary_crossentropy": lambda p, y: p - y,
    "mean_squared_error": lambda p, y: 2 * (p - y) * p * (1 - p),
    "mean_absolute_error": lambda p, y: np.sign(p - y) * p * (1 - p),
}


def gradients(recipe, weights, x, y):
    activation, slope = ACTIVATIONS[recipe.activation]
    outputs = [x]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        outputs.append(activation(outputs[-1] @ kernel + bias))
    p = 1 / (1 + np.exp(-(outputs[-1] @ weights[-2] + weights[-1])))
    error = SLOPES[recipe.loss](p, y) / len(y)
    found = []
    for layer in reversed(range(len(outputs))):
        found = [outputs[layer].T @ error, error.sum(axis=0), *found]
        error = error @ weights[2 * layer].T * slope(outputs[layer])
    return found


def sgd(recipe, step, slot, gradient):
    velocity = slot.get("v", 0) * recipe.momentum - recipe.learning_rate * gradient
    slot["v"] = velocity
    ahead = recipe.momentum * velocity - recipe.learning_rate * gradient
    return ahead if recipe.nesterov else velocity


def adam(recipe, step, slot, gradient):
    slot["m"] = 0.9 * slot.get("m", 0) + 0.1 * gradient
    slot["v"] = 0.999 * slot.get("v", 0) + 0.001 * gradient**2
    mean, square = slot["m"] / (1 - 0.9**step), slot["v"] / (1 - 0.999**step)
    # Keras adds epsilon before it corrects the bias of the square.
    return -recipe.learning_rate * mean / (np.sqrt(square) + 1e-7 / np.sqrt(1 - 0.999**step))


def rmsprop(recipe, step, slot, gradient):
    slot["v"] = 0.9 * slot.get("v", 0) + 0.1 * gradient**2
    change = recipe.learning_rate * gradient / np.sqrt(slot["v"] + 1e-7)
    slot["m"] = recipe.momentum * slot.get("m", 0) + change
    return -slot["m"]


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden_units": "4x3", "momentum": 0.9, "learning_rate": 0.1},
        {"momentum": 0.9, "nesterov": True, "loss": "mean_squared_error", "batch_size": 5},
        {"optimizer": "adam", "hidden_units": 2, "activation": "sigmoid", "batch_size": 1},
        {"optimizer": "rmsprop", "momentum": 0.5, "loss": "mean_absolute_error"},
        {"activation": "relu", "hidden_units": "3x3x3x3", "kernel_initializer": "he_uniform"},
    ],
)
def test_a_run_against_numpy(fields):
    recipe = Recipe(**fields, epochs=2, steps_per_epoch=100)
    model = keras_xor.build_model(recipe, seed=5)
    weights = [weight.astype(float) for weight in model.get_weights()]
    slots = [{} for _ in weights]
    change = {"sgd": sgd, "adam": adam, "rmsprop": rmsprop}[recipe.optimizer]
    batches = keras_xor.xor_batches(recipe.batch_size, seed=6).take(200).as_numpy_iterator()
    for step, (x, y) in enumerate(batches, start=1):
        x = np.hstack([x["x1"], x["x2"]]).astype(float)
        found = gradients(recipe, weights, x, y.astype(float))
        weights = [
            weight + change(recipe, step, slot, gradient)
            for weight, slot, gradient in zip(weights, slots, found, strict=True)
        ]
    keras_xor.train(model, recipe, seed=6)
    for actual, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)


def test_initial_kernels_follow_the_initializer():
    kernels = [
        keras_xor.build_model(Recipe(kernel_initializer="he_normal"), seed).get_weights()[::2]
        for seed in range(100)
    ]
    for kernel in map(np.array, zip(*kernels, strict=True)):
        assert kernel.std() == pytest.approx(np.sqrt(2 / kernel.shape[1]), rel=0.05)
    zeros = keras_xor.build_model(Recipe(kernel_initializer="zeros"), seed=1)
    assert not any(weight.any() for weight in zeros.get_weights())
    assert keras_xor.predict(zeros, *TRUTH_TABLE).tolist() == [0.5] * 4
