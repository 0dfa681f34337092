"""Train a recipe and keep the run: its history, and the weights of its epochs."""

import contextlib
import dataclasses
import functools
from pathlib import Path

import keras
import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.files import Throttle, check_writable
from keras_xor.model import build_model, build_optimizer, clone, kernel_initializers
from keras_xor.recipe import GUIDE, takes_recipe
from keras_xor.run import Run
from keras_xor.training import DivergedError, train

_MOST_EPOCHS = 1_000  # With their weights
_MOST_WEIGHTS = 2**24  # Of all epochs: 64 MiB


@takes_recipe
def train_run(recipe=GUIDE, seed=0, file=None, resume=False, callbacks=(), verbose=0):
    """Train the network of a recipe as `build_model` and `train` do, and keep its epochs.

    The model is compiled once for all learning rates, epochs, labels and seeds, so the next run
    takes a tenth of a second. Several threads may call this at once.

    Args:
        recipe: A `Recipe`. Defaults to the guide's.
        seed: Whole number of at least 0 that determines the initial kernels and the batches.
            Defaults to 0.
        file: Name of a .npz file to keep the run in. It is written at the end, on the way at the
            ends of epochs, at most every five seconds, and at Ctrl-C, unless it still has another
            run. Defaults to `None`.
        resume: Whether to continue the run in `file`, if there is one, to the same bits as
            without a break. It may have more epochs now. Defaults to False.
        callbacks: See `train`. What they do to the weights at the end of training is not kept.
        verbose: See `train`.

    Returns:
        A `Run`, also if the training diverged. `file` is then left as it was, or removed if this
        run was in it.

    Raises:
        KerasXorError: `file` cannot be written; or it is to be resumed, but has another run, or
            none.
    """
    run = _started(recipe, seed, file, resume)
    with _model_of(recipe, seed, reuse=not callbacks) as model:
        if run:
            run.restore(model)
        recorder = _Recorder(recipe, seed, file, run)
        try:
            train(
                model,
                recipe,
                seed,
                callbacks=[recorder, *(callbacks or ())],
                verbose=verbose,
                initial_epoch=run.epochs_done if run else 0,
            )
        except DivergedError:
            pass  # The run tells it.
        except KeyboardInterrupt:
            recorder.save_interrupted()
            raise
        return recorder.finish()


def unfinished_run(file):
    """The run in a file if it has fewer epochs than its recipe, or else `None`."""
    try:
        run = Run.load(file)
    except KerasXorError:  # There is none, and what else is there may be replaced.
        return None
    return run if run.epochs_done < run.recipe.epochs else None


def is_compiled(recipe):
    """Whether there is a compiled model that `train_run` can use at once for a recipe."""
    return bool(_idle_models(_program_key(recipe)))


def _started(recipe, seed, file, resume):
    """The run in `file` that is to be continued, if there is one."""
    if file is None:
        return None
    check_writable(file)
    if not (resume and Path(file).exists()):
        return None
    run = Run.load(file)
    earlier = run.recipe.settings() | {"seed": f"{run.seed}"}
    now = recipe.settings() | {"seed": f"{seed}"}
    differences = [
        f"{name} {earlier[name]}, not {now[name]}"
        for name in now
        if name != "epochs" and earlier[name] != now[name]
    ]
    if differences:
        raise KerasXorError(
            f"the run in {file} has {' and '.join(differences)}: use the same to continue it"
        )
    if run.epochs_done > recipe.epochs:
        raise KerasXorError(
            f"the run in {file} has {run.epochs_done} epochs already, more than {recipe.epochs}"
        )
    return dataclasses.replace(run, recipe=recipe)


class _Recorder(keras.callbacks.Callback):
    """Keeps the weights of evenly spaced epochs, and saves the run every few seconds.

    These epochs are the multiples of a power of two, so a resumed run keeps the same ones.
    """

    def __init__(self, recipe, seed, file, run):
        super().__init__()
        self._recipe, self._seed, self._file = recipe, seed, file
        self._most = max(1, min(_MOST_EPOCHS, _MOST_WEIGHTS // recipe.parameters))
        self._every = 1
        self._history = run.history if run else {}
        self._weights = {}
        if run:
            self._weights = dict(
                zip(run.epochs.tolist(), zip(*run.weights, strict=True), strict=True)
            )
        self._optimizer_variables = run.optimizer_variables if run else []
        self._in_file = False
        self._throttle = Throttle()

    def on_train_begin(self, logs=None):
        if not self._weights:
            self._weights[0] = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        while (epoch + 1) // self._every > self._most:
            self._every *= 2
        kept = {n: weights for n, weights in self._weights.items() if n % self._every == 0}
        self._weights = kept | {epoch + 1: self.model.get_weights()}
        self._optimizer_variables = [np.array(v) for v in self.model.optimizer.variables]
        if self._file and not self.model.stop_training:
            self._throttle(self._save)

    def _save(self):
        self._run(self._recipe).save(self._file)
        self._in_file = True

    def _run(self, recipe):
        return Run(
            recipe=recipe,
            seed=self._seed,
            history={name: [*values] for name, values in self._history.items()},
            epochs=np.array([*self._weights]),
            weights=[np.stack(weight) for weight in zip(*self._weights.values(), strict=True)],
            optimizer_variables=self._optimizer_variables,
        )

    def save_interrupted(self):
        """Save the epochs that are done, unless the file has another run."""
        if self._file and self._history and (self._in_file or not Path(self._file).exists()):
            self._save()

    def finish(self):
        """The run after its training, which is saved unless it diverged."""
        run = self._run(self._recipe)
        if run.diverged:
            if self._in_file:
                Path(self._file).unlink()
            return run
        # A callback may have stopped it early.
        run = self._run(dataclasses.replace(self._recipe, epochs=run.epochs_done))
        if self._file:
            run.save(self._file)
        return run


@contextlib.contextmanager
def _model_of(recipe, seed, reuse):
    """A model as from `build_model`, whose program may be compiled already."""
    idle = _idle_models(_program_key(recipe))
    try:
        model = idle.pop()
    except IndexError:
        model = build_model(recipe)
    _reset(model, recipe, seed)
    yield model
    if reuse:
        idle.append(model)


@functools.lru_cache(maxsize=32)  # TensorFlow keeps some 5 MiB of each.
def _idle_models(program_key):
    return []


def _program_key(recipe):
    """`recipe` without what its program does not depend on."""
    values = ("learning_rate", "epochs", "labels")
    return dataclasses.replace(recipe, **{name: getattr(GUIDE, name) for name in values})


def _reset(model, recipe, seed):
    """Give a compiled model the weights and the optimizer of `build_model(recipe, seed)`."""
    layers = [layer for layer in model.layers if layer.weights]
    for layer, initializer in zip(layers, kernel_initializers(recipe, seed), strict=True):
        layer.kernel.assign(initializer(layer.kernel.shape))
        layer.bias.assign(np.zeros(layer.bias.shape))
    build_optimizer(model)
    new = clone(model.optimizer, learning_rate=recipe.learning_rate)
    new.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, new.variables, strict=True):
        variable.assign(value)
