"""The part of the page that moves: one widget with a drawing of its own."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_xor.outcomes import describe_outcome
from keras_xor.playground.address import make_query
from keras_xor.playground.controls import read_controls
from keras_xor.playground.drawings import make_drawing
from keras_xor.playground.extra import notebook_extra
from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.recording import has_program
from keras_xor.run import Run
from keras_xor.study import Study, seed_study
from keras_xor.values import KerasXorError, to_one_line

with notebook_extra():
    import anywidget
    import traitlets

_HERE = Path(__file__).parent
_REST = 1.0  # Seconds without a change before a study
_SEEDS = 200
_MOST_WORK = 5e7  # Steps times weights of a run; its study takes up to a minute.
_MANY_STEPS = 50_000  # They take some tenths of a second.
_ONE_STUDY = threading.Lock()  # At a time: a study uses all cores.
_STUDIES: dict[Recipe, Study] = {}  # Those of a recipe serve all its seeds.


class _OutdatedError(Exception):
    pass


class View(anywidget.AnyWidget):
    """Draws a run: network, surface, learning curve and truth table, at any epoch.

    Attributes:
        status: The work that takes time now, or empty.
        problem: Why the settings cannot be trained, or empty.
        drawing: What `make_drawing` returned for the run, and its outcome as "outcome".
        address: The settings, as from `make_query`, which the page writes into its address.
        luck: How the run compares with other seeds, or empty.
        labels: Those of the four points, which the page changes.
    """

    _esm = _HERE / "view.js"
    _css = _HERE / "view.css"
    status = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)
    address = traitlets.Dict().tag(sync=True)
    luck = traitlets.Unicode().tag(sync=True)
    labels = traitlets.Unicode().tag(sync=True)

    def __init__(self, recipe: Recipe = DEFAULT, seed: int = 0) -> None:
        super().__init__(labels=recipe.labels)
        self._settings = recipe, seed
        self._run: Run | None = None
        self._study: object = None
        self._turns = threading.Lock()

    def read(self, controls: Mapping[str, Any]) -> tuple[Recipe, int]:
        """The recipe and the seed of controls and labels, and end the study of the run before.

        If they cannot be trained, `problem` is why, and the settings are those before.
        """
        with self._turns:
            self._study, self.luck = None, ""
        try:
            self._settings = read_controls({**controls, "labels": self.labels})
            self.problem = ""
            self.status = _describe_work(self._settings[0])
        except KerasXorError as error:
            self.problem = _to_sentence(error)
        return self._settings

    def show(self, run: Run) -> None:
        """Draw a run."""
        self._run = run
        with self.hold_sync():
            self.drawing = make_drawing(run) | {"outcome": describe_outcome(run)}
            self.address = make_query(run.recipe, run.seed)
            self.status = ""

    def study(self, run: Run, train: Callable[..., Study] = seed_study) -> None:
        """Set `luck` to how a run compares with 200 other seeds, after a second of rest.

        This ends early when `read` or `study` is called in another thread. `train` is called as
        `seed_study` is.
        """
        if self.problem or run is not self._run:
            return
        self._study = study = object()

        def tell(text: str) -> None:
            with self._turns:
                if self._study is not study:
                    raise _OutdatedError
                self.luck = text

        def report(steps_done: int, steps: int) -> None:
            tell(f"Was it luck? Trying {_SEEDS} other seeds: {100 * steps_done // steps} %")

        with contextlib.suppress(_OutdatedError), _take_turn(tell):
            tell(_study_luck(run, train, report))


@contextlib.contextmanager
def _take_turn(tell: Any) -> Iterator[None]:
    """Wait for a second without a change, and for another study to end."""
    rested = time.monotonic() + _REST
    while time.monotonic() < rested or not _ONE_STUDY.acquire(timeout=0.05):
        tell("")
        time.sleep(0.05)
    try:
        yield
    finally:
        _ONE_STUDY.release()


def describe_luck(run: Run, study: Study) -> str:
    """How a run compares with the other seeds of a study of its recipe, in two sentences."""
    result = study.summarize()
    learned = 100 * result["learned"] / result["runs"]
    low, high = (100 * end for end in result["interval"])
    worse = np.mean(~(study.loss <= run.history["loss"][-1]))  # Also those that are nan.
    rank = (
        "This one diverged."
        if run.diverged
        else f"This one ends with a lower loss than {100 * worse:.0f} % of them."
    )
    return (
        f"Of {result['runs']} other seeds, {learned:.1f} % learn "
        f"(95 % interval {low:.1f} to {high:.1f} %). {rank}"
    )


def _study_luck(run: Run, train: Callable[..., Study], report: Any) -> str:
    recipe = run.recipe
    if recipe.steps * recipe.parameters > _MOST_WORK:
        return f"Was it luck? {_SEEDS} other seeds would take minutes: use seed_study.py."
    try:
        if recipe not in _STUDIES:
            _STUDIES[recipe] = train(recipe, _SEEDS, on_progress=report)
        return describe_luck(run, _STUDIES[recipe])
    except _OutdatedError:
        raise
    except Exception as error:  # In a thread, nobody would see it.
        return _to_sentence(error)


def _describe_work(recipe: Recipe) -> str:
    if not has_program(recipe):
        return "Compiling, then training ..."
    return "Training ..." if recipe.steps > _MANY_STEPS else ""


def _to_sentence(error: Exception) -> str:
    if isinstance(error, KerasXorError):
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return to_one_line(f"Keras cannot train this: {type(error).__name__}: {error}")
