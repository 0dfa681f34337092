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


STUDIES = (1_000, 10_000)


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


def study_costs(size=1_000, repeats=5):
    """Microseconds per step and run of studies of the recipe, here and in JAX.

    Args:
        size: Number of seeds. Defaults to 1000.
        repeats: Timed studies, and epochs in JAX, after one to warm up. Defaults to 5.
    """
    steps = GUIDE.epochs * GUIDE.steps_per_epoch
    ways = {"keras_xor.seed_study": _microseconds(_study(size, repeats), steps * size)}
    if has_jax():
        seconds = _in_process(f"study_seconds(rivals.jax_study(), {size}, {repeats})")
        ways["JAX vmap in lax.scan"] = _microseconds(seconds, GUIDE.steps_per_epoch * size)
    ours = ways["keras_xor.seed_study"]["median"]
    return [{"how": how, **costs, "ratio": costs["median"] / ours} for how, costs in ways.items()]


def _study(size, repeats):
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        seed_study(seeds=size)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def study_seconds(epoch, size, repeats):
    """Seconds per epoch of many runs of a rival, including drawing their batches."""
    runs = [build_model(seed=seed).get_weights() for seed in range(size)]
    weights = [np.stack(weight) for weight in zip(*runs, strict=True)]
    sources = [random_source(seed) for seed in range(size)]
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        words = [random_words(s, GUIDE.steps_per_epoch, GUIDE.batch_size) for s in sources]
        stacks = [examples(word, GUIDE.batch_size) for word in words]
        stack = keras.tree.map_structure(lambda *arrays: np.stack(arrays), *stacks)
        weights, loss, _ = epoch(weights, stack, GUIDE.learning_rate)
        np.asarray(loss)  # JAX returns before it has finished.
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


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
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        words = random_words(source, GUIDE.steps_per_epoch, GUIDE.batch_size)
        stack = examples(words, GUIDE.batch_size)
        weights, loss, _ = epoch(weights, stack, GUIDE.learning_rate)
        float(loss)  # JAX returns before it has finished.
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def _in_process(call):
    """The result of a function of this module in a process where TensorFlow has not run."""
    program = (
        "import json; from keras_xor.benchmark import costs, rivals; "
        f"print(json.dumps(costs.{call}))"
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


def process_costs(scripts, repeats=5):
    """Seconds and peak memory of whole processes: a run, studies, and the import of Keras alone.

    Args:
        scripts: The path of the folder scripts/.
        repeats: Runs of each, after one to warm up; the median is reported. Defaults to 5.
    """
    with tempfile.TemporaryDirectory() as folder:
        model_file = str(Path(folder, "xor.keras"))
        commands = {
            "import keras": ["-c", "import keras"],
            "train.py": [str(scripts / "train.py"), "--model", model_file],
            **{
                f"seed_study.py --seeds {size}": [
                    *(str(scripts / "seed_study.py"), "--seeds", str(size))
                ]
                for size in STUDIES
            },
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
