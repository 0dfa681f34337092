"""Random XOR batches as a `tf.data.Dataset`."""

import numpy as np
import tensorflow as tf

from keras_xor.recipe import GUIDE

TRUTH_TABLE = ((0, 0, 1, 1), (0, 1, 0, 1))  # All x1, all x2
EXAMPLES_PER_WORD = 32


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
    batches = StackedXorBatches(batch_size)(1, 1, seed).unbatch()
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


class StackedXorBatches:
    """The stream of `xor_batches`, with the batches of each execution stacked.

    Its dataset is made once, for one use after the other: that takes longer than many a training.

    Args:
        batch_size: See `xor_batches`.
    """

    def __init__(self, batch_size):
        self._batch_size = batch_size
        spec = tf.TensorSpec((None, self._batch_size, 1), tf.uint8)
        options = tf.data.Options()
        options.autotune.enabled = False  # Its thread can delay the end of the data by 30 s.
        # Optimizing the graph takes longer than the first batch.
        options.experimental_optimization.apply_default_optimizations = False
        self._dataset = tf.data.Dataset.from_generator(
            lambda: self._stacks(), output_signature=({"x1": spec, "x2": spec}, spec)
        ).with_options(options)

    def __call__(self, steps_per_epoch, steps_per_execution, seed=None, initial_epoch=0):
        """The stream of a seed, until this is called again.

        Args:
            steps_per_epoch: Batches after which a new stack begins.
            steps_per_execution: Batches in a stack; the last of an epoch may have fewer.
            seed: See `xor_batches`.
            initial_epoch: Epochs of the stream to skip. Defaults to 0.

        Returns:
            A `tf.data.Dataset` like `xor_batches`, of shapes `(steps, batch_size, 1)`.
        """
        skipped = initial_epoch * steps_per_epoch

        def stacks():
            source = random_source(seed)
            source.advance(skipped * words_per_batch(self._batch_size))
            while True:
                for step in range(0, steps_per_epoch, steps_per_execution):
                    steps = min(steps_per_execution, steps_per_epoch - step)
                    words = random_words(source, steps, self._batch_size)
                    yield examples(words, self._batch_size)

        self._stacks = stacks
        return self._dataset


def are_right(answers, threshold=0.5):
    """Whether answers at the points of `TRUTH_TABLE`, on the last axis, are right.

    Args:
        answers: An array or tensor of shape `(..., 4)`.
        threshold: Above it, an answer is 1. Defaults to 0.5.

    Returns:
        An array or tensor of dtype bool, of the same shape.
    """
    return (answers > threshold) == np.not_equal(*TRUTH_TABLE)


def steps_per_stack(steps, batch_size):
    """The size of stacks that split `steps` evenly, at most 2**15 steps and 2**22 examples."""
    most = max(1, min(2**15, 2**22 // batch_size))
    stacks = -(-steps // most)
    return -(-steps // stacks)


def random_source(seed=None):
    """The bit generator from which `random_words` draws the batches of a seed."""
    return np.random.PCG64(seed)


def words_per_batch(batch_size):
    """The number of random words, of 64 bits each, that a batch takes."""
    return -(-batch_size // EXAMPLES_PER_WORD)


def random_words(source, steps, batch_size):
    """Draw batches as random bits.

    Args:
        source: A bit generator such as `random_source` returns.
        steps: Number of batches.
        batch_size: Examples in each of them.

    Returns:
        A `numpy.ndarray` of shape `(steps, words_per_batch(batch_size))` and dtype uint64. Each
        word holds x1 of 32 examples in its low half and x2 in its high half. The bits of the
        last word beyond the batch are 0.
    """
    words = source.random_raw(steps * words_per_batch(batch_size)).reshape(steps, -1)
    if rest := batch_size % EXAMPLES_PER_WORD:
        words[:, -1] &= np.uint64((2**rest - 1) * (1 + 2**EXAMPLES_PER_WORD))
    return words


def examples(words, batch_size):
    """Batches of random bits as NumPy arrays `({"x1": x1, "x2": x2}, y)`.

    Args:
        words: What `random_words` returned.
        batch_size: That of `words`.

    Returns:
        A tuple as above; each array is of shape `(steps, batch_size, 1)` and dtype uint8.
    """
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), axis=-1, bitorder="little")
    halves = bits.reshape(len(words), -1, 2, EXAMPLES_PER_WORD)
    x1, x2 = np.moveaxis(halves, 2, 0).reshape(2, len(words), -1)[:, :, :batch_size, None]
    return {"x1": x1, "x2": x2}, x1 ^ x2


def point_counts(words, batch_size):
    """How often each point of the truth table is in each batch of random bits.

    Args:
        words: What `random_words` returned, with any number of leading axes.
        batch_size: That of `words`.

    Returns:
        A `numpy.ndarray` of shape `(4, *words.shape[:-1])` and an integer dtype, in the order of
        `TRUTH_TABLE`.
    """
    low, x2_bits = np.uint64(2**EXAMPLES_PER_WORD - 1), words >> np.uint64(EXAMPLES_PER_WORD)
    x1, x2, both = map(_ones, (words & low, x2_bits, words & x2_bits))
    return np.stack([batch_size - x1 - x2 + both, x2 - both, x1 - both, both])


def _ones(words):
    ones = np.bitwise_count(words)
    # The sum over a single word would take longer than all else.
    return ones[..., 0] if words.shape[-1] == 1 else ones.sum(axis=-1, dtype=np.int32)
