import importlib.metadata
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_xor
from keras_xor import Recipe


def test_the_guides_network():
    model = keras_xor.build_model()
    assert [(layer.name, type(layer)) for layer in model.layers] == [
        ("x1", keras.layers.InputLayer),
        ("x2", keras.layers.InputLayer),
        ("pair", keras.layers.Concatenate),
        ("hidden_1", keras.layers.Dense),
        ("y", keras.layers.Dense),
    ]
    assert type(model) is type(keras.Model(model.inputs, model.outputs))
    assert model.count_params() == 33
    assert {name: tensor.shape for name, tensor in model.input.items()} == {
        "x1": (None, 1),
        "x2": (None, 1),
    }
    assert model.output.shape == (None, 1)
    assert [model.get_layer(name).activation for name in ("hidden_1", "y")] == [
        keras.activations.tanh,
        keras.activations.sigmoid,
    ]


def test_compiled_as_the_guide_does():
    model = keras_xor.build_model(Recipe(learning_rate=0.5))
    optimizer = model.optimizer
    assert model.jit_compile is True
    assert model.loss == "binary_crossentropy"
    assert type(optimizer) is keras.optimizers.SGD
    assert float(optimizer.learning_rate) == 0.5
    assert (optimizer.momentum, optimizer.nesterov) == (0, False)
    assert float(keras_xor.build_model().optimizer.learning_rate) == np.float32(0.01)
    y, predicted = np.array([[0.0], [1.0], [1.0]]), np.array([[0.4], [0.6], [0.5]])
    assert float(model.compute_metrics({}, y, predicted)["accuracy"]) == pytest.approx(2 / 3)


def test_initial_weights_follow_glorot():
    kernels, biases = [], []
    for seed in range(100):
        hidden, hidden_bias, output, output_bias = keras_xor.build_model(seed=seed).get_weights()
        kernels.append(np.append(hidden / np.sqrt(6 / 10), output / np.sqrt(6 / 9)))
        biases.append(np.append(hidden_bias, output_bias))
    kernels = np.array(kernels)
    assert not np.any(biases)
    assert np.abs(kernels).max() <= 1 < np.abs(kernels).max() + 0.01
    assert abs(kernels.mean()) < 4 / np.sqrt(3 * kernels.size)
    assert kernels.var() == pytest.approx(1 / 3, rel=0.05)
    correlations = np.corrcoef(kernels.T)[np.triu_indices(24, k=1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(100)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_another_hidden_layer(activation, tmp_path):
    model = keras_xor.build_model(Recipe(hidden_units=256, activation=activation), seed=1)
    hidden = model.get_layer("hidden_1")
    assert (hidden.units, hidden.activation) == (256, getattr(keras.activations, activation))
    assert model.count_params() == 2 * 256 + 256 + 256 + 1
    keras_xor.save_model(model, tmp_path / "a.keras")
    loaded = keras_xor.load_model(tmp_path / "a.keras")
    assert keras_xor.predict(loaded, 0, 1) == keras_xor.predict(model, 0, 1)


@pytest.mark.parametrize("name", ["glorot_uniform", "orthogonal", "random_normal"])
def test_the_weights_are_those_of_plain_keras_with_the_seed(name):
    keras.utils.set_random_seed(5)
    x1, x2 = keras.Input((1,)), keras.Input((1,))
    x = keras.layers.Concatenate()([x1, x2])
    for units in (4, 3):
        x = keras.layers.Dense(units, kernel_initializer=name)(x)
    plain = keras.Model([x1, x2], keras.layers.Dense(1, kernel_initializer=name)(x))
    model = keras_xor.build_model(Recipe(hidden_units=(4, 3), kernel_initializer=name), seed=5)
    assert all(map(np.array_equal, model.get_weights(), plain.get_weights()))


def test_the_package_at_once():
    program = (
        "import sys, keras_xor; print(keras_xor.__version__, keras_xor.Recipe().epochs); "
        "sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{importlib.metadata.version('keras_xor')} 10\n"


def test_seed():
    first, again, other, fresh, fresh_too = (
        keras_xor.build_model(seed=seed).get_weights()[0] for seed in (7, 7, 2**31, None, None)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(fresh, fresh_too)
