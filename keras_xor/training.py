"""Keras's own `fit`, with many steps in one XLA program."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_xor.compiled import build_optimizer, keep_with_model
from keras_xor.data import draw_stacks
from keras_xor.recipe import DEFAULT, Recipe
from keras_xor.runtime.interrupts import held_interrupts
from keras_xor.values import KerasXorError

LARGEST_LOSS = 1e6  # A network that learns XOR has a loss below 1.


class DivergedError(KerasXorError):
    """Training diverged: in this epoch, counted from 1, it had this loss."""

    def __init__(self, epoch: int, loss: float) -> None:
        super().__init__(
            f"training diverged in epoch {epoch} with a loss of {loss:.3g}: lower the learning rate"
        )


def train(
    model: keras.Model,
    recipe: Recipe = DEFAULT,
    seed: int | None = None,
    *,
    steps_per_execution: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
    initial_epoch: int = 0,
) -> keras.callbacks.History:
    """Fit a model to the batches of a recipe, as `model.fit` does, but many steps at a time.

    Args:
        model: A compiled model with the inputs x1 and x2, such as `build_model` returns. Its own
            loss, optimizer, metrics, `train_step` and `run_eagerly` are used.
        recipe: Only its data, batch size, steps and epochs are used; all else is the model's own.
        seed: Determines the batches. With `None`, they are new on every call.
        steps_per_execution: Steps in one execution of the XLA program, after which the batch hooks
            of callbacks are called and Ctrl-C takes effect. The default is a whole epoch, or a
            part of it that takes under half a second.
        verbose: 0 is silent, 1 draws a progress bar, 2 prints a line for each epoch.
        initial_epoch: Epochs already done, whose batches are skipped.

    Raises:
        KerasXorError: the model has other inputs.
        DivergedError: the loss is not a number, or above a million.
    """
    _check_inputs(model)
    steps = steps_per_execution or choose_steps_per_execution(recipe)
    stacks = draw_stacks(recipe, seed, steps, initial_epoch)
    batch = tf.nest.map_structure(lambda x: x[0], next(draw_stacks(recipe, seed)))
    with held_interrupts() as raise_held, _looped(model, steps, stacks, batch):
        history = model.fit(
            # It only shows `fit` what a batch is: tf.data would take as long as the training.
            tf.data.Dataset.from_tensors(batch).repeat(),
            epochs=recipe.epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=recipe.steps_per_epoch,
            shuffle=False,
            callbacks=_Callbacks(
                [*callbacks],
                raise_held,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=recipe.epochs,
                steps=recipe.steps_per_epoch,
                model=model,
            ),
        )
    if is_diverged(loss := history.history.get("loss", [0.0])[-1]):
        raise DivergedError(history.epoch[-1] + 1, loss)
    return history


def choose_steps_per_execution(recipe: Recipe) -> int:
    """Steps that split an epoch evenly, at most 2**15 with 2**22 examples."""
    most = max(1, min(2**15, 2**22 // recipe.batch_size))
    executions = -(-recipe.steps_per_epoch // most)
    return -(-recipe.steps_per_epoch // executions)


def is_diverged(loss: float) -> bool:
    """Whether a loss is not a number or above a million."""
    return not loss <= LARGEST_LOSS  # Also if it is nan


def _check_inputs(model: keras.Model) -> None:
    if {tensor.name for tensor in getattr(model, "inputs", [])} - {"x1", "x2"}:
        raise KerasXorError("model must have the inputs x1 and x2: train others by model.fit")


@contextlib.contextmanager
def _looped(model: keras.Model, steps: int, stacks: Iterator, batch: Any) -> Iterator[None]:
    """Make `fit` train a model on stacks of batches like this one within the block."""
    before = model.steps_per_execution, model.train_function
    build_optimizer(model)  # In the compiled loop, variables cannot be made.
    try:
        model.train_function = _make_train_function(model, stacks, batch)
        model.steps_per_execution = steps
        yield
    finally:
        model.steps_per_execution, model.train_function = before


def _make_train_function(model: keras.Model, stacks: Iterator, batch: Any) -> Callable:
    """What `fit` calls for every `steps_per_execution` steps."""
    stack_spec = tf.nest.map_structure(lambda x: tf.TensorSpec((None, *x.shape), x.dtype), batch)

    @functools.cache
    def loop() -> Callable:  # On the first step, after callbacks may have changed the model.
        return keep_with_model(model, f"{stack_spec}", lambda: _compile_loop(model, stack_spec))

    def train_stack(_: Any) -> Any:
        stack = next(stacks)
        if not model.run_eagerly:
            return loop()(stack)
        for batch in tf.data.Dataset.from_tensor_slices(stack):
            logs = model.train_step(batch)
        return logs

    return train_stack


def _compile_loop(model: keras.Model, stack_spec: Any) -> Callable:
    """One XLA program that runs the model's own `train_step` on each batch of a stack.

    Keras's own train function enters XLA for each step, which costs far more than a small step.
    """
    batch_spec = tf.nest.map_structure(lambda s: tf.TensorSpec(s.shape[1:], s.dtype), stack_spec)
    train_step = tf.function(model.train_step, autograph=False).get_concrete_function(batch_spec)

    @tf.function(input_signature=[stack_spec], jit_compile=model.jit_compile, autograph=False)
    def train_stack(stack: Any) -> Any:
        # Each step returns the means so far, so those of the step before are not needed.
        logs = tf.nest.map_structure(
            lambda s: tf.zeros(s.shape, s.dtype), train_step.structured_outputs
        )
        return tf.foldl(lambda _, batch: train_step(batch), stack, initializer=logs)

    return train_stack.get_concrete_function()


class _Callbacks(keras.callbacks.CallbackList):
    """Keras's callbacks, which also stop training when it diverges or at Ctrl-C."""

    def __init__(self, callbacks: list, raise_held: Callable[[], None], **options: Any) -> None:
        super().__init__(callbacks, **options)
        self._raise_held = raise_held

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        last = self.params["steps"] - 1  # Keras counts on if the last execution is shorter.
        super().on_train_batch_end(min(batch, last), logs)
        if is_diverged(float(logs.get("loss", 0.0))):
            self.model.stop_training = True
        self._raise_held()
