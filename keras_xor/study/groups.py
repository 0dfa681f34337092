"""Train a group of the runs of a study."""

import contextlib
import dataclasses
import functools
import math
import threading
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.data import (
    TRUTH_TABLE,
    are_right,
    point_counts,
    random_source,
    random_words,
    steps_per_stack,
    words_per_batch,
)
from keras_xor.model import build_model, kept_with_model
from keras_xor.recipe import GUIDE, Recipe
from keras_xor.study.network import configuration
from keras_xor.study.optimizer import check_optimizer, check_settings
from keras_xor.study.program import STEPS, program_of
from keras_xor.study.summary import POINTS
from keras_xor.study.trial import check_training

_LARGE_STUDY = 16  # Groups, from which on they grow
_GROUP = 256, 512  # About how many runs are in a group: more are faster, but for fewer cores
_MOST_NUMBERS = 2**22  # Weights and activations of a group, or random words drawn at once
_MOST_WORK = 2**26  # Weights of a group, times the steps that it trains at once

_ONE_AT_A_TIME = threading.Lock()


class Group(NamedTuple):
    """Runs that one program trains at a time.

    Attributes:
        cell: The number of the recipe or model in the sweep.
        recipe: Their `Recipe`.
        model: A compiled `keras.Model` in place of the recipe's network, or `None`.
        seeds: List of their seeds.
        runs: How many runs the program trains. A smaller last group is padded.
    """

    cell: int
    recipe: Recipe
    model: keras.Model | None
    seeds: list
    runs: int

    @property
    def steps(self):
        """The steps of each run."""
        return self.recipe.steps

    @property
    def steps_of_all(self):
        """The steps of all runs together."""
        return self.steps * len(self.seeds)


def groups_of(cells, seeds):
    """Cut the runs of a sweep into groups, in the same way for any number of cores.

    Args:
        cells: List of pairs of a `Recipe` and a model or `None`.
        seeds: List of the seeds of each of them.
    """
    groups = []
    for cell, (recipe, model) in enumerate(cells):
        size = _group_size(
            len(seeds), (model.count_params() if model else recipe.parameters), recipe.batch_size
        )
        for first in range(0, len(seeds), size):
            groups.append(Group(cell, recipe, model, seeds[first : first + size], size))
    return groups


def _group_size(seeds, parameters, batch_size):
    numbers_per_run = max(4 * parameters, words_per_batch(batch_size))
    size = min(max(seeds // _LARGE_STUDY, _GROUP[0]), _GROUP[1], _MOST_NUMBERS // numbers_per_run)
    groups = math.ceil(seeds / max(1, size))
    return math.ceil(seeds / groups)


def check_cell(recipe, model, report, stopped):
    """Raise `KerasXorError` unless a study can train the network of `recipe`, or `model`."""
    with _ONE_AT_A_TIME:
        if stopped.is_set():
            return
        if model is None:
            _check_optimizer(_of_same_program(recipe))
        else:
            with _one_line_errors():
                check_settings(model.optimizer)
                kept_with_model(model, ("checks", configuration(model)), lambda: _check(model))


@functools.lru_cache(maxsize=32)
def _check_optimizer(recipe):
    model = _model_of(recipe)
    check_optimizer(model.optimizer, model.trainable_weights)


def _check(model):
    check_training(model)
    check_optimizer(model.optimizer, model.trainable_weights)


def train_group(group, report, stopped):
    """Train a group of runs.

    Args:
        group: The `Group`.
        report: What to call with the number of steps done in all runs, every now and then.
        stopped: A `threading.Event` that ends the training early.

    Returns:
        A list of one dict per run, as from `seed_study`; an empty one if it was stopped.
    """
    recipe, model = group.recipe, group.model
    if model is not None:
        with _one_line_errors():
            return _rows(group, model, {}, report, stopped)
    values = {"learning_rate": recipe.learning_rate, "momentum": recipe.momentum}
    with _ONE_AT_A_TIME:  # Threads would build the same model twice.
        model = _model_of(_of_same_program(recipe))
    return _rows(group, model, values, report, stopped)


@contextlib.contextmanager
def _one_line_errors():
    """Say in one line what Keras says of a model that a user made."""
    try:
        yield
    except KerasXorError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise KerasXorError(
            f"a study cannot train this model: change what Keras names, {kind}: {error}"
        ) from error


@functools.lru_cache(maxsize=32)
def _model_of(recipe):
    return build_model(recipe)


def _of_same_program(recipe):
    """`recipe` without what the program takes as values."""
    values = ("learning_rate", "batch_size", "steps_per_epoch", "epochs")
    return dataclasses.replace(
        recipe,
        **{name: getattr(GUIDE, name) for name in values},
        momentum=0.5 if recipe.momentum else 0.0,
    )


def _rows(group, model, values, report, stopped):
    recipe, runs = group.recipe, group.runs
    with _ONE_AT_A_TIME:  # TensorFlow would trace the same program twice.
        if stopped.is_set():
            return []
        program = program_of(model, runs)
        train = program.train
    padded = group.seeds + group.seeds[:1] * (runs - len(group.seeds))
    state = program.start(padded, values)
    sources = [random_source(seed) for seed in padded]
    batch_size = recipe.batch_size
    numbers = (
        batch_size,
        recipe.steps_per_epoch,
        steps_per_stack(recipe.steps_per_epoch, batch_size),
    )
    at_once = _steps_at_once(runs, model.count_params(), batch_size)
    counts = np.zeros((len(TRUTH_TABLE[0]), runs, STEPS), np.int32)
    for first in range(0, group.steps, at_once):
        if stopped.is_set():
            return []
        steps = min(at_once, group.steps - first)
        words = np.stack([random_words(source, steps, batch_size) for source in sources])
        counts[:, :, :steps] = point_counts(words, batch_size)
        state, answers = train(state, tf.constant(counts), *map(_int64, (steps, *numbers)))
        report(steps * len(group.seeds))
    return _rows_of(state, answers, group.seeds)


def _steps_at_once(runs, parameters, batch_size):
    """As many as take well under a second, in which Ctrl-C would wait."""
    drawn = _MOST_NUMBERS // (runs * words_per_batch(batch_size))
    trained = _MOST_WORK // (runs * parameters)
    return max(1, min(STEPS, drawn, trained))


def _int64(number):
    return tf.constant(number, tf.int64)


def _rows_of(state, answers, seeds):
    answers = np.where(state.diverged[:, None], np.nan, answers)
    learned = np.all(are_right(answers), axis=1)
    steps_to_learn = np.where(learned, state.last_wrong + 1, 0)
    columns = answers, state.loss.numpy(), steps_to_learn
    return [
        {
            "seed": seed,
            **dict(zip(POINTS, y, strict=True)),
            "loss": loss,
            "steps_to_learn": steps or None,
        }
        for seed, y, loss, steps in zip(
            seeds, *(column[: len(seeds)].tolist() for column in columns), strict=True
        )
    ]
