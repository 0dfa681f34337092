"""Train a recipe and keep the run: its history, and the weights of its epochs."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xor.compiled import build_optimizer
from keras_xor.files import Throttle, check_writable
from keras_xor.model import build_model, clone, make_initializers
from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.run import Run
from keras_xor.training import DivergedError, train
from keras_xor.values import KerasXorError

_MOST_EPOCHS = 1_000  # With their weights
_MOST_WEIGHTS = 2**24  # Of all epochs: 64 MiB


def train_run(
    recipe: Recipe = DEFAULT,
    seed: int = 0,
    file: str | Path | None = None,
    *,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
    save_every: float = 5.0,
) -> Run:
    """Train the network of a recipe as `build_model` and `train` do, and keep its epochs.

    The program is compiled once for all learning rates, epochs, labels and seeds. Several threads
    may call this at once.

    Args:
        recipe: What to train.
        seed: Determines the initial kernels and the batches.
        file: A .npz file to keep the run in. It is written at the end, at Ctrl-C, and at the ends
            of epochs, but not more often than `save_every` says.
        resume: Whether to continue the run in `file`, if there is one, to the same bits as without
            a break. The recipe may have more epochs now.
        callbacks: See `train`. What they do to the weights at the end of training is not kept.
        verbose: See `train`.
        save_every: Seconds between two saves of the file, or more if a save takes long; 0 saves
            at the end of every epoch.

    Returns:
        The run, also if it diverged. Then `file` is left as it was, or removed if it has this run.

    Raises:
        KerasXorError: `file` cannot be written; or it is to be resumed, but has another run.
    """
    run = _load_started(recipe, seed, file, resume)
    with _borrow_model(recipe, seed, reuse=not callbacks) as model:
        if run:
            run.restore(model)
        recorder = _Recorder(recipe, seed, file, run, save_every)
        with contextlib.suppress(DivergedError):  # The run has it.
            try:
                train(
                    model,
                    recipe,
                    seed,
                    callbacks=[recorder, *callbacks],
                    verbose=verbose,
                    initial_epoch=run.epochs_done if run else 0,
                )
            except KeyboardInterrupt:
                recorder.save_interrupted()
                raise
        return recorder.finish()


def find_unfinished(file: str | Path) -> Run | None:
    """The run in a file if it has fewer epochs than its recipe."""
    try:
        run = Run.load(file)
    except KerasXorError:  # There is none, and what else is there may be replaced.
        return None
    return run if run.epochs_done < run.recipe.epochs else None


def has_program(recipe: Recipe) -> bool:
    """Whether `train_run` can train a recipe without compiling it."""
    return bool(_list_idle_models(_simplify(recipe)))


def _load_started(recipe: Recipe, seed: int, file: str | Path | None, resume: bool) -> Run | None:
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

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        file: str | Path | None,
        run: Run | None,
        save_every: float,
    ) -> None:
        super().__init__()
        self._recipe, self._seed = recipe, seed
        self._file: Any = file
        self._most = max(1, min(_MOST_EPOCHS, _MOST_WEIGHTS // recipe.parameters))
        self._every = 1
        self._history: dict[str, list[float]] = run.history if run else {}
        kept = zip(run.epochs.tolist(), zip(*run.weights, strict=True), strict=True) if run else ()
        self._weights = dict(kept)
        self._optimizer_variables = run.optimizer_variables if run else []
        self._in_file, self._resumed = False, run is not None
        self._throttle = Throttle(save_every)

    def on_train_begin(self, logs: Any = None) -> None:
        if not self._weights:
            self._weights[0] = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        while (epoch + 1) // self._every > self._most:
            self._every *= 2
        kept = {n: weights for n, weights in self._weights.items() if n % self._every == 0}
        self._weights = kept | {epoch + 1: self.model.get_weights()}
        self._optimizer_variables = [np.array(v) for v in self.model.optimizer.variables]
        if self._file and not self.model.stop_training:
            self._throttle(self._save)

    def _save(self) -> None:
        self._make_run(self._recipe).save(self._file)
        self._in_file = True

    def _make_run(self, recipe: Recipe) -> Run:
        return Run(
            recipe=recipe,
            seed=self._seed,
            history={name: [*values] for name, values in self._history.items()},
            epochs=np.array([*self._weights]),
            weights=[np.stack(weight) for weight in zip(*self._weights.values(), strict=True)],
            optimizer_variables=self._optimizer_variables,
        )

    def save_interrupted(self) -> None:
        """Save the epochs that are done, unless the file has another run."""
        if not (self._file and self._history):
            return
        if self._in_file or self._resumed or not Path(self._file).exists():
            self._save()

    def finish(self) -> Run:
        """The run after its training, which is saved unless it diverged."""
        run = self._make_run(self._recipe)
        if run.diverged:
            if self._in_file:
                Path(self._file).unlink()
            return run
        # A callback may have stopped it early.
        run = self._make_run(dataclasses.replace(self._recipe, epochs=run.epochs_done))
        if self._file:
            run.save(self._file)
        return run


@contextlib.contextmanager
def _borrow_model(recipe: Recipe, seed: int, reuse: bool) -> Iterator[keras.Model]:
    """A model as from `build_model`, whose program may be compiled already."""
    idle = _list_idle_models(_simplify(recipe))
    try:
        model = idle.pop()
    except IndexError:
        model = build_model(recipe)
    _reset(model, recipe, seed)
    yield model
    if reuse:
        idle.append(model)


@functools.lru_cache(maxsize=32)  # TensorFlow keeps some 5 MiB of each.
def _list_idle_models(simple_recipe: Recipe) -> list[keras.Model]:
    return []


def _simplify(recipe: Recipe) -> Recipe:
    """A recipe without what its program does not depend on."""
    names = "learning_rate", "epochs", "labels"
    return dataclasses.replace(recipe, **{name: getattr(DEFAULT, name) for name in names})


def _reset(model: keras.Model, recipe: Recipe, seed: int) -> None:
    """Give a compiled model the weights and the optimizer of `build_model(recipe, seed)`."""
    layers = [layer for layer in model.layers if layer.weights]
    for layer, initializer in zip(layers, make_initializers(recipe, seed), strict=True):
        layer.kernel.assign(initializer(layer.kernel.shape))
        layer.bias.assign(np.zeros(layer.bias.shape))
    build_optimizer(model)
    new = clone(model.optimizer, learning_rate=recipe.learning_rate)
    new.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, new.variables, strict=True):
        variable.assign(value)
