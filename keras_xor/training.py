"""Keras's own `fit`, with many steps in one XLA program."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError
from keras_xor.data import stacked_xor_batches, steps_per_stack
from keras_xor.interrupts import held_interrupts

_LARGEST_LOSS = 1e6  # Of logits in the millions; one that learns has a loss below 1.


def train(
    model,
    epochs=recipe.EPOCHS,
    steps_per_epoch=recipe.STEPS_PER_EPOCH,
    batch_size=recipe.BATCH_SIZE,
    seed=None,
    steps_per_execution=None,
    callbacks=None,
    verbose=0,
    initial_epoch=0,
):
    """Fit `model` to random XOR batches, in place.

    Args:
        model: A compiled `keras.Model`, such as `build_model` returns.
        epochs: Whole number of at least 1. Defaults to 10.
        steps_per_epoch: Batches an epoch, at least 1. Defaults to 1000.
        batch_size: Examples a batch, 1 to 2**24. Defaults to 32.
        seed: The model is fed `xor_batches(batch_size, seed)`. Defaults to `None`,
            fresh batches.
        steps_per_execution: Batches in a run of the XLA program, at least 1; the last
            run of an epoch may have fewer. Defaults to `None`, as many as take under
            64 MiB and well under half a second.
        callbacks: List of `keras.callbacks.Callback`, or `None`. The batch hooks are
            called once for each run of the XLA program.
        verbose: As for `keras.Model.fit`. Defaults to 0, silent.
        initial_epoch: Epochs done already, from 0 to `epochs`: training goes on with the
            batches after those. Defaults to 0.

    Returns:
        The `keras.callbacks.History`: `history["loss"]` and `history["accuracy"]`
        are means over all steps of each epoch.

    Raises:
        KerasXorError: a number is out of range; or training diverged, which is a loss
            that is not a number or above 10**6.
    """
    epochs = checks.whole_number(epochs, "epochs")
    steps_per_epoch = checks.whole_number(steps_per_epoch, "steps_per_epoch")
    batch_size = checks.batch_size(batch_size, "batch_size")
    if steps_per_execution is None:
        steps_per_execution = steps_per_stack(steps_per_epoch, batch_size)
    steps_per_execution = checks.whole_number(steps_per_execution, "steps_per_execution")
    initial_epoch = checks.whole_number(initial_epoch, "initial_epoch", lowest=0, highest=epochs)

    stacks = stacked_xor_batches(
        steps_per_epoch, steps_per_execution, batch_size, seed, initial_epoch
    )
    with _stacked_training(model, steps_per_execution, stacks), held_interrupts() as raise_held:
        history = model.fit(
            stacks.prefetch(1),
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            shuffle=False,
            callbacks=_Callbacks(
                callbacks,
                raise_held,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=steps_per_epoch,
                model=model,
            ),
        )
    losses = history.history.get("loss", [0.0])
    if _diverged(losses[-1]):
        raise KerasXorError(
            f"training diverged, the loss of epoch {len(losses)} is {losses[-1]:.3g}: "
            "lower the learning rate"
        )
    return history


class Recorder(keras.callbacks.Callback):
    """Records the weights before training and after every epoch.

    Attributes:
        weights: List of as many arrays as the model has weights, float32, each of shape
            `(1 + epochs, *shape)`. To go on with a record, set it before training.
    """

    def __init__(self):
        super().__init__()
        self._states = []

    def on_train_begin(self, logs=None):
        if not self._states:
            self._states.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self._states.append(self.model.get_weights())

    @property
    def weights(self):
        return [np.stack(weight) for weight in zip(*self._states, strict=True)]

    @weights.setter
    def weights(self, weights):
        self._states = list(zip(*weights, strict=True))


def device():
    """The name of the device that `train` runs on, such as "cpu:0" or "gpu:0"."""
    return keras.distribution.list_devices()[0]


@contextlib.contextmanager
def _stacked_training(model, steps_per_execution, stacks):
    """Have `fit` train `model` a stack at a time, for as long as this lasts."""
    plain_steps_per_execution = model.steps_per_execution
    model.steps_per_execution = steps_per_execution
    model.train_function = _stack_train_function(model, stacks.element_spec)
    try:
        yield
    finally:
        model.steps_per_execution = plain_steps_per_execution
        model.train_function = None


def _stack_train_function(model, stack_spec):
    """What `fit` calls for each `steps_per_execution` steps: one XLA program.

    Keras's own train function enters XLA once a step, and at this size a step is far
    cheaper than its entry. Here the loop itself is compiled, around the same `train_step`.
    """

    def train_batch(step, batch):
        model.train_step(batch)
        return step + 1

    @tf.function(input_signature=[stack_spec], jit_compile=model.jit_compile, autograph=False)
    def train_stack(stack):
        tf.foldl(train_batch, stack, initializer=0)
        return model.get_metrics_result()

    compiled = train_stack.get_concrete_function()
    return lambda iterator: compiled(next(iterator))


class _Callbacks(keras.callbacks.CallbackList):
    """Lets a shorter last group of steps end where the epoch does; divergence or Ctrl-C end all."""

    def __init__(self, callbacks, raise_held, **options):
        super().__init__(callbacks, **options)
        self._raise_held = raise_held

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(min(batch, self.params["steps"] - 1), logs)
        if _diverged(float(logs["loss"])):
            self.model.stop_training = True
        self._raise_held()


def _diverged(loss):
    return not loss <= _LARGEST_LOSS  # So for nan, too.
