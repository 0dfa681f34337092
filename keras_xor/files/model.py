"""Model files, other people's too."""

import re
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE
from keras_xor.files.writing import replacing
from keras_xor.model import build_optimizer
from keras_xor.prediction import predict
from keras_xor.runtime import silence

_MOST_BYTES = 2**24  # Of a file, also unpacked; the guide's takes some 25 kB.
_MOST_COUNT = 2**12  # Of thresholds or classes of a metric
# Keras does not find its own losses by these names in a .h5 file.
_SHORT_NAMES = {name: keras.losses.get(name) for name in ("mae", "mape", "mse", "msle")}

_READ_ATTRIBUTES = """
import h5py, sys
def read(name, item):
    dict(item.attrs)
with h5py.File(sys.argv[1]) as file:
    file.visititems(read)
    print(dict(file.attrs))
"""


def save_model(model, path):
    """Write `model` as a Keras file, with its compilation and the state of its optimizer.

    `keras.saving.load_model` reads it, with or without this package.

    Args:
        model: Any `keras.Model`.
        path: Name of the file, ending in .keras. Folders are created as needed; an existing file
            is replaced once the new one is complete.

    Raises:
        KerasXorError: `path` cannot be written, or a weight is not finite.
    """
    if not _finite(model.get_weights()):
        raise KerasXorError(
            "training diverged and left weights that are not finite: lower the learning rate"
        )
    build_optimizer(model)  # Otherwise, Keras warns on loading.
    with replacing(path) as new:
        model.save(new)


def load_model(path):
    """Load a model of two numbers, such as XOR, that anybody saved with Keras.

    Args:
        path: Name of a .keras or .h5 file. It may come from a stranger: Keras loads it in its
            safe mode, which runs no code from it.

    Returns:
        A `keras.Model` for `predict`, compiled as it was, unless Keras does not find its loss or
        a metric.

    Raises:
        KerasXorError: there is no Keras model in the file, or one that is too large, needs code,
            has other inputs or outputs than `predict` takes, or weights that are not finite.
    """
    model = load_any_model(path)
    try:
        answers = predict(model, *TRUTH_TABLE)
    except Exception as error:  # Keras and TensorFlow have errors of their own.
        raise KerasXorError(f"{path} is not a model of two numbers: {error}") from error
    if not _finite([*model.get_weights(), answers]):
        raise KerasXorError(f"{path} has weights that are not finite, or too large: train it again")
    return model


def load_any_model(path):
    """Load a model as `load_model` does, with any inputs and outputs."""
    content = _read(Path(path))
    with tempfile.TemporaryDirectory() as folder, silence():
        # Keras gets a copy, which nobody changes between the check and the load.
        copy = Path(folder, f"model{Path(path).suffix}")
        try:
            copy.write_bytes(content)
            _check_sizes(copy)
            model, is_whole = _loaded(copy)
        except Exception as error:  # A file may fail anywhere in Keras.
            raise KerasXorError(f"{path} cannot be loaded: {_reason(error)}") from error
    if not is_whole:
        warnings.warn(
            f"{path} is loaded without its loss and metrics, because Keras does not know one of "
            "them: its outputs are taken for probabilities",
            stacklevel=2,
        )
    return model


def _read(path):
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
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise KerasXorError(f"no model at {path}: train one first") from None
    except OSError as error:
        raise KerasXorError(f"cannot read {path} ({error.strerror}): choose another") from error
    if len(content) > _MOST_BYTES:
        raise KerasXorError(f"{path} is larger than {_MOST_BYTES >> 20} MiB: choose a small model")
    return content


def _check_sizes(file):
    """Refuse a model that would take far more memory than its file.

    Keras itself checks that the weights in the file fit the model.
    """
    size = file.stat().st_size
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
            config = archive.read("config.json").decode()
    else:
        config = _attributes(file)
    counts = map(int, re.findall(r'"num_\w+": (\d+)', config))  # Such as a metric's num_thresholds
    if size > _MOST_BYTES or max(counts, default=0) > _MOST_COUNT:
        raise ValueError("it is too large")
    with tf.Graph().as_default():  # Here, weights take no memory.
        weights = keras.saving.load_model(file, compile=False, safe_mode=True).count_params()
    if weights > size:
        raise ValueError(f"it is too small for the {weights} weights that it asks for")


def _attributes(file):
    """The attributes of an HDF5 file, as text from a process: HDF5 hangs on some damaged files."""
    command = [sys.executable, "-P", "-c", _READ_ATTRIBUTES, file]
    try:
        return subprocess.run(
            command, capture_output=True, check=True, text=True, timeout=10
        ).stdout
    except subprocess.SubprocessError:
        raise ValueError("HDF5 cannot read it") from None


def _loaded(file):
    """The model, and whether it has its loss and metrics."""
    options = {"custom_objects": _SHORT_NAMES, "safe_mode": True}
    try:
        return keras.saving.load_model(file, **options), True
    except Exception:  # Keras does not know one of them.
        return keras.saving.load_model(file, compile=False, **options), False


def _reason(error):
    text = str(error)
    if code := re.search(r"a `Lambda` layer|Could not locate (class|function) '\w+'", text):
        what = code[0].removeprefix("Could not locate ")
        return f"it needs {what}, which is code, so build the model in Python and use it there"
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"


def _finite(arrays):
    return all(np.isfinite(array).all() for array in arrays)
