"""What values the numbers and file names of this package may take; imports nothing heavy.

Each check of a value returns it converted, or raises `KerasXorError` with a sentence
about `name`.
"""

import math
import operator
import os
from pathlib import Path

MOST_HIDDEN_UNITS = 256


class KerasXorError(ValueError):
    """Bad input, told in one line: what is wrong and what to do."""


def whole_number(value, name="it", lowest=1, highest=None):
    """An int in [lowest, highest]; text is read as a decimal numeral."""
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = None
    if number is None or number < lowest or (highest is not None and number > highest):
        limits = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise KerasXorError(f"{name} must be a whole number {limits}, not {value!r}")
    return number


def batch_size(value, name="it"):
    """An int from 1 to 2**24: Keras counts the examples of a batch in float32."""
    return whole_number(value, name, highest=2**24)


def seed(value, name="it"):
    """An int of at least 0."""
    return whole_number(value, name, lowest=0)


def seeds(value, name="it"):
    """An int from 1 to 10**6, with which a study takes some hours."""
    return whole_number(value, name, highest=10**6)


def hidden_units(value, name="it"):
    """An int from 1 to 256, as many as are read back from a model file."""
    return whole_number(value, name, highest=MOST_HIDDEN_UNITS)


def activation(value, name="it"):
    """The activation of the hidden layer: tanh, relu or sigmoid."""
    if value not in ("tanh", "relu", "sigmoid"):
        raise KerasXorError(f"{name} must be tanh, relu or sigmoid, not {value!r}")
    return value


def dpi(value, name="it"):
    """An int from 1 to 600, where the picture has some 30 megapixels."""
    return whole_number(value, name, highest=600)


def resolution(value, name="it"):
    """An int from 2, which is both ends of an axis, to 200, some megabytes of a chart."""
    return whole_number(value, name, lowest=2, highest=200)


def finite_number(value, name="it"):
    """A float, neither nan nor infinite."""
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise KerasXorError(f"{name} must be a finite number, not {value!r}")
    return number


def learning_rate(value, name="it"):
    """A finite float above 0."""
    number = finite_number(value, name)
    if number <= 0:
        raise KerasXorError(f"{name} must be above 0, not {value!r}")
    return number


def rankdir(value, name="it"):
    """Graphviz's direction of a graph: TB, LR, BT or RL."""
    if value not in ("TB", "LR", "BT", "RL"):
        raise KerasXorError(f"{name} must be TB, LR, BT or RL, not {value!r}")
    return value


def file_name(value, name="it", suffixes=()):
    """A `Path` that ends in one of `suffixes`."""
    path = Path(value)
    if path.suffix not in suffixes:
        raise KerasXorError(f"{name} must end in {' or '.join(suffixes)}, not {str(value)!r}")
    return path


def model_file(value, name="it"):
    """A `Path` that ends in .keras."""
    return file_name(value, name, suffixes=(".keras",))


def model_picture(value, name="it"):
    """A `Path` that ends in .png, .svg or .pdf."""
    return file_name(value, name, suffixes=(".png", ".svg", ".pdf"))


def chart_file(value, name="it"):
    """A `Path` that ends in .png, .svg, .html or .json."""
    return file_name(value, name, suffixes=(".png", ".svg", ".html", ".json"))


def export_file(value, name="it"):
    """A path, as text, that ends in .onnx or .tflite or, of a folder, in / or no suffix."""
    text = os.fspath(value).replace(os.sep, "/")
    if not text.endswith("/") and Path(text).suffix not in ("", ".onnx", ".tflite"):
        raise KerasXorError(f"{name} must end in .onnx or .tflite, or name a folder, not {text!r}")
    return text


def csv_file(value, name="it"):
    """A `Path` that ends in .csv."""
    return file_name(value, name, suffixes=(".csv",))


def record_file(value, name="it"):
    """A `Path` that ends in .npz."""
    return file_name(value, name, suffixes=(".npz",))


def keras_backend():
    """Have Keras take TensorFlow for its backend, unless KERAS_BACKEND names another."""
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise KerasXorError(f"KERAS_BACKEND is {backend!r}: unset it, or set it to tensorflow")
