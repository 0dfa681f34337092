"""Train a recipe with many seeds at once, to see whether a result was luck."""

import functools
import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_xor import checks
from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE, dataset_of, random_examples, steps_per_stack
from keras_xor.model import build_model, kernel_initializers
from keras_xor.recipe import GUIDE, check_recipe
from keras_xor.runtime import held_interrupts
from keras_xor.study.summary import POINTS

_MOST_NUMBERS = 2**23  # Activations per step, or weights, over all runs trained together.
_OF_WHOLE_KERNELS = ("adafactor", "muon")


def seed_study(recipe=GUIDE, seeds=checks.SEEDS, seed=0, verbose=0):
    """Train the network of a recipe with many seeds, in one XLA program.

    Each run gives the same result as `build_model` and `train` with its seed, up to float32
    rounding.

    Args:
        recipe: A `Recipe`. Defaults to the guide's.
        seeds: Number of runs, 1 to 10**6. Defaults to 1000.
        seed: Whole number of at least 0 that determines the seeds of the runs.
            Defaults to 0.
        verbose: 1 for a progress bar with the time left, which counts the steps of all
            runs. Defaults to 0, silent.

    Returns:
        A list with one dict of Python numbers per run: "seed"; "y_00", "y_01", "y_10" and
        "y_11", the probability at each point; "loss", the mean over the last epoch;
        "steps_to_learn", the step, counted from 1, after which all four points stay
        correctly classified, or `None` if they are not at the end.

    Raises:
        KerasXorError: an argument is out of range, or the optimizer is one that treats a kernel
            as a whole (adafactor, muon) and so cannot train the kernels of all runs as one.
    """
    check_recipe(recipe)
    if recipe.optimizer in _OF_WHOLE_KERNELS:
        raise KerasXorError(
            f"a study cannot use {recipe.optimizer}, which treats each kernel as a whole: "
            "use another optimizer, or train.py for a single run"
        )
    seeds = checks.seeds(seeds, "seeds")
    seed = checks.seed(seed, "seed")

    run_seeds = np.random.SeedSequence(seed).generate_state(seeds, np.uint64)
    numbers_per_run = max(
        recipe.batch_size * sum(recipe.hidden_units), build_model(recipe).count_params()
    )
    groups = np.array_split(
        run_seeds, min(seeds, math.ceil(seeds * numbers_per_run / _MOST_NUMBERS))
    )
    steps = recipe.epochs * recipe.steps_per_epoch
    bar = keras.utils.Progbar(seeds * steps, verbose=verbose)
    runs_of = functools.cache(lambda count: _Runs(recipe, count))
    rows = []
    with held_interrupts() as raise_held:
        for group in groups:
            group = group.tolist()
            runs = runs_of(len(group))
            state = runs.start(group)
            raise_held()
            for x, y in _stacked_batches(group, steps, recipe.batch_size).prefetch(1):
                state = runs.train(state, x, y)
                bar.add(len(y) * len(group))
                raise_held()
            rows += _rows(group, state, recipe)
    return rows


def _stacked_batches(seeds, steps, batch_size):
    """The first `steps` of `xor_batches` of each seed: shapes `(steps, seeds, batch_size, 1)`."""
    steps_at_once = steps_per_stack(steps, len(seeds) * batch_size)

    def stacks():
        rngs = [np.random.default_rng(seed) for seed in seeds]
        for step in range(0, steps, steps_at_once):
            shape = (min(steps_at_once, steps - step), batch_size, 1)
            runs = [random_examples(rng, shape) for rng in rngs]
            yield keras.tree.map_structure(lambda *arrays: np.stack(arrays, axis=1), *runs)

    return dataset_of(stacks, (None, len(seeds), batch_size, 1))


class _State(NamedTuple):
    """Progress of the runs: `steps` is common to all, the other fields have one entry per run."""

    steps: tf.Tensor
    losses: tf.Tensor  # The sum over the steps of this epoch
    answers: tf.Tensor  # At the four points
    last_wrong: tf.Tensor  # The last step after which an answer was wrong, counted from 1


class _Runs:
    """Runs of a recipe that are trained together: each variable stacks those of all runs."""

    def __init__(self, recipe, count):
        self._recipe, self._count = recipe, count
        self._model = build_model(recipe)
        self._optimizer = _unbuilt(self._model.optimizer)
        self._weights = [
            keras.Variable(np.zeros((count, *weight.shape)), dtype="float32")
            for weight in self._model.trainable_variables
        ]
        self._optimizer.build(self._weights)
        self._points = dict(
            zip(("x1", "x2"), np.array(TRUTH_TABLE, np.float32).reshape(2, -1, 1), strict=True)
        )

    def start(self, seeds):
        """Give each run the initial weights of its seed."""
        initial = [np.zeros(weight.shape, np.float32) for weight in self._weights]
        for run, seed in enumerate(seeds):
            initializers = kernel_initializers(self._recipe, seed)
            for kernel, initializer in zip(initial[::2], initializers, strict=True):
                kernel[run] = initializer(kernel.shape[1:], "float32")
        for variable, value in zip(self._weights, initial, strict=True):
            variable.assign(value)
        untrained = _unbuilt(self._optimizer)
        untrained.build(self._weights)  # It may start from the weights.
        for variable, value in zip(self._optimizer.variables, untrained.variables, strict=True):
            variable.assign(value)
        return _State(
            tf.constant(0, tf.int64),
            tf.zeros(self._count),
            tf.zeros((self._count, len(POINTS))),
            tf.zeros(self._count, tf.int64),
        )

    @functools.cached_property
    def train(self):
        """The program: as in `keras_xor.training`, a fold over a stack of batches of all runs."""

        @tf.function(jit_compile=True, autograph=False)
        def train_stack(state, x, y):
            return tf.foldl(self._step, (x, y), initializer=state)

        return train_stack

    def _step(self, state, batches):
        loss, gradients = keras.ops.vectorized_map(
            self._loss_and_gradients, ([weight.value for weight in self._weights], *batches)
        )
        self._optimizer.apply(gradients, self._weights)
        answers = keras.ops.vectorized_map(self._answers, [w.value for w in self._weights])
        truth = np.not_equal(*TRUTH_TABLE)
        right = tf.reduce_all((answers > 0.5) == truth, axis=1)
        steps = state.steps + 1
        earlier = tf.where(state.steps % self._recipe.steps_per_epoch == 0, 0.0, state.losses)
        return _State(steps, earlier + loss, answers, tf.where(right, state.last_wrong, steps))

    def _loss_and_gradients(self, run):
        weights, x, y = run
        with tf.GradientTape() as tape:
            tape.watch(weights)
            probabilities, _ = self._model.stateless_call(weights, [], x, training=True)
            loss = tf.cast(self._model.compute_loss(x, y, probabilities), tf.float32)
        return loss, tape.gradient(loss, weights)

    def _answers(self, weights):
        probabilities, _ = self._model.stateless_call(weights, [], self._points)
        return probabilities[:, 0]


def _unbuilt(optimizer):
    return type(optimizer).from_config(optimizer.get_config())


def _rows(seeds, state, recipe):
    columns = state.losses / recipe.steps_per_epoch, state.answers, state.last_wrong
    return [
        {
            "seed": seed,
            **dict(zip(POINTS, y, strict=True)),
            "loss": loss,
            "steps_to_learn": wrong + 1 if wrong < int(state.steps) else None,
        }
        for seed, loss, y, wrong in zip(
            seeds, *(column.numpy().tolist() for column in columns), strict=True
        )
    ]
