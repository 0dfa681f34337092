"""Training data: an endless stream of random XOR batches."""

import itertools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.sampling import make_noise, make_sampler

TRUTH_TABLE = ((0, 0, 1, 1), (0, 1, 0, 1))  # All x1, all x2
POINTS = (*zip(*TRUTH_TABLE, strict=True),)  # The same as pairs


def xor_batches(batch_size: int = DEFAULT.batch_size, seed: int | None = None) -> tf.data.Dataset:
    """An endless stream of random XOR batches; with a seed, the same ones on every iteration.

    Returns:
        A dataset of `({"x1": x1, "x2": x2}, y)`, each of shape `(batch_size, 1)` and dtype uint8.
    """
    return recipe_batches(Recipe(batch_size=batch_size), seed)


def recipe_batches(recipe: Recipe, seed: int | None = None) -> tf.data.Dataset:
    """The batches that a recipe is trained on, like those of `xor_batches`.

    With noise, x1 and x2 are float32. With shuffled data, a batch has at most four examples.
    """
    batches = stacked_batches(recipe, seed).unbatch()
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def stacked_batches(recipe: Recipe, seed: int | None = None, steps: int = 1) -> tf.data.Dataset:
    """The same batches in stacks of `steps`, or fewer where an epoch ends.

    Returns:
        A dataset like that of `xor_batches`, of shapes `(steps, batch_size, 1)`.
    """
    shape = (None, make_sampler(recipe, []).batch_size, 1)
    x = tf.TensorSpec(shape, tf.float32 if recipe.noise else tf.uint8)
    y = tf.TensorSpec(shape, tf.uint8)
    options = tf.data.Options()
    options.autotune.enabled = False  # Its thread can delay the end of the data by 30 s.
    dataset = tf.data.Dataset.from_generator(
        lambda: draw_stacks(recipe, seed, steps), output_signature=({"x1": x, "x2": x}, y)
    )
    return dataset.with_options(options)


def draw_stacks(
    recipe: Recipe, seed: int | None = None, steps: int = 1, initial_epoch: int = 0
) -> Iterator[tuple]:
    """The elements of `stacked_batches` as NumPy arrays, after those of some epochs."""
    sampler, noise = make_sampler(recipe, [seed]), make_noise(seed)
    labels = np.array([*recipe.labels], np.uint8)
    for epoch in itertools.count():
        for step in range(0, recipe.steps_per_epoch, steps):
            (points,) = sampler.draw(min(steps, recipe.steps_per_epoch - step))
            points = points[..., None]  # The two bits of a point's number are its x1 and x2.
            x1, x2 = (bit.astype(np.uint8) for bit in (points >> 1, points & 1))
            if recipe.noise:
                both = np.concatenate([x1, x2], axis=-1)
                both = both + recipe.noise * noise.standard_normal(both.shape, np.float32)
                x1, x2 = both[..., :1], both[..., 1:]
            if epoch >= initial_epoch:
                yield {"x1": x1, "x2": x2}, labels[points]
