"""The XLA program that trains many runs of a network at once."""

import functools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_xor.data import are_right
from keras_xor.model import kept_with_model
from keras_xor.study.initial import InitialWeights
from keras_xor.study.network import (
    LABELS,
    POINTS,
    answers_of,
    configuration,
    gives_logits,
    inputs_of,
    loss_answers_and_gradients,
    of_trained,
    with_trained,
)
from keras_xor.study.optimizer import stateless_optimizer
from keras_xor.training import LARGEST_LOSS

STEPS = 1_000  # At most, in a call of the program


class State(NamedTuple):
    """Where the runs are. All but `step` have one entry per run."""

    weights: list
    optimizer: list
    step: tf.Tensor  # Steps done
    last_wrong: tf.Tensor  # The last step before which an answer was wrong, counted from 0
    losses: tf.Tensor  # The sum over the steps of this epoch
    loss: tf.Tensor  # The mean over the last epoch, or until the run diverged
    diverged: tf.Tensor


class Program:
    """Trains as many runs of `model` at a time as `runs` says.

    Args:
        model: A compiled `keras.Model`, which is not changed.
        runs: Number of runs.

    Raises:
        KerasXorError: a weight has no initializer, or one that cannot be given a seed.
    """

    def __init__(self, model, runs):
        self._model, self.runs = model, runs
        self._initial_weights = InitialWeights(model)
        self._optimizer = stateless_optimizer(
            model.optimizer,
            [np.zeros((runs, *weight.shape)) for weight in model.trainable_weights],
            model.trainable_weights,
        )
        self._inputs = inputs_of(model, *POINTS)
        self._logits = gives_logits(model)

    def start(self, seeds, values):
        """The `State` of runs before training.

        Args:
            seeds: A seed for each run.
            values: Dict of a "learning_rate" and a "momentum" in place of those of the model's
                optimizer, or an empty one.
        """
        weights = self._initial_weights(seeds)
        optimizer = stateless_optimizer(
            self._model.optimizer, of_trained(self._model, weights), self._model.trainable_weights
        )
        if values:
            optimizer.learning_rate = values["learning_rate"]
            if values["momentum"]:
                optimizer.momentum.assign(values["momentum"])
        return State(
            weights=[tf.constant(weight) for weight in weights],
            optimizer=[
                # Keras's default dtype may have changed since the program was compiled.
                tf.cast(tf.convert_to_tensor(variable.value), own.dtype)
                for variable, own in zip(
                    optimizer.variables, self._optimizer.variables, strict=True
                )
            ],
            step=tf.constant(0, tf.int64),
            last_wrong=tf.zeros(self.runs, tf.int64),
            losses=tf.zeros(self.runs),
            loss=tf.zeros(self.runs),
            diverged=tf.zeros(self.runs, tf.bool),
        )

    @functools.cached_property
    def train(self):
        """The compiled program: a function of the following.

        It returns the new `State` and the answers at the four points, as probabilities.

        Args:
            state: The `State`.
            counts: Tensor `(4, runs, STEPS)` of int32: how often each point is in each batch.
            steps: How many of these batches to train on.
            batch_size: Their size.
            steps_per_epoch: That of the recipe.
            steps_per_execution: After how many steps, besides the end of an epoch, `train` looks
                whether it has diverged.
        """
        numbers = [tf.TensorSpec((), tf.int64)] * 4
        counts = tf.TensorSpec((4, self.runs, STEPS), tf.int32)
        state = self.start(range(self.runs), {})
        return tf.function(self._train, jit_compile=True, autograph=False).get_concrete_function(
            tf.nest.map_structure(tf.type_spec_from_value, state), counts, *numbers
        )

    def _train(self, state, counts, steps, batch_size, steps_per_epoch, steps_per_execution):
        # The mean over a batch is the mean over the four points, weighted by these.
        weights = 4 * tf.cast(tf.transpose(counts), tf.float32) / tf.cast(batch_size, tf.float32)

        def step(number, state):
            state = self._step(state, weights[number], steps_per_epoch, steps_per_execution)
            return number + 1, state

        _, state = tf.while_loop(
            lambda number, state: number < steps, step, (tf.constant(0, tf.int64), state)
        )
        answers = keras.ops.vectorized_map(self._answers, state.weights)
        return state, tf.sigmoid(answers) if self._logits else answers

    def _step(self, state, sample_weights, steps_per_epoch, steps_per_execution):
        losses, answers, gradients = keras.ops.vectorized_map(
            self._loss_answers_and_gradients, (state.weights, sample_weights)
        )
        trained, optimizer = self._optimizer.stateless_apply(
            state.optimizer, gradients, of_trained(self._model, state.weights)
        )
        trained = [*map(_constrained, trained, self._model.trainable_weights)]

        threshold = 0.0 if self._logits else 0.5
        right = tf.reduce_all(are_right(answers, threshold), axis=1)
        in_epoch = state.step % steps_per_epoch
        total = tf.where(in_epoch == 0, 0.0, state.losses) + losses
        done = in_epoch + 1
        mean = total / tf.cast(done, tf.float32)
        looked_at = (done == steps_per_epoch) | (done % steps_per_execution == 0)
        goes_on = looked_at & ~state.diverged
        return State(
            weights=with_trained(self._model, state.weights, trained),
            optimizer=optimizer,
            step=state.step + 1,
            last_wrong=tf.where(right, state.last_wrong, state.step),
            losses=total,
            loss=tf.where(goes_on, mean, state.loss),
            diverged=state.diverged | (looked_at & ~(mean <= LARGEST_LOSS)),
        )

    def _loss_answers_and_gradients(self, run):
        # The tape is within the map: around it, XLA would compile anew for other batches.
        weights, sample_weight = run
        return loss_answers_and_gradients(self._model, weights, self._inputs, LABELS, sample_weight)

    def _answers(self, weights):
        return answers_of(self._model, weights, self._inputs)


def _constrained(weight, variable):
    if variable.constraint is None:
        return weight
    return keras.ops.vectorized_map(variable.constraint, weight)


def program_of(model, runs):
    """The `Program` of a model, made once for as long as the model stays as it is."""
    key = "study", runs, tf.zeros(()).device, configuration(model)
    return kept_with_model(model, key, lambda: Program(model, runs))
