"""The cost of a training step, in this package and in other implementations, and of a run."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from keras_xor.benchmark import rivals
from keras_xor.data import random_examples, xor_batches
from keras_xor.model import build_model
from keras_xor.recipe import GUIDE, Recipe
from keras_xor.study.program import seed_study
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
        ways["JAX lax.scan"] = _jax(repeats)
    ours = statistics.median(ways["keras_xor.train"])
    return [
        {
            "how": how,
            **_microseconds(seconds, GUIDE.steps_per_epoch),
            "ratio": statistics.median(seconds) / ours,
        }
        for how, seconds in ways.items()
    ]


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


def study_costs(sizes=(100, 1_000), repeats=3):
    """Microseconds per step and seed of whole studies of the recipe, including compilation.

    Args:
        sizes: Numbers of seeds. Defaults to 100 and 1000.
        repeats: Timed studies per size. Defaults to 3.
    """
    steps = GUIDE.epochs * GUIDE.steps_per_epoch
    return [{"seeds": size, **_microseconds(_study(size, repeats), steps * size)} for size in sizes]


def _study(size, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        seed_study(seeds=size)
        seconds.append(time.perf_counter() - start)
    return seconds


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
    weights, rng = build_model(seed=0).get_weights(), np.random.default_rng(0)
    shape = (GUIDE.steps_per_epoch, GUIDE.batch_size, 1)
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        weights, loss, _ = epoch(weights, random_examples(rng, shape), GUIDE.learning_rate)
        float(loss)  # JAX returns before it has finished.
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def _jax(repeats):
    program = (
        "import json; from keras_xor.benchmark import costs, rivals; "
        f"print(json.dumps(costs.rival_seconds(rivals.jax_epoch(), {repeats})))"
    )
    return json.loads(_output(sys.executable, "-c", program))


_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
assert status == 0, sys.argv
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss / 1024]))
"""


def process_costs(train_script, repeats=5):
    """Seconds and peak memory of whole processes: the recipe, and the import of Keras alone.

    Args:
        train_script: The path of scripts/train.py.
        repeats: Runs of each, after one to warm up; the median is reported. Defaults to 5.
    """
    with tempfile.TemporaryDirectory() as folder:
        model_file = str(Path(folder, "xor.keras"))
        commands = {
            "import keras": ["-c", "import keras"],
            "scripts/train.py": [str(train_script), "--model", model_file],
        }
        costs = {what: [] for what in commands}
        for _ in range(1 + repeats):
            for what, arguments in commands.items():
                # A process counts its parent's memory as its own, so the parent must be small.
                costs[what].append(
                    json.loads(_output(sys.executable, "-c", _LAUNCHER, sys.executable, *arguments))
                )
    rows = []
    for what, runs in costs.items():
        seconds, mebibytes = (statistics.median(values) for values in zip(*runs[1:], strict=True))
        rows.append({"what": what, "seconds": seconds, "mebibytes": mebibytes})
    return rows


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
