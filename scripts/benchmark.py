"""Measure the cost of training: per step, in larger batches and epochs, in studies, processes."""

import concurrent.futures
import functools
import importlib
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import rivals

import keras_xor
from keras_xor import KerasXorError, Recipe, cli
from keras_xor.recipe import DEFAULT

SIZES = [(32, 10_000), (32, 100_000), (32, 1_000_000), (1_024, 1_000), (32_768, 100)]
SIXTEEN_EPOCHS = Recipe(epochs=16)
SCRIPTS = Path(__file__).parent


def arguments():
    parser = cli.Parser(__doc__, "benchmark.py --json")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    return parser.parse_args()


def main(args):
    if not all(map(importlib.util.find_spec, ("jax", "pyperf"))):
        raise KerasXorError('the benchmark needs JAX and pyperf: run pip install -e ".[bench]"')
    measures = {
        "machine": describe_machine,
        "steps": measure_steps,
        "growth": measure_growth,
        "studies": measure_studies,
        "processes": measure_processes,
    }
    report = {}
    for name, measure in measures.items():
        report[name] = rows = measure()
        if not args.json:
            cells = [[f"{x:.3f}" if isinstance(x, float) else f"{x}" for x in r] for r in rows]
            print(cli.format_table(*cells), end="\n\n", flush=True)
    if args.json:
        print(json.dumps(report, indent=2))


# Each of these measures the rows of a table, the first of which is its header.


def describe_machine():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    packages = ("tensorflow", "keras", "numpy", "jax")
    return [
        ("machine", ""),
        ("processor", models[0] if models else platform.processor()),
        ("cores", os.cpu_count()),
        ("device", keras_xor.runtime.get_device_name()),
        ("python", platform.python_version()),
        *((package, importlib.import_module(package).__version__) for package in packages),
    ]


def in_process(function, *arguments):
    """The result of a function in a new process, where TensorFlow holds no cores."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def measure_steps(recipe=SIXTEEN_EPOCHS, call=in_process):
    """The recipe in each implementation, without the first epoch."""
    ways = {
        "Keras fit": rivals.time_epochs(rivals.fit_plain, recipe, 1),
        "Keras fit, steps_per_execution=1000": rivals.time_epochs(rivals.fit_plain, recipe, 1_000),
        "the README's six lines": rivals.time_epochs(rivals.fit_looped, recipe),
        "keras_xor.train": rivals.time_epochs(rivals.fit_fast, recipe),
        "JAX lax.scan": call(rivals.time_jax, recipe),
    }
    return compare("us per step", ways, recipe.steps_per_epoch, "keras_xor.train")


def measure_growth(sizes=SIZES):
    """`train` in longer epochs and larger batches."""
    rows = [("batch size", "steps", "us per step, median", "min", "max")]
    for batch_size, steps in sizes:
        recipe = Recipe(batch_size=batch_size, steps_per_epoch=steps, epochs=6)
        seconds = rivals.time_epochs(rivals.fit_fast, recipe)
        rows.append((batch_size, steps, *to_microseconds(seconds, steps)))
    return rows


def measure_studies(recipe=DEFAULT, runs=1_000, repeats=5, call=in_process):
    """Studies of the recipe, here and in JAX."""
    study = functools.partial(keras_xor.seed_study, recipe, runs)
    _, *seconds = timeit.repeat(study, number=1, repeat=1 + repeats)
    epochs = Recipe(epochs=1 + repeats, steps_per_epoch=recipe.steps_per_epoch)
    ways = {
        "keras_xor.seed_study": [second / recipe.epochs for second in seconds],
        "JAX vmap in lax.scan": call(rivals.time_jax, epochs, runs),
    }
    steps = recipe.steps_per_epoch * runs
    return compare("us per step and run", ways, steps, "keras_xor.seed_study")


def measure_processes(scripts=SCRIPTS, repeats=5, first="import keras"):
    """Whole processes, compared with one that runs `first`."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            first: ["-c", first],
            "train.py": [f"{scripts}/train.py", "--model", f"{folder}/xor.keras"],
            "seed_study.py --seeds 1000": [f"{scripts}/seed_study.py"],
            "seed_study.py --seeds 10000": [f"{scripts}/seed_study.py", "--seeds", "10000"],
        }
        costs = {
            what: measure_process(command, repeats, f"{folder}/{number}.json")
            for number, (what, command) in enumerate(commands.items())
        }
    alone = costs[first]
    return [
        ("a process", "seconds", "ratio", "peak MiB", "ratio"),
        *(
            (what, seconds, seconds / alone[0], mebibytes, mebibytes / alone[1])
            for what, (seconds, mebibytes) in costs.items()
        ),
    ]


def measure_process(command, repeats, file):
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


def compare(title, ways, steps, ours):
    """Rows of the costs of each implementation, with their ratio to ours."""
    costs = {how: to_microseconds(seconds, steps) for how, seconds in ways.items()}
    return [
        (title, "median", "min", "max", "ratio"),
        *((how, *cost, cost[0] / costs[ours][0]) for how, cost in costs.items()),
    ]


def to_microseconds(seconds, steps):
    """Median, minimum and maximum per step."""
    costs = [1e6 * second / steps for second in seconds]
    return statistics.median(costs), min(costs), max(costs)


if __name__ == "__main__":
    cli.run_script(main, arguments)
