"""The rows of a study on disk, kept up with it."""

import csv
import hashlib
import json
from pathlib import Path

from keras_xor.checks import KerasXorError
from keras_xor.files import Throttle, check_writable, replacing
from keras_xor.study.network import configuration
from keras_xor.study.summary import POINTS

_COLUMNS = "seed", *POINTS, "loss", "steps_to_learn"


def labels_of(cells):
    """What tells the recipes and models of a sweep apart.

    Args:
        cells: List of pairs of a `Recipe` and a model or `None`.

    Returns:
        A list with a dict per cell: each field of the recipes that varies, as text, by its name;
        and "model", counted from 1, if the models vary.
    """
    models = [*{id(model): None for _, model in cells}]
    labels = [r.settings() | {"model": f"{1 + models.index(id(m))}"} for r, m in cells]
    varied = [name for name in labels[0] if len({label[name] for label in labels}) > 1]
    return [{name: label[name] for name in varied} for label in labels]


class RowsFile:
    """A CSV file with the rows of all finished groups of a sweep, in the order of the groups.

    Until the sweep is finished, a file beside it says what it is of.

    Args:
        path: Name of the file, ending in .csv.
        cells: List of pairs of a `Recipe` and a model or `None`.
        groups: List of the `Group`s.
        settings: Dict of text: what else a continued sweep must share, by the names to use in
            error messages.

    Raises:
        KerasXorError: the file, or the one beside it, cannot be written.
    """

    def __init__(self, path, cells, groups, settings):
        self._path = Path(path)
        self._beside = self._path.with_suffix(".study")
        for file in (self._path, self._beside):
            check_writable(file)
        labels = [
            {f"recipe_{name}" if name in _COLUMNS else name: text for name, text in label.items()}
            for label in labels_of(cells)
        ]
        self._groups = [(group.seeds, labels[group.cell]) for group in groups]
        self._header = [*_COLUMNS, *labels[0]]
        self._settings = settings | _settings_of(cells)
        self._throttle = Throttle()

    def restore(self, resume):
        """The rows of the groups that are finished, as a dict by the number of the group.

        Args:
            resume: Whether to expect some.

        Raises:
            KerasXorError: there are some unexpectedly, or of another sweep.
        """
        if not self._beside.exists():
            return {}
        if not resume:
            raise KerasXorError(
                f"{self._path} is of an unfinished study: resume it, or delete {self._beside} to "
                "start over"
            )
        self._check_beside()
        rows = self._read()
        finished = {}
        for number, (seeds, label) in enumerate(self._groups):
            keys = [(f"{seed}", *label.values()) for seed in seeds]
            if all(key in rows for key in keys):
                finished[number] = [rows[key] for key in keys]
        return finished

    def _check_beside(self):
        try:
            told = json.loads(self._beside.read_text(encoding="utf-8"))
            settings, digests = told["settings"], told["rows"]
            differences = [
                f"{name} ({_text(settings.get(name))}, not {_text(value)})"
                for name, value in self._settings.items()
                if settings.get(name) != value
            ]
        except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError):
            raise KerasXorError(f"{self._beside} is damaged: delete it to start over") from None
        if differences:
            raise KerasXorError(
                f"{self._path} is of a study with other options, {', '.join(differences)}: use "
                f"the same ones, or delete {self._beside} to start over"
            )
        if not self._path.exists() or _digest_of(self._path) not in digests:
            raise KerasXorError(
                f"{self._path} is not as the study left it: put it back, or delete "
                f"{self._beside} to start over"
            )

    def _read(self):
        names = self._header[len(_COLUMNS) :]
        with self._path.open(newline="", encoding="utf-8") as file:
            return {
                (row["seed"], *(row[name] for name in names)): _numbers(row)
                for row in csv.DictReader(file)
            }

    def update(self, finished):
        """Write the rows of finished groups, unless that was done a short while ago."""
        self._throttle(lambda: self.write(finished))

    def write(self, finished):
        """Write the rows of finished groups, and the file that says what they are of.

        That file is replaced first. If the process is killed in between, it knows both contents.
        """
        ours = self._beside.exists() and self._path.exists()
        known = [_digest_of(self._path)] if ours else []
        with replacing(self._path) as rows, replacing(self._beside) as beside:
            self._write_rows(rows, finished)
            told = {"settings": self._settings, "rows": [*known, _digest_of(rows)]}
            beside.write_text(json.dumps(told, indent=1))

    def finish(self, finished):
        """Write all rows."""
        self.write(finished)
        self._beside.unlink(missing_ok=True)

    def _write_rows(self, path, finished):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._header)
            writer.writeheader()
            for number, rows in sorted(finished.items()):
                _, label = self._groups[number]
                writer.writerows(row | label for row in rows)


def _numbers(row):
    numbers = {name: float(row[name]) for name in (*POINTS, "loss")}
    steps = row["steps_to_learn"]
    return {"seed": int(row["seed"]), **numbers, "steps_to_learn": int(steps) if steps else None}


def _settings_of(cells):
    settings = [recipe.settings() for recipe, _ in cells]
    together = {name: " ".join({each[name]: None for each in settings}) for name in settings[0]}
    models = [model and _described(model) for _, model in cells]
    digest = hashlib.sha256(repr(models).encode()).hexdigest()[:16]
    return together | {"model": digest if any(models) else "none"}


def _described(model):
    return configuration(model), float(model.optimizer.learning_rate)


def _digest_of(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(value):
    return value if isinstance(value, str) and len(value) <= 80 else f"{value!r:.80}"
