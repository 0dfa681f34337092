"""The runs of a study as rows of a CSV file, which grows with the study."""

import csv
import io
import itertools
import os
from pathlib import Path

import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.files import check_writable, replacing
from keras_xor.recipe import GUIDE, OF_DATA
from keras_xor.study.chunks import Results

_RESULTS = "final_loss", "steps_to_learn", "diverged"


def csv_header(names):
    """The columns of the rows of runs whose predictions have these names."""
    return [*GUIDE.settings(), "model", "seed", *names, *_RESULTS]


def csv_rows(recipe, model, seeds, results):
    """The rows of runs, from their `Results`; of a model, no field says what its network is."""
    keys = _keys(recipe, model, seeds)
    for key, predictions, loss, steps, diverged in zip(keys, *results, strict=True):
        yield [*key, *map(str, predictions), str(loss), str(steps or ""), str(int(diverged))]


def _keys(recipe, model, seeds):
    settings = recipe.settings().items()
    cells = ["" if model and name not in OF_DATA else text for name, text in settings]
    return [[*cells, model, str(seed)] for seed in seeds]


def csv_bytes(rows):
    """Rows as the bytes of a CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


class RowsFile:
    """A CSV file that is at every moment the beginning of the one of the finished sweep.

    Args:
        path: Name of the file.
        model: The file or the name of the model, or "".
        names: Those of the predictions.

    Raises:
        KerasXorError: the file cannot be written.
    """

    def __init__(self, path, model, names):
        check_writable(path)
        self._path, self._model, self._header = Path(path), model, csv_header(names)
        self._size = 0  # Bytes that stay

    def restore(self, chunks, resume):
        """The `Results` of the first chunks, as far as all their rows are in the file.

        Raises:
            KerasXorError: the file is of another sweep; or, unless `resume`, of this one, but
                unfinished.
        """
        content = self._path.read_bytes() if self._path.exists() else b""
        lines = content[: content.rfind(b"\n") + 1].decode(errors="replace").splitlines(True)
        header, *rows = [*csv.reader(lines)] or [self._header]
        runs = sum(len(chunk.seeds) for chunk in chunks)
        difference = self._difference(header, rows, chunks)
        if not resume and lines and not difference and len(rows) < runs:
            raise KerasXorError(
                f"{self._path} has {len(rows)} of {runs} runs of this study, which is unfinished: "
                "resume it, or delete the file to start over"
            )
        if resume and difference:
            raise KerasXorError(
                f"{self._path} is of another study ({difference}): use the same options, or "
                "delete it to start over"
            )
        restored, ends = [], itertools.accumulate(len(chunk.seeds) for chunk in chunks)
        for end in ends if resume else ():
            if end <= len(rows):
                restored.append(self._results(rows[end - len(chunks[len(restored)].seeds) : end]))
                self._size = len("".join(lines[: 1 + end]).encode())
        return restored

    def _difference(self, header, rows, chunks):
        """What is not of this sweep in the file, or an empty text."""
        if header != self._header:
            return "it has other columns"
        keys = (key for chunk in chunks for key in _keys(chunk.recipe, self._model, chunk.seeds))
        for row in rows:
            for name, cell, expected in zip(header, row, next(keys, row), strict=False):
                if cell != expected:
                    return f"{name} is {cell or 'empty'}, not {expected or 'empty'}"
        return ""

    def _results(self, rows):
        *_, loss, steps, diverged = zip(*rows, strict=True)
        first = self._header.index("seed") + 1
        predictions = [row[first : -len(_RESULTS)] for row in rows]
        return Results(
            np.array(predictions, np.float32),
            np.array(loss, np.float32),
            np.array([step or 0 for step in steps], np.int64),
            np.array(diverged) == "1",
        )

    def append(self, chunk, results):
        """Write the rows of the next chunk. Until the first one, an old file stays."""
        rows = [*csv_rows(chunk.recipe, self._model, chunk.seeds, results)]
        if not self._size:
            content = csv_bytes([self._header, *rows])
            with replacing(self._path) as new:
                new.write_bytes(content)
        else:
            content = csv_bytes(rows)
            self._write(content)
        self._size += len(content)

    def _write(self, content):
        try:
            with self._path.open("r+b") as file:
                file.truncate(self._size)
                file.seek(self._size)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KerasXorError(
                f"cannot write {self._path} ({error.strerror}): make room"
            ) from error
