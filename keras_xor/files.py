"""The trained model, its history and its record on disk, read with suspicion."""

import codecs
import contextlib
import csv
import hashlib
import io
import json
import os
import stat
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_xor import checks, recipe
from keras_xor.archives import MOST_BYTES, MOST_MODEL_BYTES, read_arrays, read_config, read_model
from keras_xor.checks import KerasXorError
from keras_xor.model import MAPPING, check_model, is_of_xor
from keras_xor.quiet import no_warnings
from keras_xor.training import Recorder, history_rows
from keras_xor.writing import MARK, replacing, replacing_all

_CHECKS = {
    "model": checks.model_file,
    "history": checks.csv_file,
    "record": checks.record_file,
}
_ADVICE = "name a file that train.py wrote"
_MOST_ROWS = 2**17  # Of a history, in memory
_MOST_COLUMNS = 50
_LONGEST_LINE = 2**13
_WITH_HISTORY = " with the history of sha256 "


def save_model(model, path):
    """Write `model` as a Keras archive, for `load_model` and `keras.saving.load_model`.

    The file opens in Keras 3.15 and later, with or without this package. Keras 3.5 to 3.14 do
    not know all that is in it: build the model there, and have `model.load_weights` read it.

    Args:
        model: The `keras.Model` to write, with its compilation and optimizer state.
        path: Name of the file, ending in .keras. Folders are made as needed; a file of
            this package already there is replaced once the new one is complete.

    Raises:
        KerasXorError: `path` does not end in .keras or cannot be written, a weight is not
            finite, or `load_model` would not read it: `model.save` writes any model.
    """
    path = checks.model_file(path, "path")
    check_model(model)
    with replacing(path) as new:
        _write_model(model, new)


def save_run(outputs, model, history, weights=None):
    """Write all that a run gave; no file is replaced before all are written.

    Args:
        outputs: A dict of paths, of the "model", the "history" and, if there are
            `weights`, the "record".
        model: As for `save_model`.
        history: The `keras.callbacks.History` that `train` returned, written as CSV: one
            row an epoch, the first being 1.
        weights: `Recorder.weights`, written as a NumPy archive. Defaults to `None`.

    Raises:
        KerasXorError: a file cannot be written, or `model` cannot be, as by `save_model`.
    """
    check_model(model)
    outputs = {name: _CHECKS[name](path, name) for name, path in outputs.items()}
    with replacing_all(outputs.values()) as files:
        new = dict(zip(outputs, files, strict=True))
        _write_history(history, new["history"])
        _write_model(model, new["model"], new["history"])
        if weights:
            arrays = {str(n): weight for n, weight in enumerate(weights)}
            config = keras.saving.serialize_keras_object(model) | {"compile_config": None}
            write_arrays(new["record"], arrays | {"model": np.array(json.dumps(config))})


def _write_model(model, file, history_file=None):
    """Write `model`, and of which history it is, if that is known."""
    if not _finite(model.get_weights()):
        raise KerasXorError(
            "training diverged, for not all weights are finite: lower the learning rate"
        )
    if model.compiled and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)  # Else Keras warns when it loads it.
    model.save(file)
    try:
        _read(file.read_bytes())
    except KerasXorError as refusal:
        raise KerasXorError(
            f"this model is not written, since {refusal}: write it with model.save"
        ) from None
    except Exception as error:  # Such as of a dtype that HDF5 does not know.
        raise KerasXorError(
            "this model is not written, since it could not be read back: write it with model.save"
        ) from error
    _mark(file, _WITH_HISTORY + _digest(history_file) if history_file else "")


def _mark(file, more=""):
    """Sign an archive, a `Path` or file object, in its comment."""
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = f"{MARK}{more}".encode()


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_history(history, file):
    with file.open("w", newline="", encoding="utf-8") as lines:
        rows = history_rows(history)
        names = sorted(rows[0].keys() - {"epoch"}) if rows else []
        writer = csv.DictWriter(lines, ["epoch", *names])
        writer.writeheader()
        writer.writerows(rows)


def write_arrays(file, arrays):
    """Write a dict of arrays as a NumPy archive to `file`, a `Path`."""
    # On a full disk, `np.savez` to a file leaves an archive that complains once more.
    content = io.BytesIO()
    np.savez(content, **arrays)
    _mark(content)
    if content.getbuffer().nbytes > MOST_BYTES:
        raise KerasXorError(f"{file.name} would be larger than {MOST_BYTES >> 20} MiB")
    file.write_bytes(content.getbuffer())


def load_model(path):
    """Read a model that `save_model` wrote, compiled.

    The file may be a stranger's: its bytes are read once and looked at, and a model is built from
    them with `safe_mode=True` and without custom objects.

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
    with opening(path, "model") as file:
        content = file.read(MOST_MODEL_BYTES + 1)
    try:
        return _read(content)
    except KerasXorError as refusal:
        raise KerasXorError(f"{path} cannot be used, since {refusal}: {_ADVICE}") from None
    except Exception as error:  # A stranger's file may fail anywhere in Keras.
        raise KerasXorError(f"{path} is not a Keras model, or damaged: {_ADVICE}") from error


def _read(content):
    """The model of the bytes of a file, looked at before and after it is built."""
    config, weights = read_model(content)
    model = _built(config)
    with h5py.File(io.BytesIO(weights)) as file:
        for number, layer in enumerate(layer for layer in model.layers if layer.weights):
            name = f"dense_{number}" if number else "dense"  # As Keras counts them.
            layer.load_own_variables(file[f"layers/{name}/vars"])
        if model.compiled:
            _load_optimizer(model.optimizer, file.get("optimizer/vars", {}))
    _check_network(model)
    return model


def _built(config):
    with no_warnings():  # An odd file may cause any.
        return keras.saving.deserialize_keras_object(config, safe_mode=True)


def _load_optimizer(optimizer, state):
    """Give `optimizer` its state back; one that had not trained may have left none."""
    untrained = type(optimizer).from_config(optimizer.get_config())
    if len(state) == len(optimizer.variables):
        optimizer.load_own_variables(state)
    elif len(state) != len(untrained.variables):
        raise KerasXorError("the state of its optimizer is not complete")


def _check_network(model):
    """Raise `KerasXorError` unless `model` gives a probability for `x1` and `x2`."""
    if not is_of_xor(model):
        raise KerasXorError(f"it does not map {MAPPING}")
    if model.layers[-1].get_config().get("activation") != "sigmoid":
        raise KerasXorError("its output is not that of a sigmoid")
    x1, x2 = np.array(recipe.TRUTH_TABLE, np.float32).reshape(2, -1, 1)
    if not _finite([*model.get_weights(), model({"x1": x1, "x2": x2})]):
        raise KerasXorError("its weights are not finite, or too large")


def _finite(arrays):
    return all(np.isfinite(array).all() for array in arrays)


def load_history(path):
    """Read the history that `save_run` or `keras.callbacks.CSVLogger` wrote.

    It may have been through a spreadsheet, which adds a byte order mark and may separate by
    semicolons, with decimal commas.

    Args:
        path: Name of the file, ending in .csv.

    Returns:
        A list of dicts `{"epoch": int, "loss": float}` and a float for every other column,
        or `None` where it says "NA". Of more than 131,072 epochs, some at equal distances.

    Raises:
        KerasXorError: there is no such file, or it is not such a history.
    """
    path = checks.csv_file(path, "path")
    with opening(path, "history") as file:
        try:
            history = _thinned(_history_rows(file))
        except (AttributeError, KeyError, ValueError, csv.Error):
            history = []
    if not history:
        raise KerasXorError(f"{path} is not a history of training: {_ADVICE}")
    return history


def _history_rows(file):
    lines = codecs.iterdecode(iter(lambda: _line(file), b""), "utf-8-sig")
    header = next(lines, "")
    comma, point = (",", ".") if "," in header else (";", ",")
    form = {"delimiter": comma, "skipinitialspace": True, "strict": True}
    names = next(csv.reader([header], **form), [])
    if len(names) > _MOST_COLUMNS:
        raise ValueError("there are too many columns")
    for row in csv.DictReader(lines, names, **form):
        row.pop("", None)  # Such as the index that pandas writes.
        yield {
            "epoch": _epoch(row.pop("epoch")),
            "loss": checks.finite_number(row.pop("loss").replace(point, ".")),
            **{
                name: None if text == "NA" else checks.finite_number(text.replace(point, "."))
                for name, text in row.items()
            },
        }


def _epoch(text):
    """A whole number of at least 0, which pandas may have written as 1.0."""
    return checks.whole_number(text.strip().removesuffix(".0"), lowest=0, highest=2**53)


def _line(file):
    line = file.readline(_LONGEST_LINE)
    if len(line) == _LONGEST_LINE:
        raise ValueError("a line is too long")
    return line


def _thinned(rows):
    """A list of `rows`, or of every second, fourth, eighth of them, and so on, and the last."""
    kept, every, row = [], 1, None
    for number, row in enumerate(rows):
        if number % every == 0:
            kept.append(row)
        if len(kept) > _MOST_ROWS:
            del kept[1::2]
            every *= 2
    return kept if not kept or kept[-1] is row else [*kept, row]


def load_record(path):
    """Read the record that `save_run` wrote.

    Args:
        path: Name of the file, ending in .npz.

    Returns:
        A `keras_xor.training.Recorder` as it was after the training, with a `model` like
        the one that was trained, not compiled.

    Raises:
        KerasXorError: there is no such file, or it is not such a record.
    """
    path = checks.record_file(path, "path")
    with opening(path, "record", made_by="train.py --record") as file:
        try:
            return _recorder(read_arrays(file))
        except Exception as error:  # A stranger's file may fail anywhere in NumPy and Keras.
            raise KerasXorError(
                f"{path} is not a record of training: name a file of train.py --record"
            ) from error


def _recorder(arrays):
    config = read_config(str(arrays.pop("model")))
    model = _built(config | {"compile_config": None})
    _check_network(model)
    weights = list(arrays.values())
    states = len(weights[0])
    if [weight.shape for weight in weights] != [(states, *w.shape) for w in model.get_weights()]:
        raise KerasXorError("its weights are not those of its model")
    if not states or any(weight.dtype.kind != "f" for weight in weights) or not _finite(weights):
        raise KerasXorError("its weights are not finite, or none")
    recorder = Recorder()
    recorder.set_model(model)
    recorder.weights = weights
    return recorder


def is_history_of_another(path):
    """Whether a history is known not to be what was written with the model beside it.

    Args:
        path: Name of the file, ending in .csv. The model has the same name, but .keras.
    """
    try:
        with opening(_model_beside(path), "model") as file:
            content = file.read(MOST_MODEL_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            mark, _, digest = archive.comment.decode().partition(_WITH_HISTORY)
        return mark == MARK and digest != _digest(path)
    except Exception:  # There is no such model, or it is something else.
        return False


def is_record_of_another(record, path):
    """Whether a record does not end in the weights of the model beside it.

    Args:
        record: What `load_record` read.
        path: From where, ending in .npz. The model has the same name, but .keras.
    """
    try:
        model = load_model(_model_beside(path))
        pairs = zip(record.weights, model.get_weights(), strict=True)
        return not all(np.array_equal(states[-1], weight) for states, weight in pairs)
    except ValueError:  # There is no such model, or it has other layers.
        return _model_beside(path).exists()


def _model_beside(path):
    return Path(path).with_suffix(".keras")


@contextlib.contextmanager
def opening(path, what, made_by="train.py"):
    """Open a file for reading in binary; `KerasXorError` if it is not there, or no file."""
    try:
        # Opened without waiting: a FIFO would wait for its writer.
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise KerasXorError(f"{path} is not a regular file: {_ADVICE}")
            yield file
    except FileNotFoundError:
        raise KerasXorError(f"no {what} at {path}: run python scripts/{made_by} first") from None
    except OSError as error:
        reason = error.strerror or error
        raise KerasXorError(f"cannot read {path} ({reason}): {_ADVICE}") from error


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
