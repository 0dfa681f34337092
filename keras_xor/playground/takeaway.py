"""A run to take along: as Python lines, and as files."""

import tempfile
from pathlib import Path

from keras_xor.files import export, save_model

FILES = {"xor.keras": "Keras model", "xor.onnx": "ONNX model", "xor.csv": "history as CSV"}

_NOT_IN_ONNX = ("celu", "gelu")


def python_lines(recipe, seed=0):
    """The lines of Python that give the run of a recipe and a seed."""
    fields = [f"{name}={getattr(recipe, name)!r}" for name in recipe.changes()]
    return "\n".join(
        [
            "import keras_xor",
            "",
            f"recipe = keras_xor.Recipe({', '.join(fields)})",
            f"model = keras_xor.build_model(recipe, seed={seed})",
            f"history = keras_xor.train(model, recipe, seed={seed})",
        ]
    )


def file_of(run, name):
    """A file of a `Run`: one of `FILES`, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        if name == "xor.csv":
            run.to_csv(file)
        elif name == "xor.onnx":
            export(run.model(), file)
        else:
            save_model(run.model(), file)
        return file.read_bytes()


def can_be_taken(run, name):
    """Whether `file_of` gives a file of a `Run`."""
    return not run.diverged and not (name == "xor.onnx" and run.recipe.activation in _NOT_IN_ONNX)
