"""The network: two inputs, a hidden layer, one probability."""

import keras
import numpy as np

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError, shown

MAPPING = "inputs x1 and x2 of shape (None, 1) to one output of shape (None, 1)"


def build_model(
    learning_rate=recipe.LEARNING_RATE,
    seed=None,
    hidden_units=recipe.HIDDEN_UNITS,
    activation=recipe.ACTIVATION,
):
    """The guide's network, compiled and ready for `train`.

    Glorot-uniform kernels and zero biases, as Axon's dense layers have by default;
    33 parameters by default. Compiled by XLA, with binary cross-entropy, SGD without momentum
    and binary accuracy.

    Args:
        learning_rate: From 1.2e-38 to 3.4e38, as float32 goes. Defaults to 0.01, Axon's
            default.
        seed: Whole number of at least 0, from which the initial kernels follow.
            Defaults to `None`, fresh kernels at every call.
        hidden_units: Units of the hidden layer, 1 to 256. Defaults to 8.
        activation: Of the hidden layer: "tanh", "relu" or "sigmoid". Defaults to "tanh".

    Returns:
        A functional `keras.Model` from `{"x1": x1, "x2": x2}`, each of shape
        `(batch, 1)`, to the probability that x1 xor x2 is 1, of shape `(batch, 1)`;
        all float32.

    Raises:
        KerasXorError: an argument is out of range.
    """
    learning_rate = checks.learning_rate(learning_rate, "learning_rate")
    hidden_initializer, output_initializer = kernel_initializers(seed)

    # Of float32 whatever Keras's own default is: so are the data, the files and the exports.
    x1 = keras.Input(shape=(1,), dtype="float32", name="x1")
    x2 = keras.Input(shape=(1,), dtype="float32", name="x2")
    x = keras.layers.Concatenate(dtype="float32", name="pair")([x1, x2])
    x = keras.layers.Dense(
        checks.hidden_units(hidden_units, "hidden_units"),
        activation=checks.activation(activation, "activation"),
        kernel_initializer=hidden_initializer,
        dtype="float32",
        name="hidden",
    )(x)
    y = keras.layers.Dense(
        1,
        activation="sigmoid",
        kernel_initializer=output_initializer,
        dtype="float32",
        name="y",
    )(x)

    model = keras.Model(inputs={"x1": x1, "x2": x2}, outputs=y, name="xor")
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        loss="binary_crossentropy",
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
        jit_compile=True,
        auto_scale_loss=False,
    )
    return model


def kernel_initializers(seed=None):
    """Those of the hidden and the output layer's kernels, of a `seed` as for `build_model`."""
    if seed is not None:
        seed = checks.seed(seed, "seed")
    # Two seeds: layers that share one draw their kernels from the same numbers.
    words = np.random.SeedSequence(seed).generate_state(2)
    return [keras.initializers.GlorotUniform(int(word)) for word in words]


def check_model(model, functional=True):
    """Raise `KerasXorError` unless `model` is a Keras model from x1 and x2 to one output.

    Args:
        model: What a caller gave.
        functional: Whether it must be a functional model. Of another, only a call tells what
            it maps, so it is accepted here. Defaults to `True`.
    """
    if not isinstance(model, keras.Model):
        raise KerasXorError(f"model must be a keras.Model, not {shown(model)}")
    if isinstance(model, keras.Sequential):
        raise KerasXorError("model must have two inputs, x1 and x2, which no Sequential has")
    if not hasattr(model, "inputs"):
        if functional:
            raise KerasXorError(
                "model must be functional: build it as keras.Model(inputs, outputs)"
            )
    elif not is_of_xor(model):
        raise KerasXorError(f"model must map {MAPPING}")


def is_of_xor(model):
    """Whether a functional `model` has the inputs and the output of `build_model`."""
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    outputs = [tensor.shape for tensor in model.outputs]
    mapping = {"x1": (None, 1), "x2": (None, 1)}, [(None, 1)]
    names = model.input if isinstance(model.input, dict) else {}
    swapped = any(name != tensor.name for name, tensor in names.items())
    return (inputs, outputs) == mapping and not swapped and not isinstance(model.output, dict)
