"""Divide the runs of a study into chunks, and train a chunk."""

import math
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_xor.recipe import Recipe
from keras_xor.sampling import make_noise, make_sampler
from keras_xor.study.network import Network
from keras_xor.training import choose_steps_per_execution

_STEPS = 1_000  # At most, in a call of a program
_LARGE_STUDY = 16  # Chunks, from which on they grow
_RUNS = 256, 512  # About how many are in a chunk: more are faster, but for fewer cores
_MOST_NUMBERS = 2**22  # Weights and activations of a chunk, or numbers drawn at once
_MOST_WORK = 2**26  # Weights of a chunk, times the steps that it trains at once

_ONE_AT_A_TIME = threading.Lock()


class Results(NamedTuple):
    """The results of runs: arrays with an entry, or a row of predictions, for each of them."""

    predictions: np.ndarray
    loss: np.ndarray
    steps_to_learn: np.ndarray
    diverged: np.ndarray


class Chunk(NamedTuple):
    """Runs that one program trains at a time."""

    cell: int  # The number of the recipe in the sweep
    recipe: Recipe
    network: Network
    seeds: list[int]
    runs: int  # That the program trains; a smaller last chunk is padded.

    @property
    def steps(self) -> int:
        """The steps of all its runs together."""
        return self.recipe.steps * len(self.seeds)


def make_chunks(
    recipes: Sequence[Recipe],
    networks: Sequence[Network],
    seeds: list[int],
    chunk_size: int | None = None,
) -> list[Chunk]:
    """Divide the runs of a sweep into chunks, in the same way for any number of cores.

    Each has at most `chunk_size` runs. The default is what trains fast and fits into memory.
    """
    chunks = []
    for cell, (recipe, network) in enumerate(zip(recipes, networks, strict=True)):
        numbers = max(4 * network.parameters, _count_numbers(recipe, network))
        fast = min(max(len(seeds) // _LARGE_STUDY, _RUNS[0]), _RUNS[1])
        most = chunk_size or max(1, min(fast, _MOST_NUMBERS // numbers))
        size = math.ceil(len(seeds) / math.ceil(len(seeds) / most))
        for first in range(0, len(seeds), size):
            chunks.append(Chunk(cell, recipe, network, seeds[first : first + size], size))
    return chunks


def train_chunk(
    chunk: Chunk,
    report: Callable[[int], object] = lambda steps: None,
    stopped: threading.Event | None = None,
) -> Results | None:
    """Train a chunk.

    Args:
        chunk: What to train.
        report: Called with the number of steps done in all runs, every now and then.
        stopped: Ends the training early, with `None` for a result.
    """
    _, recipe, network, seeds, runs = chunk
    padded = seeds + seeds[:1] * (runs - len(seeds))
    with _ONE_AT_A_TIME:  # Threads would compile the same twice.
        if stopped and stopped.is_set():
            return None
        batches = _Batches(recipe, network, padded)
        state = network.start(padded, recipe.learning_rate if network.recipe else None)
        train = network.program(state, batches.arrays)
    lengths = recipe.steps_per_epoch, choose_steps_per_execution(recipe)
    for first in range(0, recipe.steps, batches.steps):
        if stopped and stopped.is_set():
            return None
        steps = min(batches.steps, recipe.steps - first)
        batches.draw(steps)
        state, predictions, right = train(state, batches.arrays, steps, *lengths)
        report(steps * len(seeds))
    diverged = state.diverged.numpy()
    predictions = np.where(diverged[:, None], np.float32("nan"), predictions)
    steps_to_learn = np.where(right & ~diverged, state.last_wrong + 1, 0)
    results = predictions, state.loss.numpy(), steps_to_learn, diverged
    return Results(*(array[: len(seeds)] for array in results))


class _Batches:
    """The next batches of runs, as `Network.program` takes them.

    `steps` is how many there are at most: they take well under a second, in which Ctrl-C waits.
    """

    def __init__(self, recipe: Recipe, network: Network, seeds: list[int]) -> None:
        (points, features), runs = network.points.x.shape, len(seeds)
        self._sampler = make_sampler(recipe, seeds, points)
        self._noise = recipe.noise
        numbers = runs * _count_numbers(recipe, network)
        work = runs * network.parameters
        self.steps = max(1, min(_STEPS, _MOST_NUMBERS // numbers, _MOST_WORK // work))
        if _is_weighted(recipe, network):
            self.arrays = {"counts": np.zeros((points, runs, self.steps), np.int32)}
            return
        shape = runs, self.steps, self._sampler.batch_size
        self._generators = [make_noise(seed) for seed in seeds] if recipe.noise else []
        noise = np.zeros((*shape, features if recipe.noise else 0), np.float32)
        self.arrays = {"chosen": np.zeros(shape, np.uint16), "noise": noise}

    def draw(self, steps: int) -> None:
        """Draw the next batches, at the beginning of `arrays`."""
        if "counts" in self.arrays:
            self.arrays["counts"][:, :, :steps] = self._sampler.draw_counts(steps)
            return
        self.arrays["chosen"][:, :steps] = self._sampler.draw(steps)
        if self._noise:
            for noise, rng in zip(self.arrays["noise"], self._generators, strict=True):
                noise[:steps] = self._noise * rng.standard_normal(noise[:steps].shape, np.float32)


def _count_numbers(recipe: Recipe, network: Network) -> int:
    """How many numbers a step of a run takes."""
    points, features = network.points.x.shape
    sampler = make_sampler(recipe, [], points)
    if _is_weighted(recipe, network):
        return points + sampler.numbers
    return (1 + features) * sampler.batch_size


def _is_weighted(recipe: Recipe, network: Network) -> bool:
    return network.weighs and not recipe.noise
