"""Batches of a truth table as a `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from keras_xor.recipe import GUIDE, Recipe
from keras_xor.sampling import NormalNoise, make_sampler

TRUTH_TABLE = ((0, 0, 1, 1), (0, 1, 0, 1))  # All x1, all x2


def xor_batches(batch_size=GUIDE.batch_size, seed=None):
    """An endless stream of random XOR batches.

    Args:
        batch_size: Examples in a batch. Defaults to 32.
        seed: Whole number of at least 0: the same seed gives the same batches, in
            the same order. Defaults to `None`: new batches on every iteration.

    Returns:
        A `tf.data.Dataset` of elements `({"x1": x1, "x2": x2}, y)`, each of shape
        `(batch_size, 1)` and dtype uint8; `x1` and `x2` are uniform on {0, 1}. Its
        cardinality is `tf.data.INFINITE_CARDINALITY`.
    """
    return recipe_batches(Recipe(batch_size=batch_size), seed)


def recipe_batches(recipe, seed=None):
    """The stream of batches that a recipe is trained on.

    Args:
        recipe: A `Recipe`, of which data, labels, noise and batch size are used.
        seed: See `xor_batches`.

    Returns:
        A `tf.data.Dataset` as from `xor_batches`. With noise, `x1` and `x2` are float32. With
        shuffled data, a batch has at most four examples.
    """
    batches = StackedBatches(recipe)(1, 1, seed).unbatch()
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


class StackedBatches:
    """The stream of `recipe_batches`, with the batches of each execution stacked.

    Its dataset is made once, for one use after the other: that takes longer than many a training.

    Args:
        recipe: See `recipe_batches`.
    """

    def __init__(self, recipe):
        self._recipe = recipe
        shape = (None, make_sampler(recipe).batch_size, 1)
        x = tf.TensorSpec(shape, tf.float32 if recipe.noise else tf.uint8)
        options = tf.data.Options()
        options.autotune.enabled = False  # Its thread can delay the end of the data by 30 s.
        # Optimizing the graph takes longer than the first batch.
        options.experimental_optimization.apply_default_optimizations = False
        self._dataset = tf.data.Dataset.from_generator(
            lambda: self._stacks(),
            output_signature=({"x1": x, "x2": x}, tf.TensorSpec(shape, tf.uint8)),
        ).with_options(options)

    def __call__(self, steps_per_epoch, steps_per_execution, seed=None, initial_epoch=0):
        """The stream of a seed, until this is called again.

        Args:
            steps_per_epoch: Batches after which a new stack begins.
            steps_per_execution: Batches in a stack; the last of an epoch may have fewer.
            seed: See `xor_batches`.
            initial_epoch: Epochs of the stream to skip. Defaults to 0.

        Returns:
            A `tf.data.Dataset` like `recipe_batches`, of shapes `(steps, batch_size, 1)`.
        """

        def stacks():
            draw = stack_drawer(self._recipe, seed, initial_epoch * steps_per_epoch)
            while True:
                for step in range(0, steps_per_epoch, steps_per_execution):
                    yield draw(min(steps_per_execution, steps_per_epoch - step))

        self._stacks = stacks
        return self._dataset


def stack_drawer(recipe, seed=None, skipped=0):
    """A function that draws the next batches of a recipe, as many as it is told.

    Args:
        recipe: See `recipe_batches`.
        seed: See `xor_batches`.
        skipped: Batches to skip. Defaults to 0.

    Returns:
        A function of a number of steps, which returns NumPy arrays `({"x1": x1, "x2": x2}, y)`,
        each of shape `(steps, batch_size, 1)`.
    """
    sampler = make_sampler(recipe, seed)
    sampler.skip(skipped)
    noise = NormalNoise(seed)
    noise.skip(skipped * sampler.batch_size)
    labels = np.uint8(int(recipe.labels[::-1], 2))  # That of point n is bit n.

    def draw(steps):
        points = sampler.indices(sampler.draw(steps)).astype(np.uint8)[..., None]
        x1, x2 = points >> 1, points & 1
        if recipe.noise:
            more = np.float32(recipe.noise) * noise.draw(steps, sampler.batch_size)
            x1, x2 = x1 + more[..., :1], x2 + more[..., 1:]
        return {"x1": x1, "x2": x2}, labels >> points & 1

    return draw


def labels_of(labels=GUIDE.labels):
    """The labels of the points of `TRUTH_TABLE`, such as "0110", as an array of dtype uint8."""
    return np.array([*labels], np.uint8)


def are_right(answers, labels=GUIDE.labels):
    """Whether probabilities at the points of `TRUTH_TABLE`, on the last axis, are right.

    Args:
        answers: An array of shape `(..., 4)`. Above 0.5, an answer is 1.
        labels: The labels of the points. Defaults to XOR's, "0110".

    Returns:
        An array of dtype bool, of the same shape.
    """
    return (answers > 0.5) == (labels_of(labels) == 1)


def steps_per_stack(steps, batch_size):
    """The size of stacks that split `steps` evenly, at most 2**15 steps and 2**22 examples."""
    most = max(1, min(2**15, 2**22 // batch_size))
    stacks = -(-steps // most)
    return -(-steps // stacks)
