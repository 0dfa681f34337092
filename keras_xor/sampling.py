"""Which points of a table are in each batch of a seed.

A sampler draws the batches of a seed, a number of steps at a time; what it drew stands for the
points in each batch, and how often each of them is there. All drawing is by random words of 64
bits, a fixed number for each step, so a sampler can skip steps without drawing them.
"""

import numpy as np

EXAMPLES_PER_WORD = 32


def make_sampler(recipe, seed=None, points=4):
    """The sampler of the batches of a recipe's data.

    Args:
        recipe: A `keras_xor.Recipe`, of which the data and the batch size are used.
        seed: Whole number of at least 0, or `None` for new batches every time.
        points: The number of points in the table. Defaults to 4.
    """
    random = _RandomBits if points == 4 else _Random
    kind = {"random": random, "shuffled": _Shuffled}[recipe.data]
    return kind(recipe.batch_size, seed, points)


class _Random:
    """Each example is a random point.

    Attributes:
        batch_size: Examples in a batch.
        numbers: How many numbers `draw` returns for a batch.
    """

    def __init__(self, batch_size, seed, points):
        self.batch_size = self.numbers = batch_size
        self._points = points
        self._bits = np.random.PCG64(seed)

    def skip(self, steps):
        """Leave out the next `steps` batches."""
        self._bits.advance(steps * self.batch_size)

    def draw(self, steps):
        """The next batches, as an array whose first axis is the step."""
        words = self._bits.random_raw(steps * self.batch_size) % np.uint64(self._points)
        return words.astype(np.uint16).reshape(steps, self.batch_size)

    def indices(self, drawn):
        """The numbers of the points in batches, of shape `(*leading, batch_size)`."""
        return drawn

    def counts(self, drawn):
        """How often each point is in batches, of shape `(points, *leading)`."""
        return np.stack([np.sum(drawn == n, axis=-1) for n in range(self._points)])


class _Shuffled(_Random):
    """One pass over all points after the other, each in a new order; a batch may span two passes.

    A batch has each point once if it could hold them all.
    """

    def __init__(self, batch_size, seed, points):
        super().__init__(min(batch_size, points), seed, points)
        self._left = np.empty(0, np.uint16)  # Of the pass that has begun

    def skip(self, steps):
        passes, rest = divmod(steps * self.batch_size, self._points)
        self._bits.advance(passes * self._points)
        self._left = self._passes(min(rest, 1))[rest:]

    def draw(self, steps):
        if self.batch_size == self._points:
            return np.broadcast_to(np.arange(self._points, dtype=np.uint16), (steps, self._points))
        wanted = steps * self.batch_size
        passes = -(-(wanted - len(self._left)) // self._points)
        examples = np.concatenate([self._left, self._passes(passes)])
        self._left = examples[wanted:]
        return examples[:wanted].reshape(steps, self.batch_size)

    def _passes(self, passes):
        words = self._bits.random_raw(passes * self._points).reshape(passes, self._points)
        return np.argsort(words, axis=1).astype(np.uint16).ravel()


class _RandomBits(_Random):
    """Like `_Random` for four points: a word holds x1 of 32 examples, then x2 of them."""

    def __init__(self, batch_size, seed, points):
        super().__init__(batch_size, seed, points)
        self.numbers = -(-batch_size // EXAMPLES_PER_WORD)

    def skip(self, steps):
        self._bits.advance(steps * self.numbers)

    def draw(self, steps):
        words = self._bits.random_raw(steps * self.numbers).reshape(steps, self.numbers)
        if rest := self.batch_size % EXAMPLES_PER_WORD:
            words[:, -1] &= np.uint64((2**rest - 1) * (1 + 2**EXAMPLES_PER_WORD))
        return words

    def indices(self, drawn):
        bits = np.unpackbits(drawn.astype("<u8").view(np.uint8), axis=-1, bitorder="little")
        halves = bits.reshape(*drawn.shape, 2, EXAMPLES_PER_WORD)
        both = 2 * halves[..., 0, :] + halves[..., 1, :]
        return both.reshape(*drawn.shape[:-1], -1)[..., : self.batch_size]

    def counts(self, drawn):
        low, x2_bits = np.uint64(2**EXAMPLES_PER_WORD - 1), drawn >> np.uint64(EXAMPLES_PER_WORD)
        x1, x2, both = map(_ones, (drawn & low, x2_bits, drawn & x2_bits))
        return np.stack([self.batch_size - x1 - x2 + both, x2 - both, x1 - both, both])


def _ones(words):
    ones = np.bitwise_count(words)
    # The sum over a single word would take longer than all else.
    return ones[..., 0] if words.shape[-1] == 1 else ones.sum(axis=-1, dtype=np.int32)


class NormalNoise:
    """Normal numbers of a seed, by the transform of Box and Muller: two for each random word.

    Args:
        seed: See `make_sampler`.
        numbers: How many an example takes.
    """

    def __init__(self, seed, numbers=2):
        source = np.random.SeedSequence(seed, spawn_key=(1,))  # Not that of the points
        self._bits = np.random.PCG64(source)
        self._numbers, self._words = numbers, -(-numbers // 2)

    def skip(self, examples):
        """Leave out the numbers of the next examples."""
        self._bits.advance(examples * self._words)

    def draw(self, *shape):
        """Normal numbers, as float32 of shape `(*shape, numbers)`."""
        words = self._bits.random_raw(int(np.prod(shape)) * self._words)
        low, high = words & np.uint64(2**32 - 1), words >> np.uint64(32)
        radius = np.sqrt(-2 * np.log((low + np.float64(1)) / 2**32))
        angle = 2 * np.pi * (high / np.float64(2**32))
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
        return pairs.reshape(*shape, -1)[..., : self._numbers].astype(np.float32)
