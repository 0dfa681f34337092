"""The training history as CSV."""

import codecs
import csv
import hashlib
import io
import zipfile
from pathlib import Path

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.files.archives import MOST_MODEL_BYTES
from keras_xor.files.reading import ADVICE, model_beside, opening
from keras_xor.files.writing import MARK

_MOST_ROWS = 2**17  # Per history, in memory
_MOST_COLUMNS = 50
_LONGEST_LINE = 2**13


def history_rows(history):
    """A `keras.callbacks.History` as a list of one dict per epoch, counted from 1."""
    length = max(map(len, history.history.values()), default=0)
    # Values that were not logged in every epoch cannot be matched to epochs.
    columns = {name: logs for name, logs in history.history.items() if len(logs) == length}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    epochs = getattr(history, "epoch", None)  # Only those of the last call of fit
    last = epochs[-1] + 1 if epochs else len(rows)
    return [{"epoch": last - len(rows) + n, **row} for n, row in enumerate(rows, start=1)]


def write_history(history, file):
    """Write a `keras.callbacks.History` as CSV to `file`, a `Path`."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        rows = history_rows(history)
        names = sorted(rows[0].keys() - {"epoch"}) if rows else []
        writer = csv.DictWriter(lines, ["epoch", *names])
        writer.writeheader()
        writer.writerows(rows)


def load_history(path):
    """Read the history that `save_run` or `keras.callbacks.CSVLogger` wrote.

    A spreadsheet may have saved it again, with a byte order mark, semicolons and decimal commas.

    Args:
        path: Name of the file, ending in .csv.

    Returns:
        A list of dicts `{"epoch": int, "loss": float}` with a float for every other column,
        or `None` for "NA". Above 131,072 epochs, only evenly spaced ones.

    Raises:
        KerasXorError: there is no such file, or it is not such a history.
    """
    path = checks.csv_file(path, "path")
    with opening(path, "history") as file:
        try:
            history = _thinned(_read_rows(file))
        except (AttributeError, KeyError, ValueError, csv.Error):
            history = []
    if not history:
        raise KerasXorError(f"{path} is not a training history: {ADVICE}")
    return history


def _read_rows(file):
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
    """`rows` as a list; of too many, only every second, fourth or eighth (etc.), and the last."""
    kept, every, row = [], 1, None
    for number, row in enumerate(rows):
        if number % every == 0:
            kept.append(row)
        if len(kept) > _MOST_ROWS:
            del kept[1::2]
            every *= 2
    return kept if not kept or kept[-1] is row else [*kept, row]


def note_of(file):
    """The note in the comment of a model that is written together with the history in `file`."""
    with file.open("rb") as lines:
        digest = hashlib.file_digest(lines, "sha256").hexdigest()
    return f" with the history of sha256 {digest}"


def is_history_of_another(path):
    """Whether a history is known not to belong to the model next to it.

    Args:
        path: Name of the file, ending in .csv. The model has the same name with .keras.
    """
    try:
        with opening(model_beside(path), "model") as file:
            content = file.read(MOST_MODEL_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            comment = archive.comment.decode()
        return comment.startswith(MARK) and comment != MARK + note_of(Path(path))
    except Exception:  # There is no model, or it is not valid.
        return False
