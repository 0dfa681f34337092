"""Training that survives being killed: all that it needs to go on, in one file."""

import contextlib
import time
from pathlib import Path

import keras

from keras_xor.checks import KerasXorError
from keras_xor.files.arrays import read_arrays, write_arrays
from keras_xor.files.reading import opening
from keras_xor.files.writing import replacing

SECONDS = 5.0  # Between one checkpoint and the next, at least.
SHARE = 0.04  # Of the time, at most, that checkpoints take.
_GROUPS = ("settings", "history", "variables", "record")


class Checkpoint(keras.callbacks.History):
    """A `History` that is kept on disk at the ends of epochs, with the state of the model.

    What `keras.callbacks.BackupAndRestore` keeps is in two files, of which a kill may leave
    one old and one new, and lacks the history. This is one file, replaced as a whole. What is
    there already is replaced or deleted only if it is of the same run, and not ahead of this one.

    Args:
        path: Name of the file.
        settings: What a run must have in common with the one it resumes: a dict of
            numbers by the names that an error gives them.
        recorder: A `Recorder` to keep as well; it comes first in the
            list of callbacks. Defaults to `None`.
    """

    def __init__(self, path, settings, recorder=None):
        super().__init__()
        self.path, self._recorder = Path(path), recorder
        self._settings = {name: str(value) for name, value in settings.items()}
        self._due = time.monotonic() + SECONDS

    def on_epoch_end(self, epoch, logs=None):
        if self.history and self.history.keys() != (logs or {}).keys():
            raise KerasXorError(
                f"{self.path} is of other metrics than this run: start anew without --resume"
            )
        super().on_epoch_end(epoch, logs)
        start = time.monotonic()
        if start >= self._due and not self.model.stop_training:
            if self._may_replace():
                _save(self._state(), self.path)
            end = time.monotonic()
            self._due = end + max(SECONDS, (end - start) / SHARE)

    def found(self):
        """What is in the file.

        Returns:
            The number of epochs of this run that are done, which is 0 where there is no file;
            and why the file is not of this run, which is empty if it is, or there is none.
        """
        try:
            state, difference = self._read("settings", "history")
        except KerasXorError as error:
            return 0, str(error)
        return _epochs_done(state) if state and not difference else 0, difference

    def restore(self, model, epochs):
        """Bring `model`, the history and the recorder to where the file left them.

        Args:
            model: The `keras.Model` to train, built and compiled as the interrupted one.
            epochs: Those to train in all, as for `train`.

        Returns:
            The number of epochs done, which is `initial_epoch` for `train`; 0 where there
            is no file.

        Raises:
            KerasXorError: the file is not a checkpoint of such a model, or one of other
                settings or of more than `epochs`.
        """
        state, difference = self._read(*_GROUPS)
        if difference:
            raise KerasXorError(
                f"cannot resume, since {difference}: give the same, or start anew without --resume"
            )
        if not state:
            return 0
        epochs_done = _epochs_done(state)
        if epochs_done > epochs:
            raise KerasXorError(
                f"cannot resume, since {epochs_done} epochs are done, more than {epochs}: "
                "ask for as many, or start anew without --resume"
            )
        try:
            self._set_state(state, model)
        except Exception as error:  # A file that is something else may fail anywhere.
            raise self._damaged() from error
        return epochs_done

    def delete(self):
        """Remove the file, when the run is done and its model saved, unless it has more."""
        if self._may_replace():
            with contextlib.suppress(OSError):  # It stays, as one of a run that is done.
                self.path.unlink(missing_ok=True)

    def _read(self, *groups):
        """Groups of the state in the file, if there is one; and how its settings differ."""
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
            except Exception as error:  # A file that is something else may fail anywhere.
                raise self._damaged() from error
        return state, difference

    def _damaged(self):
        return KerasXorError(
            f"{self.path} is not a checkpoint, or damaged: start anew without --resume"
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
        raise ValueError("the columns of the history differ, or are no numbers")
    return epochs


def _variables(model):
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
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
            raise ValueError("it holds something else")
        return group in groups

    state = {group: {} for group in groups}
    for key, array in read_arrays(file, wanted).items():
        group, name = key.split("/", maxsplit=1)
        state[group][name] = array
    return state
