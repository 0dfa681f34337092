"""The network: two inputs, hidden layers, one prediction."""

import random
from typing import Any

import keras

from keras_xor.recipe import DEFAULT, Recipe


def build_model(recipe: Recipe = DEFAULT, seed: int | None = None) -> keras.Model:
    """Build the network of a recipe, compiled and ready for `train`.

    The default is the guide's, with 33 parameters.

    Args:
        recipe: What the network is, and how it is trained.
        seed: Determines the initial kernels, which are those of plain Keras after
            `keras.utils.set_random_seed(seed)`. With `None`, they are new on every call.

    Returns:
        A functional model from `{"x1": x1, "x2": x2}`, each of shape `(batch, 1)`, to the predicted
        probability that the label is 1, of shape `(batch, 1)`.
    """
    *initializers, last_initializer = make_initializers(recipe, seed)

    x1 = keras.Input(shape=(1,), name="x1")
    x2 = keras.Input(shape=(1,), name="x2")
    x = keras.layers.Concatenate(name="pair")([x1, x2])
    layers = zip(recipe.hidden_units, initializers, strict=True)
    for number, (units, initializer) in enumerate(layers, start=1):
        x = keras.layers.Dense(
            units,
            recipe.activation,
            kernel_initializer=initializer,
            name=f"hidden_{number}",
        )(x)
    y = keras.layers.Dense(1, "sigmoid", kernel_initializer=last_initializer, name="y")(x)

    model = keras.Model(inputs={"x1": x1, "x2": x2}, outputs=y, name="xor")
    model.compile(
        optimizer=make_optimizer(recipe),
        loss=recipe.loss,
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
        jit_compile=True,
    )
    return model


def make_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe, with Keras's defaults for all else."""
    return clone(
        keras.optimizers.get(recipe.optimizer),
        learning_rate=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
    )


def make_initializers(recipe: Recipe, seed: int | None = None) -> list[keras.Initializer]:
    """The initializers of the kernels, from the first hidden layer to the output."""
    plain = keras.initializers.get(recipe.kernel_initializer)
    seeds = draw_seeds(seed, 1 + len(recipe.hidden_units))
    return [clone(plain, seed=each) for each in seeds]


def draw_seeds(seed: int | None, count: int) -> list[int]:
    """The seeds that Keras's initializers draw after `keras.utils.set_random_seed(seed)`."""
    rng = random.Random(None if seed is None else int(seed))  # It may be an integer of NumPy.
    return [rng.randint(1, 10**9) for _ in range(count)]


def clone(thing: Any, **options: Any) -> Any:
    """A new Keras object like another, with these options where it has them."""
    config = thing.get_config()
    known = {name: value for name, value in options.items() if name in config}
    return type(thing).from_config(config | known)
