"""What values the numbers and file names of this package may take; imports nothing heavy.

Each check of a value returns it converted, or raises `KerasXorError` with a sentence
about `name`.
"""

import math
import operator
import os
import sys
from pathlib import Path

MOST_HIDDEN_UNITS = 256
_LEAST_RATE, _LARGEST_RATE = 1.2e-38, 3.4e38  # Within them, a number is one in float32, too.


class KerasXorError(ValueError):
    """Bad input, told in one line: what is wrong and what to do."""

    def __init__(self, message):
        super().__init__(one_line(message))


def one_line(message):
    """`message` with no line break, as a file's name may bring, and of at most 1,000 letters."""
    text = " ".join(str(message).splitlines())
    return text if len(text) <= 1_000 else f"{text[:700]} ... {text[-295:]}"


def shown(value):
    """`repr(value)`, as far as it fits into a line of an error."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # Such as of an int of 5,000 digits.
        text = f"this {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def whole_number(value, name="it", lowest=1, highest=None):
    """An int in [lowest, highest]; text is read as a decimal numeral."""
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = None
    if number is None or number < lowest or (highest is not None and number > highest):
        limits = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise KerasXorError(f"{name} must be a whole number {limits}, not {shown(value)}")
    return number


def count(value, name="it"):
    """An int from 1 to 2**53, of epochs or of steps."""
    number = whole_number(value, name)
    return number if number < 2**53 else whole_number(value, name, highest=2**53)


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
    return _one_of(value, name, "tanh", "relu", "sigmoid")


def _one_of(value, name, *choices):
    if not isinstance(value, str) or value not in choices:
        *others, last = choices
        raise KerasXorError(f"{name} must be {', '.join(others)} or {last}, not {shown(value)}")
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
        raise KerasXorError(f"{name} must be a finite number, not {shown(value)}")
    return number


def learning_rate(value, name="it"):
    """A float above 0 that is neither 0 nor infinite in float32."""
    number = finite_number(value, name)
    if number <= 0:
        raise KerasXorError(f"{name} must be above 0, not {shown(value)}")
    if not _LEAST_RATE <= number <= _LARGEST_RATE:
        raise KerasXorError(
            f"{name} must be from {_LEAST_RATE:g} to {_LARGEST_RATE:g}, not {shown(value)}: "
            "beyond, it is 0 or infinite in float32"
        )
    return number


def rankdir(value, name="it"):
    """Graphviz's direction of a graph: TB, LR, BT or RL."""
    return _one_of(value, name, "TB", "LR", "BT", "RL")


def path(value, name="it"):
    """A path as text."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        raise KerasXorError(f"{name} must be the name of a file, not {shown(value)}")
    return text


def file_name(value, name="it", suffixes=()):
    """A `Path` that ends in one of `suffixes`."""
    text = path(value, name)
    if Path(text).suffix not in suffixes:
        raise KerasXorError(f"{name} must end in {' or '.join(suffixes)}, not {shown(text)}")
    return Path(text)


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
    text = path(value, name).replace(os.sep, "/")
    if not text.isprintable():  # Nor would it be Unicode, which the writers of exports take.
        raise KerasXorError(f"{name} must be of letters that can be printed, not {shown(text)}")
    file = Path(text)
    suffix = "" if text.endswith("/") else file.suffix
    if suffix not in ("", ".onnx", ".tflite") or file.name in ("", "..", ".onnx", ".tflite"):
        raise KerasXorError(
            f"{name} must end in .onnx or .tflite, or name a folder (then end it in /), "
            f"not {shown(text)}"
        )
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
    keras = sys.modules.get("keras")
    if hasattr(keras, "backend") and keras.backend.backend() != "tensorflow":
        raise KerasXorError(
            f"Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )
