"""Processes that start at once: forked from one that has imported Keras, and not yet used it."""

import contextlib
import functools
import multiprocessing
import os
import runpy
import shutil
import sys
import tempfile
import time
from pathlib import Path

_SCRIPTS = Path(__file__).parents[1] / "scripts"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["keras_xor.recording", "keras_xor.study", "keras_xor.outcomes"])


TWO_CPUS = """
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""


class Forked:
    """A function that runs in a process of its own, in a folder; `pid` is that of the process.

    It must be importable, and should be from a module that imports little.
    """

    def __init__(self, function, *arguments, cwd):
        self._folder = Path(tempfile.mkdtemp())
        self._written = [self._folder / name for name in ("output", "errors")]
        options = {"args": (function, arguments, cwd, self._written)}
        self._process = CONTEXT.Process(target=_call, **options)
        self._process.start()
        self.pid = self._process.pid

    @property
    def output(self):
        """What it has printed so far."""
        return _read(self._written[0])

    @property
    def errors(self):
        """What it has written to file descriptor 2 so far."""
        return _read(self._written[1])

    def is_running(self):
        return self._process.is_alive()

    def wait_until(self, condition):
        """Wait until a condition holds, or the process has ended."""
        while self.is_running() and not condition():
            time.sleep(0.01)

    def send_signal(self, signum):
        with contextlib.suppress(ProcessLookupError):  # It has ended.
            os.kill(self.pid, signum)

    def wait(self):
        """Return its exit status, output and errors when it has ended: in a minute, or it must."""
        self._process.join(60)
        self._process.kill()
        self._process.join()
        written = self.output, self.errors
        shutil.rmtree(self._folder)
        return self._process.exitcode, *written


def run_script(name, *arguments, cwd, **options):
    """Start a script in a process of its own; options are those of `_run_script`."""
    return Forked(functools.partial(_run_script, **options), name, *map(str, arguments), cwd=cwd)


def _read(file):
    return file.read_text() if file.exists() else ""


def _call(function, arguments, cwd, written):
    os.chdir(cwd)
    for descriptor, file in enumerate(written, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout.reconfigure(line_buffering=True)
    function(*arguments)


def _run_script(name, *arguments, before=""):
    exec(before, {})
    file = str(_SCRIPTS / name)
    sys.argv, sys.orig_argv = [file, *arguments], [sys.executable, file, *arguments]
    runpy.run_path(file, run_name="__main__")


def run_code(code):
    """Run Python code."""
    exec(code, {"__name__": "__main__"})


def train_and_save(epochs, seed, folder="."):
    """Train as train.py does with --resume, but save at the end of every epoch."""
    import keras_xor

    recipe = keras_xor.Recipe(epochs=epochs, steps_per_epoch=200)
    file = f"{folder}/xor.run.npz"
    run = keras_xor.train_run(recipe, seed, file, resume=True, save_every=0, verbose=2)
    keras_xor.save_model(run.model(), f"{folder}/xor.keras")
