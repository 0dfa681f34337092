"""The network: two inputs, hidden layers, one probability."""

import keras
import numpy as np

from keras_xor.recipe import GUIDE, takes_recipe


@takes_recipe
def build_model(recipe=GUIDE, seed=None):
    """Build the network of a recipe, compiled and ready for `train`.

    The default is the guide's network: 33 parameters, with Glorot-uniform kernels and zero biases
    like Axon's dense layers. It is compiled with XLA and reports binary accuracy.

    Args:
        recipe: A `Recipe`. Defaults to the guide's.
        seed: Whole number of at least 0 that determines the initial kernels.
            Defaults to `None`: new kernels on every call.

    Returns:
        A functional `keras.Model` from `{"x1": x1, "x2": x2}`, each of shape
        `(batch, 1)`, to the probability that x1 xor x2 is 1, of shape `(batch, 1)`;
        all float32.

    Raises:
        KerasXorError: `recipe` is not a `Recipe`.
    """
    *hidden_initializers, output_initializer = kernel_initializers(recipe, seed)
    layers = len(recipe.hidden_units)
    names = [f"hidden_{number}" for number in range(1, 1 + layers)] if layers > 1 else ["hidden"]

    # Always float32, whatever Keras's default, like the inputs, the files and the exports.
    x1 = keras.Input(shape=(1,), dtype="float32", name="x1")
    x2 = keras.Input(shape=(1,), dtype="float32", name="x2")
    x = keras.layers.Concatenate(dtype="float32", name="pair")([x1, x2])
    for units, initializer, name in zip(
        recipe.hidden_units, hidden_initializers, names, strict=True
    ):
        x = keras.layers.Dense(
            units,
            activation=recipe.activation,
            kernel_initializer=initializer,
            dtype="float32",
            name=name,
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
        optimizer=clone(
            keras.optimizers.get(recipe.optimizer),
            learning_rate=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
        ),
        loss=recipe.loss,
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
        jit_compile=True,
        auto_scale_loss=False,
    )
    return model


def kernel_initializers(recipe, seed):
    """Kernel initializers of the hidden layers and the output layer, as for `build_model`."""
    # One seed per layer: with the same seed, layers would draw the same random numbers.
    words = np.random.SeedSequence(seed).generate_state(1 + len(recipe.hidden_units))
    plain = keras.initializers.get(recipe.kernel_initializer)
    return [clone(plain, seed=int(word)) for word in words]


def clone(thing, **options):
    """A new Keras object with the config of another, except for the options that it has."""
    config = thing.get_config()
    known = {name: value for name, value in options.items() if name in config}
    return type(thing).from_config(config | known)


def build_optimizer(model):
    """Build the optimizer of a model that is built and compiled, unless it is built already."""
    optimizer = getattr(model, "optimizer", None)
    if model.built and optimizer and not optimizer.built:
        optimizer.build(model.trainable_variables)


class _Kept:
    """Opaque to Keras, which would save the contents of a dict with the model."""

    def __init__(self, compilation):
        self.compilation, self.things = compilation, {}


def kept_with_model(model, key, make):
    """What `make()` returned, kept with `model` for as long as it stays compiled as it is."""
    methods = model.train_step, model.compute_loss
    compilation = [
        *(model.optimizer, model._compile_loss, model._compile_metrics, model.jit_compile),
        *(getattr(method, "__func__", method) for method in methods),
        *model.trainable_variables,
    ]
    kept = vars(model).get("_keras_xor")
    if kept is None or [*map(id, kept.compilation)] != [*map(id, compilation)]:
        kept = vars(model)["_keras_xor"] = _Kept(compilation)
    if key not in kept.things:
        kept.things[key] = make()
    return kept.things[key]
