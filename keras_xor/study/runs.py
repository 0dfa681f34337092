"""Train a network with many seeds at once, to see whether a result was luck."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import math
import os
import queue
import threading

import keras
import numpy as np
import tensorflow as tf

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.data import (
    TRUTH_TABLE,
    point_counts,
    random_source,
    random_words,
    steps_per_stack,
    words_per_batch,
)
from keras_xor.model import build_model
from keras_xor.recipe import GUIDE, check_recipe
from keras_xor.runtime import held_interrupts
from keras_xor.study.network import check_network
from keras_xor.study.program import STEPS, program_of
from keras_xor.study.summary import POINTS
from keras_xor.study.trial import check_training

_LARGE_STUDY = 16  # Groups, from which on they grow
_GROUP = 256, 512  # Runs in a group, at least and at most: more are faster, but for fewer cores
_MOST_NUMBERS = 2**22  # Weights and activations of a group, or random words drawn at once


def seed_study(recipe=GUIDE, seeds=checks.SEEDS, seed=0, model=None, verbose=0):
    """Train the network of a recipe, or a model, with many seeds, on all cores.

    Each run of a recipe gives the same result as `build_model` and `train` with its seed, up to
    float32 rounding. A run of a model starts from weights drawn by the initializers of its layers;
    the k-th that takes a seed gets the k-th word of `numpy.random.SeedSequence` of the run's seed.

    Args:
        recipe: A `Recipe`. Defaults to the guide's.
        seeds: Number of runs, 1 to 10**6. Defaults to 1000.
        seed: Whole number of at least 0 that determines the seeds of the runs.
            Defaults to 0.
        model: A compiled `keras.Model` to study in place of the recipe's network; of the recipe,
            only `epochs`, `steps_per_epoch` and `batch_size` are used then. It is functional with
            the inputs x1 and x2, or functional or Sequential with one input of shape (None, 2),
            and has one output. It is not changed. A change of it between studies counts if its
            layers' `get_config` shows it; otherwise, compile it again. Defaults to `None`.
        verbose: 1 for a progress bar with the time left, which counts the steps of all
            runs. Defaults to 0, silent.

    Returns:
        A list with one dict of Python numbers per run: "seed"; "y_00", "y_01", "y_10" and
        "y_11", the probability at each point; "loss", the mean over the last epoch;
        "steps_to_learn", the step, counted from 1, after which all four points stay
        correctly classified, or `None` if they are not at the end. Where `train` would say
        that a run diverged, the probabilities are nan, and the loss is the one it would show. If
        the loss of `model` is `from_logits`, the probabilities are sigmoids of its outputs.

    Raises:
        KerasXorError: an argument is out of range; the model or its optimizer is one that a
            study cannot train, such as one with BatchNormalization, Dropout, clipnorm or Muon; or
            Keras raises an error.
    """
    check_recipe(recipe)
    seeds = checks.seeds(seeds, "seeds")
    seed = checks.seed(seed, "seed")
    if model is None:
        model = _model_of(_of_same_program(recipe))
        return _study(recipe, model, seeds, seed, verbose, recipe.learning_rate)
    with _one_line_errors():
        check_network(model)
        check_training(model)
        return _study(recipe, model, seeds, seed, verbose)


def _study(recipe, model, seeds, seed, verbose, learning_rate=None):
    run_seeds = np.random.SeedSequence(seed).generate_state(seeds, np.uint64).tolist()
    size = _group_size(seeds, model, recipe.batch_size)
    program = program_of(model, size)
    groups = [run_seeds[first : first + size] for first in range(0, seeds, size)]
    bar = keras.utils.Progbar(seeds * _steps(recipe), verbose=verbose)
    tasks = [functools.partial(_rows, program, recipe, learning_rate, group) for group in groups]
    return [row for rows in _on_all_cores(tasks, bar.add) for row in rows]


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
            f"a study cannot train this model: see whether its own fit can. {kind}: {error}"
        ) from error


@functools.lru_cache(maxsize=32)
def _model_of(recipe):
    return build_model(recipe)


def _of_same_program(recipe):
    """`recipe` without what the program takes as values."""
    values = ("learning_rate", "batch_size", "steps_per_epoch", "epochs")
    return dataclasses.replace(recipe, **{name: getattr(GUIDE, name) for name in values})


def _steps(recipe):
    return recipe.epochs * recipe.steps_per_epoch


def _group_size(seeds, model, batch_size):
    """Runs in a group: as many in each, whatever the number of cores."""
    numbers_per_run = max(4 * model.count_params(), words_per_batch(batch_size))
    size = min(max(seeds // _LARGE_STUDY, _GROUP[0]), _GROUP[1], _MOST_NUMBERS // numbers_per_run)
    groups = math.ceil(seeds / max(1, size))
    return math.ceil(seeds / groups)


def _on_all_cores(tasks, report):
    """The results of `tasks`, in order, done in a thread per core.

    Args:
        tasks: Functions of `report` and `stopped`: what to call with the progress made, in any
            thread, and a `threading.Event` that tells them to return early.
        report: What to call with the progress made, in this thread.
    """
    device = tf.zeros(()).device  # Threads do not inherit it.
    progress, stopped = queue.SimpleQueue(), threading.Event()

    def done(task):
        with tf.device(device):
            return task(progress.put, stopped)

    with held_interrupts() as raise_held, concurrent.futures.ThreadPoolExecutor(_cores()) as pool:
        futures = [pool.submit(done, task) for task in tasks]
        try:
            unfinished = set(futures)
            while unfinished:
                finished, unfinished = concurrent.futures.wait(unfinished, timeout=0.1)
                while not progress.empty():
                    report(progress.get())
                raise_held()
                for future in finished:
                    future.result()
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _rows(program, recipe, learning_rate, seeds, report, stopped):
    """Train a group of runs."""
    padded = seeds + seeds[:1] * (program.runs - len(seeds))
    state = program.start(padded, learning_rate)
    sources = [random_source(seed) for seed in padded]
    batch_size = recipe.batch_size
    numbers = (
        batch_size,
        recipe.steps_per_epoch,
        steps_per_stack(recipe.steps_per_epoch, batch_size),
    )
    at_once = max(1, min(STEPS, _MOST_NUMBERS // (program.runs * words_per_batch(batch_size))))
    counts = np.zeros((len(TRUTH_TABLE[0]), program.runs, STEPS), np.int32)
    for first in range(0, _steps(recipe), at_once):
        if stopped.is_set():
            return []
        steps = min(at_once, _steps(recipe) - first)
        words = np.stack([random_words(source, steps, batch_size) for source in sources])
        counts[:, :, :steps] = point_counts(words, batch_size)
        state, answers = program.train(state, tf.constant(counts), *map(_int64, (steps, *numbers)))
        report(steps * len(seeds))
    return _rows_of(state, answers, seeds)


def _int64(number):
    return tf.constant(number, tf.int64)


def _rows_of(state, answers, seeds):
    answers = np.where(state.diverged[:, None], np.nan, answers)
    learned = np.all((answers > 0.5) == np.not_equal(*TRUTH_TABLE), axis=1)
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
