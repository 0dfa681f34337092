"""Which of the points each example of a batch is, for one run or many.

The batches of a seed are the same, however many are drawn at a time.
"""

from collections.abc import Sequence

import numpy as np

from keras_xor.recipe import Recipe


class RandomPoints:
    """Each example is a random one of `points` points.

    Attributes:
        batch_size: Examples in a batch.
        numbers: How many numbers are drawn for a batch.
    """

    def __init__(self, batch_size: int, points: int, seeds: Sequence[int | None]) -> None:
        self.batch_size = self.numbers = batch_size
        self.points = points
        self._rngs = [np.random.default_rng(seed) for seed in seeds]

    def draw(self, steps: int) -> np.ndarray:
        """The points in the next batches of each run, of shape `(runs, steps, batch_size)`."""
        # NumPy draws numbers of fewer bits four at a time, so the batches would depend on `steps`.
        shape = steps, self.batch_size
        return np.stack([rng.integers(self.points, size=shape, dtype="u4") for rng in self._rngs])

    def draw_counts(self, steps: int) -> np.ndarray:
        """How often each point is in the next batches, of shape `(points, runs, steps)`."""
        drawn = self.draw(steps)
        return np.stack([np.sum(drawn == point, axis=-1) for point in range(self.points)])


class RandomBits(RandomPoints):
    """Each example is a random point of a truth table: x1 and x2 are random bits.

    A batch takes 32 bits for every 32 examples, or fewer, of x1, and then as many of x2.
    """

    def __init__(self, batch_size: int, points: int, seeds: Sequence[int | None]) -> None:
        super().__init__(batch_size, points, seeds)
        self.numbers = 2 * -(-batch_size // 32)

    def draw(self, steps: int) -> np.ndarray:
        bits = np.unpackbits(self._draw_words(steps).view(np.uint8), axis=-1)
        x1, x2 = bits[..., 0, : self.batch_size], bits[..., 1, : self.batch_size]
        return 2 * x1 + x2

    def draw_counts(self, steps: int) -> np.ndarray:
        words = self._draw_words(steps)
        if rest := self.batch_size % 32:
            words[..., -1] &= np.packbits(np.arange(32) < rest).view(np.uint32)
        x1_words, x2_words = words[..., 0, :], words[..., 1, :]
        x1, x2, both = map(_count_ones, (x1_words, x2_words, x1_words & x2_words))
        return np.stack([self.batch_size - x1 - x2 + both, x2 - both, x1 - both, both])

    def _draw_words(self, steps: int) -> np.ndarray:
        size = steps * self.numbers // 2
        drawn = np.stack([rng.bit_generator.random_raw(size) for rng in self._rngs])
        # These are the bits of `rng.bytes`, in less time.
        return drawn.view("<u4").reshape(len(self._rngs), steps, 2, self.numbers // 2)


class ShuffledPoints(RandomPoints):
    """One pass over all points after the other, each in a new order; a batch may span two passes.

    A batch has each point once if it could hold them all.
    """

    def __init__(self, batch_size: int, points: int, seeds: Sequence[int | None]) -> None:
        super().__init__(min(batch_size, points), points, seeds)
        self._rest = np.empty((len(seeds), 0), np.int64)  # Of the pass that has begun

    def draw(self, steps: int) -> np.ndarray:
        runs, numbers = len(self._rngs), np.arange(self.points)
        if self.batch_size == self.points:
            return np.tile(numbers, (runs, steps, 1))
        examples = steps * self.batch_size
        passes = np.tile(numbers, (-(-(examples - self._rest.shape[1]) // self.points), 1))
        new = np.stack([rng.permuted(passes, axis=1).ravel() for rng in self._rngs])
        drawn = np.concatenate([self._rest, new], axis=1)
        self._rest = drawn[:, examples:]
        return drawn[:, :examples].reshape(runs, steps, self.batch_size)


def make_sampler(recipe: Recipe, seeds: Sequence[int | None], points: int = 4) -> RandomPoints:
    """The sampler of a recipe's data for runs with these seeds, on a table of points."""
    random = RandomBits if points == 4 else RandomPoints
    kind = {"random": random, "shuffled": ShuffledPoints}[recipe.data]
    return kind(recipe.batch_size, points, seeds)


def make_noise(seed: int | None) -> np.random.Generator:
    """The generator of the noise of a seed, which leaves its batches as they are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))


def _count_ones(words: np.ndarray) -> np.ndarray:
    ones = np.bitwise_count(words)
    # The sum over a single word would take longer than all else.
    return ones[..., 0] if ones.shape[-1] == 1 else ones.sum(axis=-1, dtype=np.int32)
