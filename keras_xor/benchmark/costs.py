"""The cost of a training step, in this package and in other implementations."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_xor.benchmark import rivals
from keras_xor.benchmark.processes import output
from keras_xor.data import examples, random_source, random_words, xor_batches
from keras_xor.model import build_model
from keras_xor.recipe import GUIDE, Recipe
from keras_xor.study.runs import seed_study
from keras_xor.training import device, train

BATCH_SIZES_AND_STEPS = [
    (32, 10_000),
    (32, 100_000),
    (32, 1_000_000),
    (1_024, 1_000),
    (32_768, 100),
]


def machine():
    """The machine that runs the benchmark: processor, cores, device and versions."""
    packages = ("tensorflow", "keras", "numpy", *(["jax"] if has_jax() else []))
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": device(),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(": ")[1] for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def has_jax():
    """Whether JAX is installed."""
    return importlib.util.find_spec("jax") is not None


def step_costs(repeats=15):
    """Microseconds per step of the recipe, in epochs of its length, in each implementation.

    Args:
        repeats: Timed epochs per implementation, after one to warm up. Defaults to 15.
    """
    ways = {
        "Keras fit": _fit(1, repeats),
        "Keras fit, steps_per_execution=1000": _fit(1_000, repeats),
        "keras_xor.train": _train(GUIDE.batch_size, GUIDE.steps_per_epoch, repeats),
        "NumPy loop": rival_seconds(rivals.numpy_epoch, repeats),
    }
    if has_jax():
        ways["JAX lax.scan"] = _in_process(f"rival_seconds(rivals.jax_epoch(), {repeats})")
    costs = {how: _microseconds(seconds, GUIDE.steps_per_epoch) for how, seconds in ways.items()}
    return _compared(costs, "keras_xor.train")


def growth(repeats=5):
    """Microseconds per step of `train` as batches and epochs grow.

    Args:
        repeats: Timed epochs per size, after one to warm up. Defaults to 5.
    """
    rows = []
    for batch_size, steps in BATCH_SIZES_AND_STEPS:
        costs = _microseconds(_train(batch_size, steps, repeats), steps)
        rows.append({"batch_size": batch_size, "steps": steps, **costs})
    return rows


def study_costs(size=1_000, repeats=5):
    """Microseconds per step and run of studies of the recipe, here and in JAX.

    Args:
        size: Number of seeds. Defaults to 1000.
        repeats: Timed studies, and epochs in JAX, after one to warm up. Defaults to 5.
    """
    steps = GUIDE.steps
    studies = _seconds(lambda: seed_study(seeds=size), repeats)
    ways = {"keras_xor.seed_study": _microseconds(studies, steps * size)}
    if has_jax():
        seconds = _in_process(f"study_seconds(rivals.jax_study(), {size}, {repeats})")
        ways["JAX vmap in lax.scan"] = _microseconds(seconds, GUIDE.steps_per_epoch * size)
    return _compared(ways, "keras_xor.seed_study")


def study_seconds(epoch, size, repeats):
    """Seconds per epoch of many runs of a rival, including drawing their batches."""
    runs = [build_model(seed=seed).get_weights() for seed in range(size)]
    weights = [np.stack(weight) for weight in zip(*runs, strict=True)]
    sources = [random_source(seed) for seed in range(size)]

    def work():
        nonlocal weights
        stack = keras.tree.map_structure(lambda *arrays: np.stack(arrays), *map(_stack, sources))
        weights, loss, _ = epoch(weights, stack, GUIDE.learning_rate)
        np.asarray(loss)  # JAX returns before it has finished.

    return _seconds(work, repeats)


def _microseconds(seconds, steps):
    costs = [1e6 * second / steps for second in seconds]
    return {"median": statistics.median(costs), "min": min(costs), "max": max(costs)}


class _Stopwatch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._start)


def _fit(steps_per_execution, repeats):
    model, stopwatch = build_model(seed=0), _Stopwatch()
    model.steps_per_execution = steps_per_execution
    model.fit(
        xor_batches(seed=0),
        epochs=1 + repeats,
        steps_per_epoch=GUIDE.steps_per_epoch,
        shuffle=False,
        callbacks=[stopwatch],
        verbose=0,
    )
    return stopwatch.seconds[1:]


def _train(batch_size, steps, repeats):
    recipe = Recipe(epochs=1 + repeats, steps_per_epoch=steps, batch_size=batch_size)
    stopwatch = _Stopwatch()
    train(build_model(recipe, seed=0), recipe, seed=0, callbacks=[stopwatch])
    return stopwatch.seconds[1:]


def rival_seconds(epoch, repeats):
    """Seconds per epoch of a rival, including drawing its batches."""
    weights, source = build_model(seed=0).get_weights(), random_source(0)

    def work():
        nonlocal weights
        weights, loss, _ = epoch(weights, _stack(source), GUIDE.learning_rate)
        float(loss)  # JAX returns before it has finished.

    return _seconds(work, repeats)


def _stack(source):
    """The batches of an epoch, for a rival."""
    words = random_words(source, GUIDE.steps_per_epoch, GUIDE.batch_size)
    return examples(words, GUIDE.batch_size)


def _seconds(work, repeats):
    """Seconds of each call of `work`, after one to warm up."""
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def _compared(costs, ours):
    """Rows of the costs of each implementation, with their ratio to those of `ours`."""
    return [
        {"how": how, **cost, "ratio": cost["median"] / costs[ours]["median"]}
        for how, cost in costs.items()
    ]


def _in_process(call):
    """The result of a function of this module in a process where TensorFlow has not run."""
    program = (
        "import json; from keras_xor.benchmark import costs, rivals; "
        f"print(json.dumps(costs.{call}))"
    )
    return json.loads(output(sys.executable, "-c", program))
