"""Keras's own `fit`, with many steps in one XLA program."""

import contextlib
import functools

import keras
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.data import StackedBatches, steps_per_stack
from keras_xor.model import build_optimizer, kept_with_model
from keras_xor.recipe import GUIDE, takes_recipe
from keras_xor.runtime.interrupts import held_interrupts

LARGEST_LOSS = 1e6  # Means logits in the millions; a model that learns has a loss below 1.


class DivergedError(KerasXorError):
    """Training diverged: in this epoch, counted from 1, it had this loss."""

    def __init__(self, epoch, loss):
        super().__init__(
            f"training diverged in epoch {epoch} with a loss of {loss:.3g}: lower the learning rate"
        )


@takes_recipe
def train(
    model,
    recipe=GUIDE,
    seed=None,
    steps_per_execution=None,
    callbacks=None,
    verbose=0,
    initial_epoch=0,
):
    """Fit `model` to the batches of a recipe, by default random XOR batches, in place.

    Args:
        model: A compiled `keras.Model`, such as `build_model` returns. Its own loss,
            optimizer, metrics, `train_step` and `run_eagerly` are used.
        recipe: A `Recipe`; only its steps and its data are used: `epochs`, `steps_per_epoch`,
            `batch_size`, `data`, `labels` and `noise`. Defaults to the guide's.
        seed: Seed of the training data, `keras_xor.data.recipe_batches(recipe, seed)`. Defaults
            to `None`: new batches on every call.
        steps_per_execution: Batches per execution of the XLA program, at least 1; the last
            execution of an epoch may have fewer. Defaults to `None`: as many as take under
            64 MiB and well under half a second.
        callbacks: List of `keras.callbacks.Callback`, or `None`. The batch hooks are
            called once per execution of the XLA program, by default once per epoch. A
            learning rate set in one applies to the whole next execution, and
            `TensorBoard(update_freq=100)`, which counts batches, counts one per epoch. With
            `steps_per_execution=100` they are called every 100 batches. Ctrl-C takes
            effect after an execution and its callbacks.
        verbose: See `keras.Model.fit`. Defaults to 0, silent.
        initial_epoch: Number of epochs already done, 0 to `recipe.epochs`; training continues
            with the batches that follow. Defaults to 0.

    Returns:
        The `keras.callbacks.History`: `history["loss"]` and `history["accuracy"]`
        are means over all steps of each epoch.

    Raises:
        KerasXorError: `model` is not compiled or has other inputs than x1 and x2; or training
            diverged: the loss is not a number or is above 10**6.
    """
    _check_model(model)
    epochs, steps_per_epoch = recipe.epochs, recipe.steps_per_epoch
    steps_per_execution = steps_per_execution or steps_per_stack(steps_per_epoch, recipe.batch_size)
    verbose = 1 if verbose == "auto" else verbose

    places = steps_per_epoch, steps_per_execution, seed, initial_epoch
    with (
        _stacks(model, recipe, *places) as stacks,
        held_interrupts() as raise_held,
        _stacked_training(model, steps_per_execution, stacks),
    ):
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
    if diverged(loss := history.history.get("loss", [0.0])[-1]):
        raise DivergedError(history.epoch[-1] + 1, loss)
    return history


def diverged(loss):
    """Whether a loss is not a number or above a million."""
    return not loss <= LARGEST_LOSS


def _check_model(model):
    if not model.compiled:
        raise KerasXorError("model must be compiled: call model.compile first")
    names = {tensor.name for tensor in getattr(model, "inputs", [])}
    if isinstance(model, keras.Sequential) or names - {"x1", "x2"}:
        raise KerasXorError(
            "model must have the inputs x1 and x2, as build_model makes it: train others by "
            "model.fit"
        )


@contextlib.contextmanager
def _stacks(model, recipe, *places):
    """A dataset that no other training uses meanwhile, such as one in a callback."""
    key = "data", recipe.batch_size, recipe.data, recipe.labels, recipe.noise
    unused = kept_with_model(model, key, list)
    batches = unused.pop() if unused else StackedBatches(recipe)
    try:
        yield batches(*places)
    finally:
        unused.append(batches)


def device():
    """The name of the device that `train` runs on, such as "cpu:0" or "gpu:0"."""
    kind, number = tf.zeros(()).device.lower().split(":")[-2:]
    return f"{kind}:{number}"


@contextlib.contextmanager
def _stacked_training(model, steps_per_execution, stacks):
    """Make `fit` train `model` one stack at a time within the block."""
    before = model.steps_per_execution, model.train_function
    build_optimizer(model)  # `fit` does so in its program, where its copies of weights are lost.
    try:
        model.train_function = _stack_train_function(model, stacks.element_spec)
        model.steps_per_execution = steps_per_execution
        yield
    finally:
        model.steps_per_execution, model.train_function = before


def _stack_train_function(model, stack_spec):
    """The function that `fit` calls for each `steps_per_execution` steps: one XLA program.

    Keras's own train function enters XLA once per step, which costs far more than a step of
    this size. Here the loop around the same `train_step` is compiled too.
    """
    if model.run_eagerly:
        return lambda iterator: _train_eagerly(model, next(iterator))

    @functools.cache
    def compiled():  # On the first step, after callbacks may have changed the model.
        key = "train", *(f"{spec}" for spec in tf.nest.flatten(stack_spec))
        return kept_with_model(model, key, lambda: _compiled_loop(model, stack_spec))

    return lambda iterator: compiled()(next(iterator))


def _compiled_loop(model, stack_spec):
    batch_spec = tf.nest.map_structure(
        lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), stack_spec
    )
    train_step = tf.function(model.train_step, autograph=False).get_concrete_function(batch_spec)

    @tf.function(input_signature=[stack_spec], jit_compile=model.jit_compile, autograph=False)
    def train_stack(stack):
        no_logs = tf.nest.map_structure(
            lambda spec: tf.zeros(spec.shape, spec.dtype), train_step.structured_outputs
        )
        return tf.foldl(lambda logs, batch: train_step(batch), stack, initializer=no_logs)

    return train_stack.get_concrete_function()


def _train_eagerly(model, stack):
    for batch in tf.data.Dataset.from_tensor_slices(stack):
        logs = model.train_step(batch)
    return logs


class _Callbacks(keras.callbacks.CallbackList):
    """Ends a shorter last execution with its epoch, and training on divergence or Ctrl-C."""

    def __init__(self, callbacks, raise_held, **options):
        super().__init__(callbacks, **options)
        self._raise_held = raise_held

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(min(batch, self.params["steps"] - 1), logs)
        if diverged(float(logs.get("loss", 0.0))):
            self.model.stop_training = True
        self._raise_held()
