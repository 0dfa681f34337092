"""The trained model, its history and its record on disk, read with suspicion."""

import contextlib
import csv
import io
import warnings

import keras
import numpy as np

from keras_xor import checks, recipe
from keras_xor.archives import check_archive
from keras_xor.checks import KerasXorError
from keras_xor.writing import replacing, replacing_all

_ADVICE = "name a file that train.py wrote"


def save_model(model, path):
    """Write `model` as a Keras archive, which `keras.saving.load_model` opens anywhere.

    Args:
        model: The `keras.Model` to write, with its compilation and optimizer state.
        path: Name of the file, ending in .keras. Folders are made as needed; a file
            already there is replaced once the new one is complete.

    Raises:
        KerasXorError: `path` does not end in .keras or cannot be written, or a weight
            is not finite.
    """
    with replacing(checks.model_file(path, "path")) as new:
        _write_model(model, new)


def save_run(outputs, model, history, weights=None):
    """Write all that a run gave: every file, or none.

    Args:
        outputs: A dict of paths, of the "model", the "history" and, if there are
            `weights`, the "record".
        model: As for `save_model`.
        history: The `keras.callbacks.History` that `train` returned, written as CSV: one
            row an epoch, counted from 1.
        weights: `Recorder.weights`, written as a NumPy archive. Defaults to `None`.

    Raises:
        KerasXorError: a file cannot be written, or a weight of `model` is not finite.
    """
    with replacing_all(outputs.values()) as files:
        new = dict(zip(outputs, files, strict=True))
        _write_model(model, new["model"])
        _write_history(history, new["history"])
        if weights:
            write_arrays(new["record"], {str(n): weight for n, weight in enumerate(weights)})


def _write_model(model, file):
    if not _finite(model.get_weights()):
        raise KerasXorError(
            "training diverged, for not all weights are finite: lower the learning rate"
        )
    model.save(file)


def _write_history(history, file):
    names = sorted(history.history)
    rows = zip(*(history.history[name] for name in names), strict=True)
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["epoch", *names])
        writer.writerows([epoch, *row] for epoch, row in enumerate(rows, start=1))


def write_arrays(file, arrays):
    """Write a dict of arrays as a NumPy archive to `file`, a `Path`."""
    # On a full disk, `np.savez` to a file leaves an archive that complains once more.
    content = io.BytesIO()
    np.savez(content, **arrays)
    file.write_bytes(content.getvalue())


def load_model(path):
    """Read a model that `save_model` wrote, compiled.

    The file may be a stranger's: it is looked at first, then loaded with `safe_mode=True`
    and without custom objects.

    Args:
        path: Name of the file, ending in .keras.

    Returns:
        A `keras.Model` from `{"x1": x1, "x2": x2}` to a probability, as `build_model`.
        It may have other layers of the kinds that `build_model` uses.

    Raises:
        KerasXorError: there is no such file, it is not a Keras model as small and as
            plain as this package's, its inputs and output are not those of
            `build_model`, or a weight is not finite.
    """
    path = checks.model_file(path, "path")
    with _opening(path, "model") as file:
        try:
            check_archive(file)
            model = _load_quietly(path)
            _check_network(model)
        except KerasXorError as refusal:
            raise KerasXorError(f"{path} cannot be used, since {refusal}: {_ADVICE}") from None
        except Exception as error:  # A stranger's file may fail anywhere in Keras.
            raise KerasXorError(f"{path} is not a Keras model, or damaged: {_ADVICE}") from error
    return model


def _load_quietly(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of weights it does not find.
        return keras.saving.load_model(path, safe_mode=True)


def _check_network(model):
    """Raise `KerasXorError` unless `model` gives a probability for `x1` and `x2`."""
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    outputs = [tensor.shape for tensor in model.outputs]
    if (inputs, outputs) != ({"x1": (None, 1), "x2": (None, 1)}, [(None, 1)]):
        raise KerasXorError(
            "it does not map inputs x1 and x2 of shape (None, 1) to one output of shape (None, 1)"
        )
    if model.layers[-1].get_config().get("activation") != "sigmoid":
        raise KerasXorError("its output is not that of a sigmoid")
    x1, x2 = np.array(recipe.TRUTH_TABLE, np.float32).reshape(2, -1, 1)
    if not _finite([*model.get_weights(), model({"x1": x1, "x2": x2})]):
        raise KerasXorError("its weights are not finite, or too large")


def _finite(arrays):
    return all(np.isfinite(array).all() for array in arrays)


def load_history(path):
    """Read the history that `save_run` wrote.

    Args:
        path: Name of the file, ending in .csv.

    Returns:
        A list of dicts `{"epoch": int, "accuracy": float, "loss": float}`.

    Raises:
        KerasXorError: there is no such file, or it is not such a history.
    """
    path = checks.csv_file(path, "path")
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


def load_record(path):
    """Read the record that `save_run` wrote.

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
                states > 0 and [weight.shape for weight in weights] == shapes and _finite(weights)
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
