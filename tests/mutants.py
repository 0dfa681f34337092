"""Apply small faults to the package, one at a time, and print which ones the tests find.

Run it by hand, when all tests pass: python tests/mutants.py [NUMBER ...]
"""

import concurrent.futures
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A file of the package, what is in it, what replaces that, and the files of tests that should fail
MUTANTS = [
    ("data", "if epoch >= initial_epoch", "if epoch > initial_epoch", "data run"),
    ("data", "(points >> 1, points & 1)", "(points & 1, points >> 1)", "data playground"),
    ("data", "make_noise(seed)", "make_noise(0)", "run seed_study playground"),
    ("sampling", "self.batch_size % 32:", "self.batch_size % 31:", "data seed_study"),
    ("sampling", "passes, axis=1", "passes, axis=0", "data"),
    ("sampling", "default_rng(seed) for", "default_rng(0) for", "data training"),
    ("model", "seed=each)", "seed=seeds[0])", "model recipe"),
    ("model", "learning_rate=recipe.learning_rate", "learning_rate=0.01", "model recipe"),
    ("model", "jit_compile=True", "jit_compile=False", "model"),
    ("training", "not loss <= LARGEST_LOSS", "loss > LARGEST_LOSS", "training run"),
    ("training", "min(batch, last), logs", "batch, logs", "training"),
    ("training", "        self._raise_held()", "        pass", "training survival"),
    ("training", "2**22 // recipe", "2**32 // recipe", "training"),
    ("training", "initial_epoch=initial_epoch,", "initial_epoch=0,", "run"),
    ("compiled", "if kept is None or [*map(id", "if kept is None or [] and [*map(id", "training"),
    ("recording", "self._in_file or self._resumed or", "self._in_file or", "run"),
    ("recording", "// self._every > self._most", "// self._every >= self._most", "run"),
    ("recording", "Path(self._file).unlink()", "pass", "run survival"),
    ("recording", "reuse=not callbacks", "reuse=True", "run"),
    ("recording", "variable.assign(value)", "pass", "run playground"),
    ("files/writing", "os.fsync(handle.fileno())", "pass", "writing"),
    ("files/writing", "shutil.copymode(target, new)", "pass", "writing"),
    ("files/writing", "time.time() - _HOUR", "time.time() + _HOUR", "writing"),
    ("files/writing", "os.path.realpath", "os.path.abspath", "writing survival"),
    ("files/exporting", "order[graph.", "-order[graph.", "export"),
    ("files/exporting", "not difference <= TOLERANCE", "difference > TOLERANCE", "export"),
    ("files/models", '"safe_mode": True', '"safe_mode": False', "models_of_others"),
    ("files/models", "weights(), predictions]", "weights()]", "models_of_others"),
    ("files/models", "if not _are_finite(model.get_weights())", "if False", "writing survival"),
    ("run", "wrong[-1] + 1 if", "wrong[-1] if", "run outcomes"),
    ("run", "min(most, kept)", "most", "plots playground"),
    ("outcomes", "_TOGETHER = 0.05", "_TOGETHER = 0.5", "outcomes"),
    ("outcomes", "(1 - _STILL_FALLING)", "(1 + _STILL_FALLING)", "outcomes"),
    ("projection", "weights * scale, offsets", "weights / scale, offsets", "projection"),
    ("signature", "dict(zip(names, columns", "dict(zip(names[::-1], columns", "models_of_others"),
    ("signature", "[:, 1]", "[:, 0]", "models_of_others"),
    ("study/study", "(0.05, 0.5, 0.95)", "(0.05, 0.5, 0.9)", "seed_study"),
    ("study/study", "4 * trials**2", "2 * trials**2", "seed_study"),
    ("study/rows", "file.truncate(self._size)", "pass", "sweep"),
    ("study/rows", "os.fsync(file.fileno())", "pass", "sweep"),
    ("study/rows", "if end <= len(rows)", "if end < len(rows)", "sweep"),
    ("study/program", "in_epoch == 0", "in_epoch == 1", "seed_study"),
    ("study/chunks", "state.last_wrong + 1", "state.last_wrong", "seed_study"),
    ("study/chunks", "with _ONE_AT_A_TIME:", "if True:", "seed_study sweep"),
    ("study/step", "and not regularized", "", "any_model"),
    ("study/initial", "spawn_key=(place,)", "spawn_key=()", "any_model"),
    ("study/cores", "with tf.device(device)", "with tf.device(None)", "training"),
    ("study/cores", "            stopped.set()", "            pass", "sweep playground"),
    ("study/cluster", "check=True", "check=False", "cluster"),
    ("study/cluster", "            future.cancel()", "            pass", "cluster"),
    ("runtime/quiet", "with _TURNS, warnings", "with warnings", "quiet"),
    ("runtime/interrupts", "held.append(signum)", "pass", "interrupts"),
    ("outcomes", "_WORSE = 1.1", "_WORSE = 11", "outcomes"),
    ("plots/surfaces", "label == '1'", "label == '0'", "plots"),
    ("plots/hidden_space", "bias[0] - np", "bias[0] + np", "hidden_space"),
    ("plots/epochs", "round(", "floor(", "plots"),
    ("plots/recipes", "*others, y, x", "*others, x, y", "sweep"),
    ("../scripts/benchmark.py", "1e6 *", "1e3 *", "benchmark"),
    ("../scripts/predict.py", "(*x1, *x2)", "x1", "scripts"),
    ("playground/server", '"--token", ', '"--no-token", ', "page"),
    ("playground/server", 'ADDRESS = "127.0.0.1"', 'ADDRESS = "0.0.0.0"', "page"),
    ("playground/limits", "_MOST_WORK = 2.5e10", "_MOST_WORK = 2.5e11", "playground"),
    ("playground/drawings", "values / largest, -128", "values / largest, 0", "playground"),
    ("playground/view", "_ONE_STUDY.acquire(timeout=0.05)", "True", "playground"),
    ("playground/view.js", "(1 - x2) * (this.points", "x2 * (this.points", "page"),
    ("playground/view.js", '"aria-checked": label === "1"', '"aria-checked": true', "page"),
    ("study/study", "self.loss[~self.diverged] if", "self.loss if", "seed_study"),
    ("study/study", "] < y)", "] <= y)", "seed_study"),
    ("study/runs", "studies[-1].learned", "studies[0].learned", "sweep"),
    ("study/runs", "report(sum(chunk.steps for chunk in old))", "report(0)", "sweep"),
    ("study/chunks", "report(steps * len(seeds))", "report(steps * runs)", "sweep"),
    ("cli/output", "{x2:.15g}", "{x2:.3g}", "scripts"),
    ("plots/distributions", "datum.low >= 0.5", "datum.low < 0.5", "plots"),
    (
        "plots/distributions",
        "x1 = {point[2]}, x2 = {point[3]}",
        "x1 = {point[3]}, x2 = {point[2]}",
        "plots",
    ),
    ("plots/epochs", 'value=last["epoch"]', "value=0", "plots"),
    ("plots/hidden_space", 'sort="descending"', 'sort="ascending"', "hidden_space"),
    ("plots/surfaces", "? -10 : 10", "? 10 : -10", "plots"),
    ("plots/recipes", "len(studies[0])", "len(studies)", "sweep"),
    ("playground/address", '"theme", ', "", "playground"),
    ("playground/presets", "its_seed) == (recipe, seed)", "seed) == (recipe, seed)", "playground"),
    ("playground/view", "~(study.loss <= run", "(study.loss > run", "playground"),
    ("playground/plain", "{recipe.learning_rate}", "{recipe.learning_rate:g}", "playground"),
    ("../scripts/seed_study.py", "varied > 4", "varied > 3", "sweep"),
    (
        "../scripts/seed_study.py",
        "({len(points)} in all)",
        "({len(points) - 8} in all)",
        "any_model",
    ),
    ("../scripts/seed_study.py", 'f"\\n{diverged} runs', 'f"\\n{learned} runs', "seed_study"),
    ("../scripts/train.py", "build_model(args.recipe)", "build_model()", "scripts"),
    ("../scripts/plot_model.py", "args.rankdir, args.dpi", "args.rankdir", "plots"),
    ("../scripts/plot_surface.py", "args.resolution, args.labels", "50, args.labels", "plots"),
    ("../scripts/export.py", "{difference:.2g}", "{difference:.2f}", "export"),
    (
        "../scripts/predict.py",
        '0 <= point["prediction"] <= 1',
        '0 < point["prediction"] < 1',
        "scripts",
    ),
    ("../scripts/guide.py", "write_command(recipe, seed)", "write_command(recipe, 0)", "page"),
    ("playground/view.js", '"negative", value < 0', '"negative", value > 0', "page"),
    ("playground/view.js", "1.3 * Math.abs(value)", "1.3 * value", "page"),
    ("playground/view.js", "0.5 + pictures[layer]", "0.5 - pictures[layer]", "page"),
    ("playground/view.js", "cy: 240 * (1 - x2), r: 7", "cy: 240 * x2, r: 7", "page"),
    ("playground/view.js", "this.x(n + 1)", "this.x(n)", "page"),
    ("playground/view.js", "path(accuracy, 1)", "path(accuracy, most)", "page"),
    ("playground/view.js", "${CLASSES[label]}", "${CLASSES[predicted]}", "page"),
    ("playground/view.js", "ArrowUp: [0, -1]", "ArrowUp: [0, 1]", "page"),
    (
        "playground/view.css",
        "path.loss { stroke: #d97a1c; }",
        "path.loss { stroke: #3b87c4; }",
        "page",
    ),
]


def find_file(checkout, name):
    return checkout / "keras_xor" / (name if "." in name else f"{name}.py")


def find_survivor(number, checkouts):
    """Whether the tests pass with a fault."""
    name, old, new, tests = MUTANTS[number]
    checkout = checkouts.get()
    file = find_file(checkout, name)
    text = file.read_text()
    file.write_text(text.replace(old, new))
    files = [f"tests/test_{test}.py" for test in tests.split()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", *files]
    environment = os.environ | {"PYTHONPATH": f"{checkout}"}
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "timeout": 200}
    try:
        status = subprocess.run(command, cwd=checkout, env=environment, **options).returncode
    except subprocess.TimeoutExpired:  # With this fault, something never ends.
        status = pytest.ExitCode.TESTS_FAILED
    assert status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), (status, tests)
    lives = status == pytest.ExitCode.OK
    file.write_text(text)
    checkouts.put(checkout)
    print("lives" if lives else "found", number, name, f"{old!r} -> {new!r}", tests, flush=True)
    return lives


def main():
    numbers = [int(number) for number in sys.argv[1:]] or range(len(MUTANTS))
    for name, old, *_ in MUTANTS:
        assert find_file(ROOT, name).read_text().count(old) == 1, (name, old)
    with tempfile.TemporaryDirectory() as folder:
        checkouts = queue.SimpleQueue()
        for name in ("one", "other"):
            ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "artifacts")
            checkouts.put(Path(shutil.copytree(ROOT, f"{folder}/{name}", ignore=ignored)))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            lives = [*pool.map(lambda number: find_survivor(number, checkouts), numbers)]
    print(f"{sum(lives)} of {len(lives)} faults were not found")


if __name__ == "__main__":
    main()
