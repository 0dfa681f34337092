"""A run as a Python program, with this package or in plain Keras."""

import keras

from keras_xor.recipe import DEFAULT, Recipe


def write_python(recipe: Recipe, seed: int = 0) -> str:
    """The program of a run, with this package."""
    fields = [f"{name}={getattr(recipe, name)!r}" for name in recipe.changes()]
    return f"""import keras_xor

recipe = keras_xor.Recipe({", ".join(fields)})
model = keras_xor.build_model(recipe, seed={seed})
history = keras_xor.train(model, recipe, seed={seed})"""


def write_keras(recipe: Recipe, seed: int = 0) -> str:
    """The program of a run in plain Keras, which gives the same numbers."""
    own = recipe.kernel_initializer != DEFAULT.kernel_initializer
    initializer = f', kernel_initializer="{recipe.kernel_initializer}"' if own else ""
    hidden = "\n".join(
        f'x = keras.layers.Dense({units}, "{recipe.activation}"{initializer})(x)'
        for units in recipe.hidden_units
    )
    itertools = "import itertools\n\n" if recipe.data == "shuffled" else ""
    return f"""{itertools}import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed({seed})

x1 = keras.Input(shape=(1,), name="x1")
x2 = keras.Input(shape=(1,), name="x2")
x = keras.layers.Concatenate()([x1, x2])
{hidden}
y = keras.layers.Dense(1, "sigmoid"{initializer})(x)
model = keras.Model({{"x1": x1, "x2": x2}}, y)


{_write_batches(recipe, seed)}


x = tf.TensorSpec((None, 1), tf.{"float32" if recipe.noise else "uint8"})
y = tf.TensorSpec((None, 1), tf.uint8)
data = tf.data.Dataset.from_generator(batches, output_signature=({{"x1": x, "x2": x}}, y))

model.compile(
    optimizer={_write_optimizer(recipe)},
    loss="{recipe.loss}",
    metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
    jit_compile=True,
)
model.fit(
    data, epochs={recipe.epochs}, steps_per_epoch={recipe.steps_per_epoch}, shuffle=False, verbose=2
)
x1, x2 = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])[..., None]
print(model.predict({{"x1": x1, "x2": x2}}, verbose=0))"""


def _write_optimizer(recipe: Recipe) -> str:
    name = type(keras.optimizers.get(recipe.optimizer)).__name__
    options = [f"learning_rate={recipe.learning_rate}"]
    has_other_defaults = recipe.optimizer == "muon"
    if recipe.momentum or has_other_defaults:
        options.append(f"momentum={recipe.momentum}")
    if recipe.nesterov or has_other_defaults:
        options.append(f"nesterov={recipe.nesterov}")
    return f"keras.optimizers.{name}({', '.join(options)})"


def _write_batches(recipe: Recipe, seed: int) -> str:
    size = recipe.batch_size
    before = [f"rng = np.random.default_rng({seed})"]
    if recipe.data == "random":
        count = 8 * -(-size // 32)
        draw = [
            f"bits = np.unpackbits(np.frombuffer(rng.bytes({count}), np.uint8))",
            f"x1, x2 = bits.reshape(2, -1, 1)[:, :{size}]",
        ]
    else:
        size = min(size, 4)
        order = "rng.permuted(range(4))" if size < 4 else "range(4)"
        before.append(f"passes = ({order} for _ in itertools.count())")
        before.append("points = itertools.chain.from_iterable(passes)")
        draw = [
            f"numbers = np.array([[next(points)] for _ in range({size})], np.uint8)",
            "x1, x2 = numbers >> 1, numbers & 1",
        ]
    if recipe.labels == DEFAULT.labels:
        draw.append("y = x1 ^ x2")
    else:
        draw.append(f"y = np.array([{', '.join(recipe.labels)}], np.uint8)[2 * x1 + x2]")
    if recipe.noise:
        source = f"np.random.SeedSequence({seed}, spawn_key=(1,))"
        before.append(f"noise_rng = np.random.default_rng({source})")
        draw.append(f"noise = {recipe.noise} * noise_rng.standard_normal(({size}, 2), np.float32)")
        draw.append("x1, x2 = x1 + noise[:, :1], x2 + noise[:, 1:]")
    draw.append('yield {"x1": x1, "x2": x2}, y')
    lines = [*before, "while True:", *(f"    {line}" for line in draw)]
    return "\n".join(["def batches():", *(f"    {line}" for line in lines)])
