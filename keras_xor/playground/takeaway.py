"""A run to take along: as a command, as Python lines, and as files."""

import functools
import shlex
import tempfile
from pathlib import Path

from keras_xor.cli import option_of
from keras_xor.files import export, save_run
from keras_xor.model import build_model
from keras_xor.playground.address import changes_of
from keras_xor.training import train

FILES = {"xor.keras": "Keras model", "xor.onnx": "ONNX model", "xor.csv": "history as CSV"}

_NOT_IN_ONNX = ("celu", "gelu")


def command(recipe, seed=0):
    """The command that gives the run of a recipe and a seed."""
    words = [
        word
        for name, text in changes_of(recipe, seed).items()
        for word in ([option_of(name)] if text == "True" else [option_of(name), text])
    ]
    return shlex.join(["python", "scripts/train.py", *words])


def python_lines(recipe, seed=0):
    """The lines of Python that give the run of a recipe and a seed."""
    fields = [f"{name}={getattr(recipe, name)!r}" for name in changes_of(recipe)]
    return "\n".join(
        [
            "import keras_xor",
            "",
            f"recipe = keras_xor.Recipe({', '.join(fields)})",
            f"model = keras_xor.build_model(recipe, seed={seed})",
            f"history = keras_xor.train(model, recipe, seed={seed})",
        ]
    )


def file_of(recipe, seed, name):
    """A file of a run: one of those of train.py, or an ONNX file.

    It is trained once more, because the Keras model has the state of its optimizer.

    Args:
        recipe: A `Recipe`.
        seed: The seed.
        name: One of `FILES`.

    Returns:
        The content of the file, as bytes.

    Raises:
        KerasXorError: training diverges, or ONNX has no such activation.
    """
    with tempfile.TemporaryDirectory() as folder:
        model, history = _trained(recipe, seed)
        file = Path(folder) / name
        if name == "xor.onnx":
            export(model, file)
        else:
            outputs = {"model": file.with_suffix(".keras"), "history": file.with_suffix(".csv")}
            save_run(outputs, model, history)
        return file.read_bytes()


@functools.lru_cache(maxsize=4)
def _trained(recipe, seed):
    model = build_model(recipe, seed)
    return model, train(model, recipe, seed)


def can_be_taken(run, name):
    """Whether `file_of` gives a file of a `Run`."""
    return not run.diverged and not (name == "xor.onnx" and run.recipe.activation in _NOT_IN_ONNX)
