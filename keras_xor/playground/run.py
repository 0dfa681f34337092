"""One training after the other, of programs that are compiled once."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import threading

import keras
import numpy as np

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE
from keras_xor.files import Recorder
from keras_xor.model import build_model, rewind
from keras_xor.playground.layers import outputs_of_layers
from keras_xor.recipe import GUIDE, Recipe, check_recipe
from keras_xor.training import train

_MOST_COMPILED = 32  # TensorFlow keeps some 5 MiB of each.
_MOST_EPOCHS = 1_000
_MOST_WORK = 5e10  # Products, in some ten seconds

_compiled = collections.OrderedDict()  # Lists of models without a training, by their program
_TURNS = threading.Lock()


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A finished training, from its first weights to its last.

    Attributes:
        recipe: Its `Recipe`.
        seed: Its seed.
        history: The `keras.callbacks.History` of the epochs that were done.
        weights: Like `Recorder.weights`: a list with one float32 array per weight of the model,
            each of shape `(1 + epochs done, *shape)`.
        diverged: Whether it diverged, and ended early. Weights may be nan then.
    """

    recipe: Recipe
    seed: int
    history: keras.callbacks.History = dataclasses.field(repr=False)
    weights: list = dataclasses.field(repr=False)
    diverged: bool

    @functools.cached_property
    def probabilities(self):
        """The probabilities at the points of the truth table, of shape `(1 + epochs done, 4)`."""
        return outputs_of_layers(self.recipe, self.weights, np.transpose(TRUTH_TABLE))[-1][..., 0]

    @property
    def steps_to_learn(self):
        """The step, at the end of an epoch, from which all points stay right, or `None`."""
        right = np.all((self.probabilities > 0.5) == np.not_equal(*TRUTH_TABLE), axis=1)
        if self.diverged or not right[-1]:
            return None
        wrong = np.flatnonzero(~right)
        return int(wrong[-1] + 1 if wrong.size else 0) * self.recipe.steps_per_epoch

    def model(self):
        """A new `keras.Model`, as after the training, but with an untrained optimizer."""
        model = build_model(self.recipe, self.seed)
        model.set_weights([weight[-1] for weight in self.weights])
        return model


def play(recipe=GUIDE, seed=0):
    """Train the network of a recipe as `build_model` and `train` do, and keep each epoch.

    The model is compiled once for all rates, epochs and seeds, so the next run takes a tenth of a
    second. Threads may call this at once.

    Args:
        recipe: A `Recipe`, of at most 1,000 epochs and some ten seconds. Defaults to the guide's.
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
        return Run(recipe, seed, model.history, recorder.weights, diverged)


def is_compiled(recipe):
    """Whether `play` has compiled what it needs for a recipe."""
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
        rewind(model, recipe, seed)
    else:
        model = build_model(recipe, seed)
    yield model
    models.append(model)


def _program(recipe):
    """`recipe` without what its program does not depend on."""
    return dataclasses.replace(recipe, learning_rate=GUIDE.learning_rate, epochs=GUIDE.epochs)


def check_length(recipe):
    """Raise `KerasXorError` if a page would have to wait too long for a recipe."""
    if recipe.epochs > _MOST_EPOCHS:
        raise KerasXorError(
            f"the page trains at most {_MOST_EPOCHS} epochs, not {recipe.epochs}: use train.py"
        )
    units = [2, *recipe.hidden_units, 1]
    kernels = sum(a * b for a, b in itertools.pairwise(units))
    work = recipe.epochs * recipe.steps_per_epoch * max(50_000, recipe.batch_size * kernels)
    if work > _MOST_WORK:
        raise KerasXorError(
            "this would train for more than ten seconds: use train.py, or fewer epochs, steps, "
            "examples in a batch or hidden units"
        )
