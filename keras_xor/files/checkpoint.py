"""Checkpoints: everything needed to resume killed training, in one file."""

import contextlib
from pathlib import Path

import keras

from keras_xor.checks import KerasXorError
from keras_xor.files.arrays import read_arrays, write_arrays
from keras_xor.files.pace import Pace
from keras_xor.files.reading import opening
from keras_xor.files.writing import replacing
from keras_xor.model import build_optimizer

_GROUPS = ("settings", "history", "variables", "record")


class Checkpoint(keras.callbacks.History):
    """A `History` that saves itself and the model's state to disk at the end of epochs.

    `keras.callbacks.BackupAndRestore` writes two files, so a kill may leave one old and one new,
    and it does not save the history. This callback writes one file and replaces it as a whole.
    It replaces or deletes an existing file only if that is from this run and not ahead of it.

    Args:
        path: Name of the file.
        settings: Dict of the settings that a resumed run must share, by the names to use in
            error messages.
        recorder: A `Recorder` to save as well; it must come first in the
            list of callbacks. Defaults to `None`.
    """

    def __init__(self, path, settings, recorder=None):
        super().__init__()
        self.path, self._recorder = Path(path), recorder
        self._settings = {name: str(value) for name, value in settings.items()}
        self._pace = Pace()

    def on_epoch_end(self, epoch, logs=None):
        if self.history and self.history.keys() != (logs or {}).keys():
            raise KerasXorError(
                f"{self.path} has other metrics than this run: start over without --resume"
            )
        super().on_epoch_end(epoch, logs)
        if self._pace.is_due() and not self.model.stop_training:
            with self._pace.saving():
                if self._may_replace():
                    _save(self._state(), self.path)

    def found(self):
        """Inspect the file.

        Returns:
            The number of finished epochs of this run, or 0 without a file; and why the file is
            not from this run, or an empty string.
        """
        try:
            state, difference = self._read("settings", "history")
        except KerasXorError as error:
            return 0, str(error)
        return _epochs_done(state) if state and not difference else 0, difference

    def restore(self, model, epochs):
        """Restore `model`, the history and the recorder from the file.

        Args:
            model: The `keras.Model` to train, built and compiled like the interrupted one.
            epochs: Total number of epochs, as in the recipe.

        Returns:
            The number of finished epochs, to be passed to `train` as `initial_epoch`; 0 without
            a file.

        Raises:
            KerasXorError: the file is not a checkpoint of such a model, has other settings, or
                has more than `epochs` epochs.
        """
        state, difference = self._read(*_GROUPS)
        if difference:
            raise KerasXorError(
                f"cannot resume because {difference}: use the same, or start over without --resume"
            )
        if not state:
            return 0
        epochs_done = _epochs_done(state)
        if epochs_done > epochs:
            raise KerasXorError(
                f"cannot resume because {epochs_done} epochs are done, more than {epochs}: "
                f"set epochs to at least {epochs_done}, or start over without --resume"
            )
        try:
            self._set_state(state, model)
        except Exception as error:  # An invalid file may fail anywhere.
            raise self._damaged() from error
        return epochs_done

    def delete(self):
        """Delete the file of a finished and saved run, unless the file is ahead of it."""
        if self._may_replace():
            with contextlib.suppress(OSError):  # It stays as that of a finished run.
                self.path.unlink(missing_ok=True)

    def _read(self, *groups):
        """Read groups of the state, if there is a file, and how its settings differ."""
        if not self.path.exists():
            return {}, ""
        with opening(self.path, "checkpoint") as file:
            try:
                state = _load(file, groups)
                difference = ", and ".join(
                    f"{name} was {state['settings'][name]}, not {value}"
                    for name, value in self._settings.items()
                    if state["settings"][name] != value
                )
                _epochs_done(state)
            except Exception as error:  # An invalid file may fail anywhere.
                raise self._damaged() from error
        return state, difference

    def _damaged(self):
        return KerasXorError(
            f"{self.path} is not a checkpoint, or damaged: start over without --resume"
        )

    def _may_replace(self):
        epochs_there, difference = self.found()
        epochs_done = max(map(len, self.history.values()), default=0)
        return not difference and epochs_there <= epochs_done

    def _state(self):
        return {
            "settings": self._settings,
            "history": self.history,
            "variables": dict(enumerate(_variables(self.model))),
            "record": dict(enumerate(self._recorder.weights if self._recorder else [])),
        }

    def _set_state(self, state, model):
        self.history = {name: values.tolist() for name, values in state["history"].items()}
        for variable, value in zip(_variables(model), state["variables"].values(), strict=True):
            variable.assign(value)
        if self._recorder:
            record = [*state["record"].values()]
            shapes = [(1 + _epochs_done(state), *w.shape) for w in model.get_weights()]
            if [weight.shape for weight in record] != shapes:
                raise ValueError("not a record of this model")
            self._recorder.weights = record


def _epochs_done(state):
    history = state["history"]
    (epochs,) = history["loss"].shape
    if any(values.shape != (epochs,) or values.dtype.kind != "f" for values in history.values()):
        raise ValueError("the columns of the history differ in length, or are not numbers")
    return epochs


def _variables(model):
    build_optimizer(model)
    return [*model.variables, *model.optimizer.variables]


def _save(state, path):
    arrays = {
        f"{group}/{name}": array for group, items in state.items() for name, array in items.items()
    }
    with replacing(path) as new:
        write_arrays(new, arrays)


def _load(file, groups):
    def wanted(key):
        group = key.split("/")[0]
        if group not in _GROUPS:
            raise ValueError("it contains something else")
        return group in groups

    state = {group: {} for group in groups}
    for key, array in read_arrays(file, wanted).items():
        group, name = key.split("/", maxsplit=1)
        state[group][name] = array
    return state
