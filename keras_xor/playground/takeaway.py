"""A run to take along: as a command, as Python lines, and as files."""

import functools
import shlex
import tempfile
from pathlib import Path

from keras_xor.cli.parser import settings_of
from keras_xor.files import export, save_run
from keras_xor.model import build_model
from keras_xor.recipe import GUIDE
from keras_xor.training import train

FILES = {"xor.keras": "Keras model", "xor.onnx": "ONNX model", "xor.csv": "history as CSV"}


def command(recipe, seed=0):
    """The command that gives a run, such as "python scripts/train.py --seed 1"."""
    guide = settings_of(GUIDE) | {"--seed": "0"}
    settings = settings_of(recipe) | {"--seed": str(seed)}
    words = [
        word
        for option, value in settings.items()
        if value != guide[option]
        for word in ([option] if value == "True" else [option, value])
    ]
    return shlex.join(["python", "scripts/train.py", *words])


def python_lines(recipe, seed=0):
    """The lines of Python that give a run."""
    fields = [
        f"{name}={getattr(recipe, name)!r}"
        for name, text in recipe.settings().items()
        if text != GUIDE.settings()[name]
    ]
    return "\n".join(
        [
            "import keras_xor",
            "",
            f"recipe = keras_xor.Recipe({', '.join(fields)})",
            f"model = keras_xor.build_model(recipe, seed={seed})",
            f"history = keras_xor.train(model, recipe, seed={seed})",
        ]
    )


@functools.lru_cache(maxsize=4)
def files_of(recipe, seed=0):
    """The files of a run, which is trained for them: those of train.py, and an ONNX file.

    Returns:
        A dict of bytes by the names in `FILES`.

    Raises:
        KerasXorError: training diverges, or the model cannot be exported.
    """
    model = build_model(recipe, seed)
    history = train(model, recipe, seed)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in FILES}
        save_run({"model": files["xor.keras"], "history": files["xor.csv"]}, model, history)
        export(model, files["xor.onnx"])
        return {name: file.read_bytes() for name, file in files.items()}
