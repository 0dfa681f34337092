"""The training of many runs of a model at once, for XLA to compile."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_xor.study.points import Points
from keras_xor.study.step import apply_model, apply_training_step
from keras_xor.training import LARGEST_LOSS


class State(NamedTuple):
    """The state of runs. All but `step` have one entry per run."""

    trained: list
    kept: list
    optimizer: list
    step: tf.Tensor  # Steps done
    last_wrong: tf.Tensor  # The last step before which a point was wrong, counted from 0
    losses: tf.Tensor  # The sum over the steps of this epoch
    loss: tf.Tensor  # The mean over the last epoch, or until the run diverged
    diverged: tf.Tensor


class Program:
    """Trains runs of a model, all at once, by a map such as `keras.ops.vectorized_map`."""

    def __init__(
        self, model: keras.Model, optimizer: Any, points: Points, map_runs: Callable
    ) -> None:
        self._model, self._optimizer, self._points = model, optimizer, points
        self._map_runs = map_runs

    def __call__(
        self,
        state: State,
        batches: dict[str, tf.Tensor],
        steps: tf.Tensor,
        steps_per_epoch: tf.Tensor,
        steps_per_execution: tf.Tensor,
    ) -> tuple[State, tf.Tensor, tf.Tensor]:
        """Train on some batches.

        Args:
            batches: A dict of tensors: "counts", how often each point is in a batch, of shape
                `(points, runs, steps)`; or "chosen", the numbers of the points in a batch, of
                shape `(runs, steps, batch_size)`, and "noise", what to add to their inputs, of
                shape `(runs, steps, batch_size, features)`, or of 0 features.
            steps: How many of these batches to train on.
            steps_per_epoch: After how many steps `train` checks the loss of an epoch.
            steps_per_execution: After how many steps it also does.

        Returns:
            The new state, the predictions of each run, and whether they are all right.
        """
        batches = _order_by_step(batches)

        def step(number: tf.Tensor, state: State) -> tuple:
            batch = {name: array[number] for name, array in batches.items()}
            return number + 1, self._step(state, batch, steps_per_epoch, steps_per_execution)

        _, state = tf.while_loop(
            lambda number, _: number < steps, step, (tf.constant(0, tf.int64), state)
        )
        return state, *self._map_runs(lambda run: self._predict(*run), (state.trained, state.kept))

    def _step(
        self, state: State, batch: dict, steps_per_epoch: tf.Tensor, steps_per_execution: tf.Tensor
    ) -> State:
        runs = state.trained, state.kept, state.optimizer, batch
        trained, kept, optimizer, losses, right = self._map_runs(
            lambda run: self._step_run(*run), runs
        )
        in_epoch = state.step % steps_per_epoch
        total = tf.where(in_epoch == 0, 0.0, state.losses) + losses
        done = in_epoch + 1
        mean = total / tf.cast(done, tf.float32)
        checked = (done == steps_per_epoch) | (done % steps_per_execution == 0)
        return State(
            trained,
            kept,
            optimizer,
            step=state.step + 1,
            last_wrong=tf.where(right, state.last_wrong, state.step),
            losses=total,
            loss=tf.where(checked & ~state.diverged, mean, state.loss),
            diverged=state.diverged | (checked & ~(mean <= LARGEST_LOSS)),
        )

    def _step_run(self, trained: list, kept: list, optimizer: list, batch: dict) -> tuple:
        points = self._points
        step = functools.partial(
            apply_training_step, self._model, self._optimizer, trained, kept, optimizer
        )
        if "weights" in batch:
            x, y = tf.constant(points.x), tf.constant(points.y)
            *values, loss, outputs = step(
                points.shape_inputs(x), points.shape_labels(y), batch["weights"]
            )
            return *values, loss, points.are_right(points.flatten(outputs))
        _, right = self._predict(trained, kept)
        chosen = tf.cast(batch["chosen"], tf.int32)
        x, y = tf.gather(points.x, chosen), points.shape_labels(tf.gather(points.y, chosen))
        x = points.shape_inputs(x + batch["noise"] if batch["noise"].shape[1] else x)
        *values, loss, _ = step(x, y)
        return *values, loss, right

    def _predict(self, trained: list, kept: list) -> tuple:
        points = self._points
        outputs = apply_model(
            self._model, trained, kept, points.shape_inputs(tf.constant(points.x))
        )
        flat = points.flatten(outputs)
        return points.to_predictions(flat), points.are_right(flat)


def _order_by_step(batches: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Batches with the step as their first axis, and the run as the second."""
    if "counts" in batches:
        counts = tf.cast(tf.transpose(batches["counts"]), tf.float32)
        # The mean over a batch is the mean over the points, weighted by these.
        return {"weights": counts / tf.reduce_mean(counts, axis=-1, keepdims=True)}
    axes = {name: [1, 0, *range(2, array.ndim)] for name, array in batches.items()}
    return {name: tf.transpose(array, axes[name]) for name, array in batches.items()}


def map_in_turn(function: Callable, elements: Any) -> Any:
    """Like `keras.ops.vectorized_map`, for what that cannot express: one run after the other."""
    one = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape[1:], t.dtype), elements)
    concrete = tf.function(function, autograph=False).get_concrete_function(one)
    outputs = concrete.structured_outputs
    signature = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), outputs)
    return tf.map_fn(concrete, elements, fn_output_signature=signature)
