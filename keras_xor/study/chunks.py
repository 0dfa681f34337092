"""Cut the runs of a study into chunks, and train a chunk."""

import math
import threading
from typing import NamedTuple

import numpy as np

from keras_xor.data import steps_per_stack
from keras_xor.recipe import Recipe
from keras_xor.sampling import NormalNoise, make_sampler
from keras_xor.study.network import Network

_STEPS = 1_000  # At most, in a call of a program
_LARGE_STUDY = 16  # Chunks, from which on they grow
RUNS = 256, 512  # About how many are in a chunk: more are faster, but for fewer cores
_MOST_NUMBERS = 2**22  # Weights and activations of a chunk, or numbers drawn at once
_MOST_WORK = 2**26  # Weights of a chunk, times the steps that it trains at once

_ONE_AT_A_TIME = threading.Lock()


class Results(NamedTuple):
    """What became of runs: arrays with an entry, or a row of predictions, for each of them."""

    predictions: np.ndarray
    loss: np.ndarray
    steps_to_learn: np.ndarray
    diverged: np.ndarray


class Chunk(NamedTuple):
    """Runs that one program trains at a time."""

    cell: int  # The number of the recipe in the sweep
    recipe: Recipe
    network: Network
    seeds: list
    runs: int  # That the program trains; a smaller last chunk is padded.

    @property
    def steps(self):
        """The steps of all its runs together."""
        return self.recipe.steps * len(self.seeds)


def cut(recipes, networks, seeds):
    """Cut the runs of a sweep into chunks, in the same way for any number of cores."""
    chunks = []
    for cell, (recipe, network) in enumerate(zip(recipes, networks, strict=True)):
        numbers = max(4 * network.parameters, _numbers_per_step(recipe, network))
        most = max(
            1, min(max(len(seeds) // _LARGE_STUDY, RUNS[0]), RUNS[1], _MOST_NUMBERS // numbers)
        )
        size = math.ceil(len(seeds) / math.ceil(len(seeds) / most))
        for first in range(0, len(seeds), size):
            chunks.append(Chunk(cell, recipe, network, seeds[first : first + size], size))
    return chunks


def train_chunk(chunk, report=lambda steps: None, stopped=None):
    """Train a chunk.

    Args:
        chunk: The `Chunk`.
        report: What to call with the number of steps done in all runs, every now and then.
        stopped: A `threading.Event` that ends the training early.

    Returns:
        The `Results`; `None` if it was stopped.
    """
    _, recipe, network, seeds, runs = chunk
    padded = seeds + seeds[:1] * (runs - len(seeds))
    with _ONE_AT_A_TIME:  # Threads would compile the same twice.
        if stopped and stopped.is_set():
            return None
        batches = _Batches(recipe, network, padded)
        state = network.start(padded, recipe.learning_rate if network.recipe else None)
        train = network.program(state, batches.arrays)
    looks = recipe.steps_per_epoch, steps_per_stack(recipe.steps_per_epoch, recipe.batch_size)
    for first in range(0, recipe.steps, batches.steps):
        if stopped and stopped.is_set():
            return None
        steps = min(batches.steps, recipe.steps - first)
        batches.draw(steps)
        state, predictions, right = train(state, batches.arrays, steps, *looks)
        report(steps * len(seeds))
    diverged = state.diverged.numpy()
    predictions = np.where(diverged[:, None], np.float32("nan"), predictions)
    steps_to_learn = np.where(right & ~diverged, state.last_wrong + 1, 0)
    results = predictions, state.loss.numpy(), steps_to_learn, diverged
    return Results(*(array[: len(seeds)] for array in results))


class _Batches:
    """The next batches of runs, as `Network.program` takes them.

    Attributes:
        steps: How many there are at most: they take well under a second, in which Ctrl-C waits.
        arrays: Dict of arrays.
    """

    def __init__(self, recipe, network, seeds):
        (points, features), runs = network.points.x.shape, len(seeds)
        self._samplers = [make_sampler(recipe, seed, points) for seed in seeds]
        self._noise = recipe.noise
        numbers = runs * _numbers_per_step(recipe, network)
        work = runs * network.parameters
        self.steps = max(1, min(_STEPS, _MOST_NUMBERS // numbers, _MOST_WORK // work))
        if _is_weighted(recipe, network):
            self.arrays = {"counts": np.zeros((points, runs, self.steps), np.int32)}
            return
        shape = runs, self.steps, self._samplers[0].batch_size
        self._sources = [NormalNoise(seed, features) for seed in seeds] if recipe.noise else []
        noise = np.zeros((*shape, features if recipe.noise else 0), np.float32)
        self.arrays = {"chosen": np.zeros(shape, np.uint16), "noise": noise}

    def draw(self, steps):
        """Draw the next batches, at the beginning of `arrays`."""
        one, *_ = self._samplers
        drawn = np.stack([sampler.draw(steps) for sampler in self._samplers])
        if "counts" in self.arrays:
            self.arrays["counts"][:, :, :steps] = one.counts(drawn)
            return
        self.arrays["chosen"][:, :steps] = one.indices(drawn)
        for noise, source in zip(self.arrays["noise"], self._sources, strict=False):
            noise[:steps] = self._noise * source.draw(steps, one.batch_size)


def _numbers_per_step(recipe, network):
    """How many numbers are drawn for a step of a run."""
    points, features = network.points.x.shape
    sampler = make_sampler(recipe, points=points)
    if _is_weighted(recipe, network):
        return points + sampler.numbers
    return (1 + features) * sampler.batch_size


def _is_weighted(recipe, network):
    return network.weighs and not recipe.noise
