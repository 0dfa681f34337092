"""Random XOR batches as a `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from keras_xor import checks
from keras_xor.recipe import GUIDE

TRUTH_TABLE = ((0, 0, 1, 1), (0, 1, 0, 1))  # All x1, all x2


def xor_batches(batch_size=GUIDE.batch_size, seed=None):
    """An endless stream of random XOR batches.

    Args:
        batch_size: Examples in a batch, 1 to 2**24. Defaults to 32.
        seed: Whole number of at least 0: the same seed gives the same batches, in
            the same order. Defaults to `None`: new batches on every iteration.

    Returns:
        A `tf.data.Dataset` of elements `({"x1": x1, "x2": x2}, y)`, each of shape
        `(batch_size, 1)` and dtype uint8; `x1` and `x2` are uniform on {0, 1}. Its
        cardinality is `tf.data.INFINITE_CARDINALITY`.

    Raises:
        KerasXorError: `batch_size` or `seed` is out of range.
    """
    batches = stacked_xor_batches(1, 1, batch_size, seed).unbatch()
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def stacked_xor_batches(
    steps_per_epoch, steps_per_execution, batch_size, seed=None, initial_epoch=0
):
    """The stream of `xor_batches`, with the batches of each execution stacked.

    Args:
        steps_per_epoch: Batches after which a new stack begins.
        steps_per_execution: Batches in a stack; the last of an epoch may have fewer.
        batch_size: See `xor_batches`.
        seed: See `xor_batches`.
        initial_epoch: Epochs of the stream to skip. Defaults to 0.

    Returns:
        A `tf.data.Dataset` like `xor_batches`, of shapes `(steps, batch_size, 1)`.

    Raises:
        KerasXorError: `batch_size` or `seed` is out of range.
    """
    batch_size = checks.batch_size(batch_size, "batch_size")
    if seed is not None:
        seed = checks.seed(seed, "seed")

    def stacks():
        rng = np.random.default_rng(seed)
        pass_over(rng, initial_epoch * steps_per_epoch * batch_size)
        while True:
            for step in range(0, steps_per_epoch, steps_per_execution):
                steps = min(steps_per_execution, steps_per_epoch - step)
                yield random_examples(rng, (steps, batch_size, 1))

    return dataset_of(stacks, (None, batch_size, 1))


def dataset_of(generator, shape):
    """A `tf.data.Dataset` of the examples that `generator` yields, in arrays of `shape`."""
    spec = tf.TensorSpec(shape, tf.uint8)
    options = tf.data.Options()
    options.autotune.enabled = False  # Its thread can delay the end of the data by 30 s.
    return tf.data.Dataset.from_generator(
        generator, output_signature=({"x1": spec, "x2": spec}, spec)
    ).with_options(options)


def steps_per_stack(steps, batch_size):
    """The size of stacks that split `steps` evenly, at most 2**15 steps and 2**22 examples."""
    most = max(1, min(2**15, 2**22 // batch_size))
    stacks = -(-steps // most)
    return -(-steps // stacks)


def random_examples(rng, shape):
    """NumPy arrays `({"x1": x1, "x2": x2}, y)` of `shape` and dtype uint8, drawn from `rng`."""
    # Each example takes one draw of the default dtype, so stacking does not change the stream.
    pairs = rng.integers(4, size=shape)
    x1, x2 = (pairs >> 1).astype(np.uint8), (pairs & 1).astype(np.uint8)
    return {"x1": x1, "x2": x2}, x1 ^ x2


def pass_over(rng, examples):
    """Advance `rng` as if `random_examples` had drawn this many examples."""
    # One step of the bit generator gives two 32-bit draws, and an example takes one.
    rng.bit_generator.advance(examples // 2)
    random_examples(rng, examples % 2)
