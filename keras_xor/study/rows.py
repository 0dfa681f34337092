"""The runs of a study as rows of a CSV file, which grows with the study."""

import csv
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_xor.files import check_writable, replacing
from keras_xor.recipe import DATA_FIELDS, DEFAULT, Recipe
from keras_xor.study.chunks import Chunk, Results
from keras_xor.values import KerasXorError

_RESULTS = "final_loss", "steps_to_learn", "diverged"


def make_header(names: list[str]) -> list[str]:
    """The columns of the rows of runs whose predictions have these names."""
    return [*DEFAULT.settings(), "model", "seed", *names, *_RESULTS]


def make_rows(
    recipe: Recipe, model: str, seeds: Iterable[int], results: Results
) -> Iterator[list[str]]:
    """The rows of runs. If they are those of a model, the fields of the network are empty."""
    keys = _make_keys(recipe, model, seeds)
    for key, predictions, loss, steps, diverged in zip(keys, *results, strict=True):
        yield [*key, *map(str, predictions), str(loss), str(steps or ""), str(int(diverged))]


def _make_keys(recipe: Recipe, model: str, seeds: Iterable[int]) -> list[list[str]]:
    settings = recipe.settings().items()
    cells = ["" if model and name not in DATA_FIELDS else text for name, text in settings]
    return [[*cells, model, str(seed)] for seed in seeds]


def write_rows(rows: Iterable[list[str]]) -> bytes:
    """The bytes of a CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


class RowsFile:
    """A CSV file that is at every moment the beginning of the one of the finished sweep.

    Raises:
        KerasXorError: the file cannot be written.
    """

    def __init__(self, path: str | Path, model: str, names: list[str]) -> None:
        check_writable(path)
        self._path, self._model, self._header = Path(path), model, make_header(names)
        self._size = 0  # Bytes that stay

    def restore(self, chunks: Sequence[Chunk], resume: bool) -> list[Results]:
        """The results of the first chunks, as far as all their rows are in the file.

        Raises:
            KerasXorError: the file has another sweep; or, unless `resume`, this one, unfinished.
        """
        content = self._path.read_bytes() if self._path.exists() else b""
        lines = content[: content.rfind(b"\n") + 1].decode(errors="replace").splitlines(True)
        header, *rows = [*csv.reader(lines)] or [self._header]
        runs = sum(len(chunk.seeds) for chunk in chunks)
        difference = self._find_difference(header, rows, chunks)
        if not resume and lines and not difference and len(rows) < runs:
            raise KerasXorError(
                f"{self._path} has {len(rows)} of {runs} runs of this study, which is unfinished: "
                "resume it, or delete the file to start over"
            )
        if resume and difference:
            raise KerasXorError(
                f"{self._path} has another study ({difference}): use the same options, or "
                "delete it to start over"
            )
        restored: list[Results] = []
        ends = itertools.accumulate(len(chunk.seeds) for chunk in chunks)
        for end in ends if resume else ():
            if end <= len(rows):
                restored.append(
                    self._parse_results(rows[end - len(chunks[len(restored)].seeds) : end])
                )
                self._size = len("".join(lines[: 1 + end]).encode())
        return restored

    def _find_difference(
        self, header: list[str], rows: list[list[str]], chunks: Sequence[Chunk]
    ) -> str:
        """What tells the sweep in the file from this one, or an empty text."""
        if header != self._header:
            return "other columns"
        keys = (
            key for chunk in chunks for key in _make_keys(chunk.recipe, self._model, chunk.seeds)
        )
        for row in rows:
            for name, cell, expected in zip(header, row, next(keys, row), strict=False):
                if cell != expected:
                    return f"{name} is {cell or 'empty'}, not {expected or 'empty'}"
        return ""

    def _parse_results(self, rows: list[list[str]]) -> Results:
        *_, loss, steps, diverged = zip(*rows, strict=True)
        first = self._header.index("seed") + 1
        predictions = [row[first : -len(_RESULTS)] for row in rows]
        return Results(
            np.array(predictions, np.float32),
            np.array(loss, np.float32),
            np.array([step or 0 for step in steps], np.int64),
            np.array(diverged) == "1",
        )

    def append(self, chunk: Chunk, results: Results) -> None:
        """Write the rows of the next chunk. Until the first one, an old file stays."""
        rows = [*make_rows(chunk.recipe, self._model, chunk.seeds, results)]
        if not self._size:
            content = write_rows([self._header, *rows])
            with replacing(self._path) as new:
                new.write_bytes(content)
        else:
            content = write_rows(rows)
            self._write(content)
        self._size += len(content)

    def _write(self, content: bytes) -> None:
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
