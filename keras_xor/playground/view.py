"""The part of the page that moves: one widget with a drawing of its own."""

import threading
import time
from pathlib import Path

from keras_xor.checks import KerasXorError, one_line
from keras_xor.playground.address import address_of
from keras_xor.playground.drawings import drawing_of
from keras_xor.playground.extra import notebook_extra
from keras_xor.playground.limits import check_length
from keras_xor.playground.outcomes import luck_of, outcome_of
from keras_xor.recipe import Recipe
from keras_xor.recording import is_compiled, train_run
from keras_xor.study import seed_study

with notebook_extra():
    import anywidget
    import traitlets

_HERE = Path(__file__).parent
_REST = 1.0  # Seconds without a change before a study
_SEEDS = 200
_MOST_WORK = 5e7  # Steps times weights of a run; its study takes up to a minute.
_MANY_STEPS = 50_000  # They take some tenths of a second.
_ONE_STUDY = threading.Lock()  # At a time: a study uses all cores.


class _OutdatedError(Exception):
    pass


class View(anywidget.AnyWidget):
    """Draws a run: network, surface, learning curve and truth table, at any epoch.

    Attributes:
        status: What is being done, if it takes time; empty otherwise.
        problem: Why the settings cannot be trained; empty otherwise.
        drawing: What `drawing_of` returned for the run, and its outcome as "outcome".
        address: The settings, as from `address_of`, which the page writes into its address.
        luck: How the run compares with other seeds, or an empty text.
    """

    _esm = _HERE / "view.js"
    _css = _HERE / "view.css"
    status = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)
    address = traitlets.Dict().tag(sync=True)
    luck = traitlets.Unicode().tag(sync=True)

    def __init__(self):
        super().__init__()
        self._run = self._study = None
        self._turns = threading.Lock()

    def train(self, hidden_units, seed=0, **fields):
        """Train and draw a run, and end the study of the one before.

        Args:
            hidden_units: List of the units of each layer; layers of 0 units are left out.
            seed: See `train_run`. Defaults to 0.
            **fields: The other fields of the `Recipe`. Their defaults are the guide's.

        Returns:
            The `Run`. If it cannot be trained, `problem` says why, and this is the one before, or
            `None` if there is none.
        """
        with self._turns:
            self._study, self.luck = None, ""
        try:
            recipe = Recipe(hidden_units=[units for units in hidden_units if units], **fields)
            check_length(recipe)
            self.status = _activity(recipe)
            run = train_run(recipe, seed)
        except Exception as error:  # The page would not show it.
            self.status, self.problem = "", _sentence(error)
            return self._run
        self._run = run
        with self.hold_sync():
            self.drawing = drawing_of(run) | {"outcome": outcome_of(run)}
            self.address = address_of(recipe, seed)
            self.status = self.problem = ""
        return run

    def study(self, run):
        """Say in `luck` how a run compares with 200 other seeds, after a second of rest.

        This ends early when `train` or `study` is called in another thread.

        Args:
            run: What `train` returned last. Nothing is done if there was a problem.
        """
        if self.problem or run is not self._run:
            return
        self._study = study = object()

        def tell(text):
            with self._turns:
                if self._study is not study:
                    raise _OutdatedError
                self.luck = text

        def progress(steps_done, steps):
            tell(f"Was it luck? Trying {_SEEDS} other seeds: {100 * steps_done // steps} %")

        try:
            rested = time.monotonic() + _REST
            while time.monotonic() < rested or not _ONE_STUDY.acquire(timeout=0.05):
                tell("")
                time.sleep(0.05)
            try:
                tell(_luck(run, progress))
            finally:
                _ONE_STUDY.release()
        except _OutdatedError:
            pass


def _luck(run, progress):
    recipe = run.recipe
    if recipe.steps * recipe.parameters > _MOST_WORK:
        return f"Was it luck? {_SEEDS} other seeds would take minutes: use seed_study.py."
    try:
        return luck_of(run, seed_study(recipe, _SEEDS, on_progress=progress))
    except _OutdatedError:
        raise
    except Exception as error:  # The page would not show it.
        return _sentence(error)


def _activity(recipe):
    if not is_compiled(recipe):
        return "Compiling, then training ..."
    return "Training ..." if recipe.steps > _MANY_STEPS else ""


def _sentence(error):
    if isinstance(error, KerasXorError):
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return one_line(f"Keras cannot train this: {type(error).__name__}: {error}")
