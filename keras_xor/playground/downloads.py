"""The files of a run to download."""

import tempfile
from pathlib import Path

from keras_xor.files import export, save_model
from keras_xor.run import Run

FILES = {"xor.keras": "Keras model", "xor.onnx": "ONNX model", "xor.csv": "history as CSV"}
_NOT_IN_ONNX = ("celu", "gelu")


def make_file(run: Run, name: str) -> bytes:
    """The content of one of `FILES`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        if name == "xor.csv":
            run.to_csv(file)
        elif name == "xor.onnx":
            export(run.model(), file)
        else:
            save_model(run.model(), file)
        return file.read_bytes()


def can_download(run: Run, name: str) -> bool:
    """Whether `make_file` can make one of `FILES` of a run."""
    return not run.diverged and not (name == "xor.onnx" and run.recipe.activation in _NOT_IN_ONNX)
