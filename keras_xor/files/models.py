"""Model files, other people's too."""

import re
import warnings
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from keras_xor.compiled import build_optimizer
from keras_xor.data import TRUTH_TABLE
from keras_xor.files.writing import replacing
from keras_xor.prediction import predict
from keras_xor.runtime import silence
from keras_xor.values import KerasXorError

# Keras does not find its own losses by these names in a .h5 file.
_SHORT_NAMES = {name: keras.losses.get(name) for name in ("mae", "mape", "mse", "msle")}


def save_model(model: keras.Model, path: str | Path) -> None:
    """Write a model as a .keras file, which `keras.saving.load_model` reads.

    Folders are created as needed. An old file is replaced once the new one is complete.

    Raises:
        KerasXorError: `path` cannot be written, or a weight is not finite.
    """
    if not _are_finite(model.get_weights()):
        raise KerasXorError(
            "training diverged and left weights that are not finite: lower the learning rate"
        )
    build_optimizer(model)  # Otherwise, Keras warns on loading.
    with replacing(path) as new:
        model.save(new)


def load_model(path: str | Path) -> keras.Model:
    """Load a model of two numbers, such as XOR, from a .keras or .h5 file.

    The file may come from a stranger: Keras loads it in its safe mode, which runs no code from it.
    The model is compiled as it was, unless Keras does not find its loss or a metric.

    Raises:
        KerasXorError: there is no Keras model in the file, or one that needs code, has other
            inputs or outputs than `predict` takes, or weights that are not finite.
    """
    model = load_any_model(path)
    try:
        predictions = predict(model, *TRUTH_TABLE)
    except Exception as error:  # Keras and TensorFlow have errors of their own.
        raise KerasXorError(f"{path} is not a model of two numbers: {error}") from error
    if not _are_finite([*model.get_weights(), predictions]):
        raise KerasXorError(f"{path} has weights that are not finite, or too large: train it again")
    return model


def load_any_model(path: str | Path) -> keras.Model:
    """Load a model as `load_model` does, with any inputs and outputs."""
    _check_path(Path(path))
    try:
        with silence():
            model, is_whole = _load(Path(path))
    except Exception as error:  # A file may fail anywhere in Keras.
        raise KerasXorError(f"{path} cannot be loaded: {_explain(error)}") from error
    if not is_whole:
        warnings.warn(
            f"{path} is loaded without its loss and metrics, because Keras does not know one of "
            "them: its outputs are taken for probabilities",
            stacklevel=2,
        )
    return model


def _check_path(path: Path) -> None:
    if path.name.endswith(".weights.h5"):
        raise KerasXorError(
            f"{path} has only weights: build the model in Python, load them with its load_weights, "
            "and save it with model.save"
        )
    if path.is_dir():
        raise KerasXorError(
            f"{path} is a folder, such as a SavedModel, which holds no Keras model: choose a file "
            "that model.save wrote"
        )
    if path.suffix not in (".keras", ".h5"):
        raise KerasXorError(f"a model file must end in .keras or .h5, not {path}")
    if not path.exists():
        raise KerasXorError(f"no model at {path}: check the path, or train one first")


def _load(file: Path) -> tuple[keras.Model, bool]:
    """The model, and whether it has its loss and metrics."""
    options = {"custom_objects": _SHORT_NAMES, "safe_mode": True}
    try:
        return keras.saving.load_model(file, **options), True
    except Exception:  # Keras does not know one of them.
        return keras.saving.load_model(file, compile=False, **options), False


def _explain(error: Exception) -> str:
    text = str(error)
    if code := re.search(r"a `Lambda` layer|Could not locate (class|function) '\w+'", text):
        what = code[0].removeprefix("Could not locate ")
        return f"it needs {what}, which is code, so build the model in Python and use it there"
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"


def _are_finite(arrays: Iterable) -> bool:
    return all(np.isfinite(array).all() for array in arrays)
