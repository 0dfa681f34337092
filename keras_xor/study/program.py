"""The training of many runs of a model at once, for XLA to compile."""

from typing import NamedTuple

import tensorflow as tf

from keras_xor.study.step import answers, training_step
from keras_xor.training import LARGEST_LOSS


class State(NamedTuple):
    """Where runs are. All but `step` have one entry per run."""

    trained: list
    kept: list
    optimizer: list
    step: tf.Tensor  # Steps done
    last_wrong: tf.Tensor  # The last step before which an answer was wrong, counted from 0
    losses: tf.Tensor  # The sum over the steps of this epoch
    loss: tf.Tensor  # The mean over the last epoch, or until the run diverged
    diverged: tf.Tensor


class Program:
    """Trains runs of a model, all at once.

    Args:
        model: A compiled `keras.Model`, which is not changed.
        optimizer: Its `stateless_optimizer`.
        points: The `Points` that it is trained on.
        map_runs: `keras.ops.vectorized_map`, or `map_in_turn`.
    """

    def __init__(self, model, optimizer, points, map_runs):
        self._model, self._optimizer, self._points = model, optimizer, points
        self._map_runs = map_runs

    def __call__(self, state, batches, steps, steps_per_epoch, steps_per_execution):
        """Train on some batches.

        Args:
            state: The `State` of the runs.
            batches: A dict of tensors: "counts", how often each point is in a batch, of shape
                `(points, runs, steps)`; or "chosen", the numbers of the points in a batch, of
                shape `(runs, steps, batch_size)`, and "noise", what to add to their inputs, of
                shape `(runs, steps, batch_size, features)`, or of 0 features.
            steps: How many of these batches to train on.
            steps_per_epoch: That of the recipe.
            steps_per_execution: After how many steps, besides the end of an epoch, `train` looks
                whether a run has diverged.

        Returns:
            The `State`; the predictions of each run; and whether they are all right.
        """
        batches = _by_step(batches)

        def step(number, state):
            batch = {name: array[number] for name, array in batches.items()}
            return number + 1, self._step(state, batch, steps_per_epoch, steps_per_execution)

        _, state = tf.while_loop(
            lambda number, _: number < steps, step, (tf.constant(0, tf.int64), state)
        )
        return state, *self._map_runs(lambda run: self._look(*run), (state.trained, state.kept))

    def _step(self, state, batch, steps_per_epoch, steps_per_execution):
        runs = state.trained, state.kept, state.optimizer, batch
        *values, losses, right = self._map_runs(lambda run: self._step_of_a_run(*run), runs)
        in_epoch = state.step % steps_per_epoch
        total = tf.where(in_epoch == 0, 0.0, state.losses) + losses
        done = in_epoch + 1
        mean = total / tf.cast(done, tf.float32)
        looked_at = (done == steps_per_epoch) | (done % steps_per_execution == 0)
        return State(
            *values,
            step=state.step + 1,
            last_wrong=tf.where(right, state.last_wrong, state.step),
            losses=total,
            loss=tf.where(looked_at & ~state.diverged, mean, state.loss),
            diverged=state.diverged | (looked_at & ~(mean <= LARGEST_LOSS)),
        )

    def _step_of_a_run(self, trained, kept, optimizer, batch):
        points, values = self._points, (trained, kept, optimizer)
        if "weights" in batch:
            x, y = points.inputs(tf.constant(points.x)), points.labels(tf.constant(points.y))
            *values, loss, outputs = training_step(
                self._model, self._optimizer, *values, x, y, batch["weights"]
            )
            return *values, loss, points.all_right(points.flat(outputs))
        _, right = self._look(trained, kept)
        chosen = tf.cast(batch["chosen"], tf.int32)
        x, y = tf.gather(points.x, chosen), points.labels(tf.gather(points.y, chosen))
        x = points.inputs(x + batch["noise"] if batch["noise"].shape[1] else x)
        *values, loss, _ = training_step(self._model, self._optimizer, *values, x, y)
        return *values, loss, right

    def _look(self, trained, kept):
        points = self._points
        outputs = answers(self._model, trained, kept, points.inputs(tf.constant(points.x)))
        flat = points.flat(outputs)
        return points.predictions(flat), points.all_right(flat)


def _by_step(batches):
    """Batches with the step as their first axis, and the run as the second."""
    if "counts" in batches:
        counts = tf.cast(tf.transpose(batches["counts"]), tf.float32)
        # The mean over a batch is the mean over the points, weighted by these.
        return {"weights": counts / tf.reduce_mean(counts, axis=-1, keepdims=True)}
    axes = {name: [1, 0, *range(2, array.ndim)] for name, array in batches.items()}
    return {name: tf.transpose(array, axes[name]) for name, array in batches.items()}


def map_in_turn(function, elements):
    """Like `keras.ops.vectorized_map`, for what that cannot express: one run after the other."""
    one = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape[1:], t.dtype), elements)
    function = tf.function(function, autograph=False).get_concrete_function(one)
    outputs = function.structured_outputs
    signature = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), outputs)
    return tf.map_fn(function, elements, fn_output_signature=signature)
