"""Measure the cost of training: per step, in larger batches and epochs, in studies, processes."""

import concurrent.futures
import functools
import importlib.metadata
import importlib.util
import itertools
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

import rivals

import keras_xor
from keras_xor import KerasXorError, Recipe, cli
from keras_xor.recipe import GUIDE

SIZES = [(32, 10_000), (32, 100_000), (32, 1_000_000), (1_024, 1_000), (32_768, 100)]
SIXTEEN_EPOCHS = Recipe(epochs=16)
SCRIPTS = Path(__file__).parent


def arguments():
    parser = cli.Parser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    return parser.parse_args()


def main(args):
    if not all(map(importlib.util.find_spec, ("jax", "pyperf"))):
        raise KerasXorError('the benchmark needs JAX and pyperf: run pip install -e ".[bench]"')
    report = {}
    for measure in (machine, step_costs, growth, study_costs, process_costs):
        report[measure.__name__] = rows = measure()
        if not args.json:
            cells = [[f"{x:.3f}" if isinstance(x, float) else f"{x}" for x in r] for r in rows]
            print(cli.table(*cells), end="\n\n", flush=True)
    if args.json:
        print(json.dumps(report, indent=2))


# Each of these measures the rows of a table, the first of which is its header.


def machine():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    packages = ("tensorflow", "keras", "numpy", "jax")
    return [
        ("machine", ""),
        ("processor", models[0] if models else platform.processor()),
        ("cores", os.cpu_count()),
        ("device", keras_xor.training.device()),
        ("python", platform.python_version()),
        *((package, importlib.metadata.version(package)) for package in packages),
    ]


def step_costs(recipe=SIXTEEN_EPOCHS):
    """The recipe in each implementation, without the first epoch."""
    ways = {
        "Keras fit": fit_seconds(recipe, 1),
        "Keras fit, steps_per_execution=1000": fit_seconds(recipe, 1_000),
        "keras_xor.train": train_seconds(recipe),
        "NumPy loop": rivals.seconds_of_epochs("numpy", recipe),
        "JAX lax.scan": in_process(rivals.seconds_of_epochs, "jax", recipe),
    }
    return compared("us per step", ways, recipe.steps_per_epoch, "keras_xor.train")


def growth(sizes=SIZES):
    """`train` in longer epochs and larger batches."""
    rows = [("batch size", "steps", "us per step, median", "min", "max")]
    for batch_size, steps in sizes:
        recipe = Recipe(batch_size=batch_size, steps_per_epoch=steps, epochs=6)
        rows.append((batch_size, steps, *microseconds(train_seconds(recipe), steps)))
    return rows


def study_costs(recipe=GUIDE, runs=1_000, repeats=5):
    """Studies of the recipe, here and in JAX."""
    study = functools.partial(keras_xor.seed_study, recipe, runs)
    _, *seconds = timeit.repeat(study, number=1, repeat=1 + repeats)
    epochs = Recipe(epochs=1 + repeats, steps_per_epoch=recipe.steps_per_epoch)
    ways = {
        "keras_xor.seed_study": [second / recipe.epochs for second in seconds],
        "JAX vmap in lax.scan": in_process(rivals.seconds_of_epochs, "jax", epochs, runs),
    }
    steps = recipe.steps_per_epoch * runs
    return compared("us per step and run", ways, steps, "keras_xor.seed_study")


def process_costs(scripts=SCRIPTS, repeats=5):
    """Whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "import keras": ["-c", "import keras"],
            "train.py": [f"{scripts}/train.py", "--model", f"{folder}/xor.keras"],
            "seed_study.py --seeds 1000": [f"{scripts}/seed_study.py"],
            "seed_study.py --seeds 10000": [f"{scripts}/seed_study.py", "--seeds", "10000"],
        }
        costs = {
            what: process_cost(command, repeats, f"{folder}/{number}.json")
            for number, (what, command) in enumerate(commands.items())
        }
    alone = costs["import keras"]
    return [
        ("a process", "seconds", "ratio", "peak MiB", "ratio"),
        *(
            (what, seconds, seconds / alone[0], mebibytes, mebibytes / alone[1])
            for what, (seconds, mebibytes) in costs.items()
        ),
    ]


def process_cost(command, repeats, file):
    """The median seconds and peak MiB of a Python process, without the first one."""
    import pyperf

    options = ["--quiet", "--copy-env", "--loops=1", "--warmups=0", "--values=1", f"-o{file}"]
    options += [f"--processes={1 + repeats}", "--", sys.executable]
    pyperf_command = [sys.executable, "-m", "pyperf", "command", *options, *command]
    subprocess.run(pyperf_command, check=True, stdout=subprocess.DEVNULL)
    _, *done = pyperf.Benchmark.load(file).get_runs()
    seconds = [process.values[0] for process in done]
    mebibytes = [process.get_metadata()["command_max_rss"] / 2**20 for process in done]
    return statistics.median(seconds), statistics.median(mebibytes)


def compared(title, ways, steps, ours):
    """Rows of the costs of each implementation, with their ratio to ours."""
    costs = {how: microseconds(seconds, steps) for how, seconds in ways.items()}
    return [
        (title, "median", "min", "max", "ratio"),
        *((how, *cost, cost[0] / costs[ours][0]) for how, cost in costs.items()),
    ]


def microseconds(seconds, steps):
    """Median, minimum and maximum per step."""
    costs = [1e6 * second / steps for second in seconds]
    return statistics.median(costs), min(costs), max(costs)


def fit_seconds(recipe, steps_per_execution):
    """Seconds of each epoch of Keras's `fit`, without the first."""
    model = keras_xor.build_model(recipe, seed=0)
    model.steps_per_execution = steps_per_execution
    batches = keras_xor.xor_batches(recipe.batch_size, seed=0)
    options = {"steps_per_epoch": recipe.steps_per_epoch, "shuffle": False, "verbose": 0}
    return seconds_of_epochs(
        lambda clock: model.fit(batches, epochs=recipe.epochs, callbacks=[clock], **options)
    )


def train_seconds(recipe):
    """Seconds of each epoch of `keras_xor.train`, without the first."""
    model = keras_xor.build_model(recipe, seed=0)
    return seconds_of_epochs(lambda clock: keras_xor.train(model, recipe, 0, callbacks=[clock]))


def seconds_of_epochs(train):
    import keras

    ends = []
    train(keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter())))
    return [end - start for start, end in itertools.pairwise(ends)]


def in_process(function, *arguments):
    """The result of a function in a new process, where TensorFlow holds no cores."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    cli.run_script(main, arguments)
