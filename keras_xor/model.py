"""The network: two inputs, eight hidden units, one probability."""

import keras
import numpy as np

from keras_xor import checks, recipe


def build_model(learning_rate=recipe.LEARNING_RATE, seed=None):
    """The guide's network, compiled and ready for `train`.

    Glorot-uniform kernels and zero biases, as Axon's dense layers have by default;
    33 parameters. Compiled by XLA, with binary cross-entropy, SGD without momentum
    and binary accuracy.

    Args:
        learning_rate: Finite number above 0. Defaults to 0.01, Axon's default.
        seed: Whole number of at least 0, from which the initial kernels follow.
            Defaults to `None`, fresh kernels at every call.

    Returns:
        A functional `keras.Model` from `{"x1": x1, "x2": x2}`, each of shape
        `(batch, 1)`, to the probability that x1 xor x2 is 1, of shape `(batch, 1)`;
        all float32.

    Raises:
        KerasXorError: `learning_rate` or `seed` is out of range.
    """
    learning_rate = checks.learning_rate(learning_rate, "learning_rate")
    hidden_seed, output_seed = _kernel_seeds(seed)

    x1 = keras.Input(shape=(1,), name="x1")
    x2 = keras.Input(shape=(1,), name="x2")
    x = keras.layers.Concatenate(name="pair")([x1, x2])
    x = keras.layers.Dense(
        recipe.HIDDEN_UNITS,
        activation="tanh",
        kernel_initializer=keras.initializers.GlorotUniform(hidden_seed),
        name="hidden",
    )(x)
    y = keras.layers.Dense(
        1,
        activation="sigmoid",
        kernel_initializer=keras.initializers.GlorotUniform(output_seed),
        name="y",
    )(x)

    model = keras.Model(inputs={"x1": x1, "x2": x2}, outputs=y, name="xor")
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        loss="binary_crossentropy",
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
        jit_compile=True,
    )
    return model


def _kernel_seeds(seed):
    # Two seeds: layers that share one draw their kernels from the same numbers.
    if seed is not None:
        seed = checks.seed(seed, "seed")
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(2)]
