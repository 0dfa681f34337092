"""Checks of file names and their suffixes."""

import os
from pathlib import Path

from keras_xor.checks.errors import KerasXorError, shown


def path(value, name="it"):
    """A path as a string."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        raise KerasXorError(f"{name} must be a file name, not {shown(value)}")
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
    """A path, as a string, to a .onnx or .tflite file or a folder (ending in / or no suffix)."""
    text = path(value, name).replace(os.sep, "/")
    if not text.isprintable():  # It may not be valid Unicode, which the exporters need.
        raise KerasXorError(f"{name} must have only printable characters, not {shown(text)}")
    file = Path(text)
    suffix = "" if text.endswith("/") else file.suffix
    if suffix not in ("", ".onnx", ".tflite") or file.name in ("", "..", ".onnx", ".tflite"):
        raise KerasXorError(
            f"{name} must end in .onnx or .tflite, or in / for a folder, not {shown(text)}"
        )
    return text


def csv_file(value, name="it"):
    """A `Path` that ends in .csv."""
    return file_name(value, name, suffixes=(".csv",))


def record_file(value, name="it"):
    """A `Path` that ends in .npz."""
    return file_name(value, name, suffixes=(".npz",))
