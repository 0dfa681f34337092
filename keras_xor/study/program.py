"""The recipe under many seeds at once: was a result luck?"""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_xor import checks, recipe
from keras_xor.data import TRUTH_TABLE, dataset_of, random_examples, steps_per_stack
from keras_xor.model import build_model, kernel_initializers
from keras_xor.runtime.interrupts import held_interrupts
from keras_xor.study.summary import POINTS

_MOST_ACTIVATIONS = 2**23  # In a step of all the runs that are trained together.


def seed_study(
    seeds=recipe.SEEDS,
    seed=recipe.SEED,
    epochs=recipe.EPOCHS,
    steps_per_epoch=recipe.STEPS_PER_EPOCH,
    batch_size=recipe.BATCH_SIZE,
    learning_rate=recipe.LEARNING_RATE,
    hidden_units=recipe.HIDDEN_UNITS,
    activation=recipe.ACTIVATION,
    verbose=0,
):
    """Train the network under many seeds, in one XLA program.

    A run is what `build_model` and `train` give with its seed, but for the rounding of
    float32.

    Args:
        seeds: How many runs, 1 to 10**6. Defaults to 1000.
        seed: Whole number of at least 0, from which the seeds of the runs follow.
            Defaults to 0.
        epochs: As for `train`.
        steps_per_epoch: As for `train`.
        batch_size: As for `train`.
        learning_rate: As for `build_model`.
        hidden_units: As for `build_model`.
        activation: As for `build_model`.
        verbose: 1 for a progress bar with the time left, which counts the steps of all
            runs. Defaults to 0, silent.

    Returns:
        A list of one dict a run, of Python numbers: "seed"; "y_00", "y_01", "y_10" and
        "y_11", the probability at each point; "loss", the mean over the last epoch;
        "steps_to_learn", the step, counted from 1, after which all four points were
        classified right for good, or `None` where they are not in the end.

    Raises:
        KerasXorError: an argument is out of range.
    """
    seeds = checks.seeds(seeds, "seeds")
    seed = checks.seed(seed, "seed")
    epochs = checks.count(epochs, "epochs")
    steps_per_epoch = checks.count(steps_per_epoch, "steps_per_epoch")
    batch_size = checks.batch_size(batch_size, "batch_size")
    hidden_units = checks.hidden_units(hidden_units, "hidden_units")
    model = build_model(learning_rate, None, hidden_units, activation)

    run_seeds = np.random.SeedSequence(seed).generate_state(seeds, np.uint64)
    groups = math.ceil(seeds * batch_size * hidden_units / _MOST_ACTIVATIONS)
    train_stack = _stack_function(model, steps_per_epoch)
    steps = epochs * steps_per_epoch
    bar = keras.utils.Progbar(seeds * steps, verbose=verbose)
    rows = []
    with held_interrupts() as raise_held:
        for group in np.array_split(run_seeds, min(groups, seeds)):
            group = group.tolist()
            state = _initial_state(model, group)
            raise_held()
            for x, y in _stacked_batches(group, steps, batch_size).prefetch(1):
                state = train_stack(state, x, y)
                bar.add(len(y) * len(group))
                raise_held()
            rows += _rows(group, state, steps_per_epoch)
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


def _initial_state(model, seeds):
    """Steps done; of each run, the weights, the loss of the epoch, answers, last step wrong."""
    runs = len(seeds)
    weights = [np.zeros((runs, *weight.shape), np.float32) for weight in model.weights]
    for run, seed in enumerate(seeds):
        for kernel, initializer in zip(weights[::2], kernel_initializers(seed), strict=True):
            kernel[run] = initializer(kernel.shape[1:], "float32")
    return (
        tf.constant(0, tf.int64),
        [tf.constant(weight) for weight in weights],
        tf.zeros(runs),
        tf.zeros((runs, len(POINTS))),
        tf.zeros(runs, tf.int64),
    )


def _stack_function(model, steps_per_epoch):
    """As in `keras_xor.training`, with the step of one run vectorized over all of them."""
    x1, x2 = np.array(TRUTH_TABLE, np.float32).reshape(2, -1, 1)
    truth = (x1 != x2)[:, 0]

    def step_of_run(run):
        weights, x, y = run
        with tf.GradientTape() as tape:
            tape.watch(weights)
            probabilities, _ = model.stateless_call(weights, [], x, training=True)
            loss = tf.cast(model.compute_loss(x, y, probabilities), tf.float32)
        gradients = tape.gradient(loss, weights)
        rate = tf.cast(model.optimizer.learning_rate, tf.float32)
        weights = [w - rate * gradient for w, gradient in zip(weights, gradients, strict=True)]
        answers, _ = model.stateless_call(weights, [], {"x1": x1, "x2": x2})
        return weights, loss, answers[:, 0]

    def step_of_all(state, batches):
        steps, weights, losses, _, last_wrong = state
        weights, loss, answers = keras.ops.vectorized_map(step_of_run, (weights, *batches))
        losses = tf.where(steps % steps_per_epoch == 0, 0.0, losses) + loss
        right = tf.reduce_all((answers > 0.5) == truth, axis=1)
        return steps + 1, weights, losses, answers, tf.where(right, last_wrong, steps + 1)

    @tf.function(jit_compile=True, autograph=False)
    def train_stack(state, x, y):
        return tf.foldl(step_of_all, (x, y), initializer=state)

    return train_stack


def _rows(seeds, state, steps_per_epoch):
    steps, _, losses, answers, last_wrong = state
    columns = [
        column.numpy().tolist() for column in (losses / steps_per_epoch, answers, last_wrong)
    ]
    return [
        {
            "seed": seed,
            **dict(zip(POINTS, y, strict=True)),
            "loss": loss,
            "steps_to_learn": wrong + 1 if wrong < int(steps) else None,
        }
        for seed, loss, y, wrong in zip(seeds, *columns, strict=True)
    ]
