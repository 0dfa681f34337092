"""One training after the other, of programs that are compiled once."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import threading

import numpy as np

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE, are_right
from keras_xor.files import Recorder
from keras_xor.model import build_model, reset
from keras_xor.playground.layers import outputs_of_layers
from keras_xor.recipe import GUIDE, Recipe, check_recipe
from keras_xor.training import train

_MOST_COMPILED = 32  # TensorFlow keeps some 5 MiB of each.
_MOST_EPOCHS = 1_000
_MOST_SECONDS = 15
_SECONDS_OF_AN_EPOCH = 5e-3  # In addition to its steps
_MOST_WEIGHTS = 2**24  # Of all epochs: 64 MiB

_compiled = collections.OrderedDict()  # Lists of models that nobody trains, by their program
_TURNS = threading.Lock()


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A finished training, from its first weights to its last.

    Attributes:
        recipe: Its `Recipe`.
        seed: Its seed.
        history: Dict with a list of a float per epoch, "loss" and "accuracy".
        weights: Like `Recorder.weights`: a list with one float32 array per weight of the model,
            each of shape `(1 + epochs done, *shape)`.
        diverged: Whether it diverged, and ended early. Weights may be nan then.
    """

    recipe: Recipe
    seed: int
    history: dict = dataclasses.field(repr=False)
    weights: list = dataclasses.field(repr=False)
    diverged: bool

    @functools.cached_property
    def probabilities(self):
        """The probabilities at the points of the truth table, of shape `(1 + epochs done, 4)`."""
        return outputs_of_layers(self.recipe, self.weights, np.transpose(TRUTH_TABLE))[-1][..., 0]

    @functools.cached_property
    def right(self):
        """Whether each of them is right, of the same shape."""
        return are_right(self.probabilities)

    @property
    def steps_to_learn(self):
        """The step, at the end of an epoch, from which all points stay right, or `None`."""
        right = self.right.all(axis=1)
        if self.diverged or not right[-1]:
            return None
        wrong = np.flatnonzero(~right)
        return int(wrong[-1] + 1 if wrong.size else 0) * self.recipe.steps_per_epoch

    def model(self):
        """A new `keras.Model` as after the training, but with an untrained optimizer."""
        model = build_model(self.recipe, self.seed)
        model.set_weights([weight[-1] for weight in self.weights])
        return model


def train_run(recipe=GUIDE, seed=0):
    """Train the network of a recipe as `build_model` and `train` do, and keep each epoch.

    The model is compiled once for all learning rates, epochs and seeds, so the next run takes a
    tenth of a second. Several threads may call this at once.

    Args:
        recipe: A `Recipe`, which `check_length` accepts. Defaults to the guide's.
        seed: Whole number of at least 0 that determines the initial kernels and the batches.
            Defaults to 0.

    Returns:
        A `Run`, also if the training diverged.

    Raises:
        KerasXorError: an argument is out of range.
    """
    check_recipe(recipe)
    seed = checks.seed(seed, "seed")
    check_length(recipe)
    recorder, diverged = Recorder(), False
    with _model_of(recipe, seed) as model:
        try:
            train(model, recipe, seed, callbacks=[recorder])
        except KerasXorError:
            if not recorder.weights:  # It did not start.
                raise
            diverged = True
        return Run(recipe, seed, model.history.history, recorder.weights, diverged)


def is_compiled(recipe):
    """Whether there is a compiled model that `train_run` can use at once for a recipe."""
    return bool(_compiled.get(_program(recipe)))


@contextlib.contextmanager
def _model_of(recipe, seed):
    """A model as from `build_model`, whose program may be compiled already."""
    with _TURNS:
        models = _compiled.setdefault(_program(recipe), [])
        _compiled.move_to_end(_program(recipe))
        if len(_compiled) > _MOST_COMPILED:
            _compiled.popitem(last=False)
        model = models.pop() if models else None
    if model:
        reset(model, recipe, seed)
    else:
        model = build_model(recipe, seed)
    yield model
    models.append(model)


def _program(recipe):
    """`recipe` without what its program does not depend on."""
    return dataclasses.replace(recipe, learning_rate=GUIDE.learning_rate, epochs=GUIDE.epochs)


def check_length(recipe):
    """Raise `KerasXorError` if a page would have to wait for a recipe, or to keep too much.

    Args:
        recipe: A `Recipe`. It may have 1,000 epochs, train for some 15 seconds, and have 2**24
            weights in all epochs.
    """
    if recipe.epochs > _MOST_EPOCHS:
        raise KerasXorError(
            f"the page trains at most {_MOST_EPOCHS} epochs, not {recipe.epochs}: use train.py"
        )
    of_an_epoch = _SECONDS_OF_AN_EPOCH + recipe.steps_per_epoch * _seconds_of_a_step(recipe)
    if (
        recipe.epochs * of_an_epoch > _MOST_SECONDS
        or recipe.epochs * weights_of(recipe) > _MOST_WEIGHTS
    ):
        raise KerasXorError(
            "this is too much for the page: use train.py, or fewer epochs, steps, examples in a "
            "batch or hidden units"
        )


def _seconds_of_a_step(recipe):
    """A rough upper bound, fitted to measurements on two cores."""
    kernels = [*itertools.pairwise([2, *recipe.hidden_units, 1])]
    of_a_kernel = 4e-6 if recipe.optimizer == "sgd" else 16e-6
    seconds = of_a_kernel * len(kernels) + 4e-10 * recipe.batch_size * weights_of(recipe)
    if recipe.optimizer == "muon":  # It multiplies matrices of each kernel.
        seconds += sum(5e-10 * a * b * min(a, b) for a, b in kernels)
    return seconds


def weights_of(recipe):
    """The number of weights and biases of the network of a recipe."""
    units = [2, *recipe.hidden_units, 1]
    return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(units))
