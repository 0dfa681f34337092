"""The trained model and its history on disk: written whole or not at all, read with suspicion."""

import contextlib
import csv
import io
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError

_ADVICE = "name a file that train.py wrote"


def save_model(model, path):
    """Write `model` as a Keras archive, which `keras.saving.load_model` opens anywhere.

    Args:
        model: The `keras.Model` to write, with its compilation and optimizer state.
        path: Name of the file, ending in .keras. Folders are made as needed; a file
            already there is replaced once the new one is complete.

    Raises:
        KerasXorError: `path` does not end in .keras or cannot be written.
    """
    with replacing(checks.model_file(path, "path")) as new:
        model.save(new)


def load_model(path):
    """Read a model that `save_model` wrote, compiled.

    Args:
        path: Name of the file, ending in .keras.

    Returns:
        A `keras.Model` from `{"x1": x1, "x2": x2}` to a probability, as `build_model`.

    Raises:
        KerasXorError: there is no such file, it is not a Keras model, or the model's
            inputs and output are not those of `build_model`.
    """
    path = checks.model_file(path, "path")
    with _opening(path, "model") as file:
        is_archive = zipfile.is_zipfile(file)
    if not is_archive:
        raise KerasXorError(f"{path} is not a Keras model: {_ADVICE}")
    try:
        model = keras.saving.load_model(path, safe_mode=True)
        signature = _signature(model)
    except Exception as error:  # A stranger's file may fail anywhere in Keras.
        raise KerasXorError(f"{path} is not a Keras model, or damaged: {_ADVICE}") from error
    if signature != ({"x1": (None, 1), "x2": (None, 1)}, (None, 1)):
        raise KerasXorError(
            f"{path} holds another network: it must map inputs x1 and x2 of shape (None, 1) "
            "to one output of shape (None, 1)"
        )
    return model


def _signature(model):
    return (
        {tensor.name: tensor.shape for tensor in model.inputs},
        *(tensor.shape for tensor in model.outputs),
    )


def save_history(history, path):
    """Write what `train` returned as CSV: one row an epoch, counted from 1.

    Args:
        history: The `keras.callbacks.History`.
        path: Name of the file, treated as by `save_model`.

    Raises:
        KerasXorError: `path` cannot be written.
    """
    names = sorted(history.history)
    rows = zip(*(history.history[name] for name in names), strict=True)
    with replacing(path) as new, new.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *names])
        writer.writerows([epoch, *row] for epoch, row in enumerate(rows, start=1))


def load_history(path):
    """Read what `save_history` wrote.

    Args:
        path: Name of the file, ending in .csv.

    Returns:
        A list of dicts `{"epoch": int, "accuracy": float, "loss": float}`.

    Raises:
        KerasXorError: there is no such file, or it is not such a history.
    """
    path = checks.history_file(path, "path")
    with _opening(path, "history") as file:
        try:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            rows = list(csv.DictReader(text, strict=True))
            history = [
                {
                    "epoch": checks.whole_number(row["epoch"]),
                    "accuracy": checks.finite_number(row["accuracy"]),
                    "loss": checks.finite_number(row["loss"]),
                }
                for row in rows
            ]
        except (KeyError, ValueError, csv.Error):
            history = []
    if not history:
        raise KerasXorError(f"{path} is not a history of training: {_ADVICE}")
    return history


def save_record(weights, path):
    """Write `Recorder.weights` as a NumPy archive.

    Args:
        weights: The list of arrays.
        path: Name of the file, ending in .npz, treated as by `save_model`.

    Raises:
        KerasXorError: `path` does not end in .npz or cannot be written.
    """
    with replacing(checks.record_file(path, "path")) as new:
        np.savez(new, *weights)


def load_record(path):
    """Read what `save_record` wrote.

    Args:
        path: Name of the file, ending in .npz.

    Returns:
        A list of float32 arrays, as `Recorder.weights` of a model of `build_model`.

    Raises:
        KerasXorError: there is no such file, or it is not such a record.
    """
    path = checks.record_file(path, "path")
    units = recipe.HIDDEN_UNITS
    with _opening(path, "record", made_by="train.py --record") as file:
        try:
            archive = np.load(file, allow_pickle=False)
            weights = [archive[name] for name in archive.files]
            states = len(weights[0])
            shapes = [(states, 2, units), (states, units), (states, units, 1), (states, 1)]
            sound = (
                states > 0
                and [weight.shape for weight in weights] == shapes
                and all(np.isfinite(weight).all() for weight in weights)
            )
        except Exception:  # A stranger's file may fail anywhere in NumPy.
            sound = False
    if not sound:
        raise KerasXorError(f"{path} is not a record of training: name a file of train.py --record")
    return weights


@contextlib.contextmanager
def _opening(path, what, made_by="train.py"):
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise KerasXorError(f"no {what} at {path}: run python scripts/{made_by} first") from None
    except OSError as error:
        raise KerasXorError(f"cannot read {path} ({error.strerror}): {_ADVICE}") from error


def check_writable(path):
    """Raise `KerasXorError` now if `path` could not be written later; make its folder."""
    path = Path(path)
    with _reporting(path):
        if path.is_dir():
            raise KerasXorError(f"{path} is a folder: name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()


@contextlib.contextmanager
def replacing(path):
    """Give a `Path` to write to, which takes the place of `path` if the block succeeds."""
    check_writable(path)
    path = Path(path)
    with (
        _reporting(path),
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
    ):
        new = Path(folder, path.name)
        yield new
        new.replace(path)


@contextlib.contextmanager
def _reporting(path):
    try:
        yield
    except OSError as error:
        raise KerasXorError(
            f"cannot write {path} ({error.strerror or error}): name a file that can be written"
        ) from error
