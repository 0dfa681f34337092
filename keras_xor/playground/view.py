"""The part of the page that moves: one widget with a drawing of its own."""

import time
from pathlib import Path

from keras_xor.checks import KerasXorError, one_line
from keras_xor.playground.address import address_of
from keras_xor.playground.drawing import drawing
from keras_xor.playground.extra import notebook_extra
from keras_xor.playground.outcome import luck, outcome
from keras_xor.playground.run import is_compiled, play
from keras_xor.recipe import Recipe
from keras_xor.study import seed_study

with notebook_extra():
    import anywidget
    import traitlets

_HERE = Path(__file__).parent
_REST = 1.0  # Seconds without a change before a study
_SEEDS = 200
_MANY_STEPS = 50_000  # They take some tenths of a second.


class View(anywidget.AnyWidget):
    """Draws a run: network, surface, learning curve and truth table, at any epoch.

    Attributes:
        status: What is being done, or what went wrong; empty otherwise.
        drawing: The `keras_xor.playground.drawing` of the run, with its outcome as "outcome".
        address: The settings, as from `address_of`, which the page writes into its address.
        luck: How the run compares with other seeds, or an empty text.
    """

    _esm = _HERE / "view.js"
    _css = _HERE / "view.css"
    status = traitlets.Unicode().tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)
    address = traitlets.Dict().tag(sync=True)
    luck = traitlets.Unicode().tag(sync=True)
    _run = None

    def play(self, hidden_units, seed=0, **fields):
        """Train and draw a run.

        Args:
            hidden_units: List of the units of each layer; layers of 0 units are left out.
            seed: See `keras_xor.playground.play`. Defaults to 0.
            **fields: The other fields of the `Recipe`.

        Returns:
            The `Run`. If it cannot be trained, `status` says why, and it is the one before.
        """
        try:
            recipe = Recipe(hidden_units=[units for units in hidden_units if units], **fields)
            self.luck, self.status = "", _activity(recipe)
            run = play(recipe, seed)
        except Exception as error:  # The page would not show it.
            self.status = _sentence(error)
            return self._run
        self._run = run
        with self.hold_sync():
            self.drawing = drawing(run) | {"outcome": outcome(run)}
            self.address = address_of(recipe, seed)
            self.status = ""
        return run

    def study(self, run, is_outdated):
        """Compare a `Run` with other seeds, after a second of rest.

        Args:
            run: The `Run`.
            is_outdated: A function that tells whether this is no longer wanted.
        """

        def tell(text):
            if is_outdated():
                raise InterruptedError
            self.luck = text

        def progress(steps_done, steps):
            tell(f"Was it luck? Trying {_SEEDS} other seeds: {100 * steps_done // steps} %")

        try:
            rested = time.monotonic() + _REST
            while time.monotonic() < rested:
                tell("")
                time.sleep(0.05)
            tell(luck(run, seed_study(run.recipe, _SEEDS, on_progress=progress)))
        except InterruptedError:
            pass
        except KerasXorError as error:
            self.luck = _sentence(error)


def _activity(recipe):
    if not is_compiled(recipe):
        return "Compiling ..."
    return "Training ..." if recipe.epochs * recipe.steps_per_epoch > _MANY_STEPS else ""


def _sentence(error):
    if isinstance(error, KerasXorError):
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return one_line(f"Keras cannot train this: {type(error).__name__}: {error}")
