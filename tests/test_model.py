import subprocess
import sys
import tomllib

import keras
import numpy as np
import pytest
from conftest import ROOT

import keras_xor
from keras_xor import Recipe


def test_the_guides_network():
    model = keras_xor.build_model()
    assert [(layer.name, type(layer)) for layer in model.layers] == [
        ("x1", keras.layers.InputLayer),
        ("x2", keras.layers.InputLayer),
        ("pair", keras.layers.Concatenate),
        ("hidden", keras.layers.Dense),
        ("y", keras.layers.Dense),
    ]
    assert type(model) is type(keras.Model(model.inputs, model.outputs))
    assert model.count_params() == 33
    assert {name: tensor.shape for name, tensor in model.input.items()} == {
        "x1": (None, 1),
        "x2": (None, 1),
    }
    assert model.output.shape == (None, 1)
    assert [model.get_layer(name).activation for name in ("hidden", "y")] == [
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
    for seed in range(200):
        hidden, hidden_bias, output, output_bias = keras_xor.build_model(seed=seed).get_weights()
        kernels.append(np.append(hidden / np.sqrt(6 / 10), output / np.sqrt(6 / 9)))
        biases.append(np.append(hidden_bias, output_bias))
    kernels = np.array(kernels)
    assert not np.any(biases)
    assert np.abs(kernels).max() <= 1 < np.abs(kernels).max() + 0.01
    assert abs(kernels.mean()) < 4 / np.sqrt(3 * kernels.size)
    assert kernels.var() == pytest.approx(1 / 3, rel=0.05)
    correlations = np.corrcoef(kernels.T)[np.triu_indices(24, k=1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(200)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_another_hidden_layer(activation, tmp_path):
    model = keras_xor.build_model(Recipe(hidden_units=256, activation=activation), seed=1)
    hidden = model.get_layer("hidden")
    assert (hidden.units, hidden.activation) == (256, getattr(keras.activations, activation))
    assert model.count_params() == 2 * 256 + 256 + 256 + 1
    keras_xor.save_model(model, tmp_path / "a.keras")
    loaded = keras_xor.load_model(tmp_path / "a.keras")
    assert keras_xor.predict(loaded, 0, 1) == keras_xor.predict(model, 0, 1)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_whatever_keras_takes_for_its_default(dtype):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        model = keras_xor.build_model(seed=7)
    finally:
        keras.config.set_dtype_policy(before)
    assert {tensor.dtype for tensor in (*model.inputs, *model.outputs)} == {"float32"}
    plain = keras_xor.build_model(seed=7)
    assert all(map(np.array_equal, model.get_weights(), plain.get_weights()))


def test_the_package_at_once():
    program = (
        "import sys, keras_xor; print(keras_xor.__version__, keras_xor.Recipe().epochs); "
        "sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert done.stdout == f"{project['version']} 10\n"


def test_seed():
    first, again, other, fresh, fresh_too = (
        keras_xor.build_model(seed=seed).get_weights()[0] for seed in (7, 7, 2**70, None, None)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(fresh, fresh_too)
