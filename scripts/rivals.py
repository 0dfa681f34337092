"""What benchmark.py compares the package with: the README's six lines, and JAX by hand."""

import itertools
import time

import keras_xor


def time_epochs(train, *arguments):
    """Seconds of each epoch of Keras training, without the first one."""
    import keras

    ends = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    train(*arguments, callbacks=[clock])
    return [end - start for start, end in itertools.pairwise(ends)]


def fit_plain(recipe, steps_per_execution, callbacks):
    """Keras's `fit`."""
    model = keras_xor.build_model(recipe, seed=0)
    model.steps_per_execution = steps_per_execution
    data = keras_xor.data.recipe_batches(recipe, seed=0)
    steps = {"epochs": recipe.epochs, "steps_per_epoch": recipe.steps_per_epoch}
    return model.fit(data, **steps, shuffle=False, verbose=0, callbacks=callbacks)


def fit_fast(recipe, callbacks):
    """`keras_xor.train`."""
    model = keras_xor.build_model(recipe, seed=0)
    return keras_xor.train(model, recipe, seed=0, callbacks=callbacks)


def fit_looped(recipe, callbacks):
    """The README's way: a `train_step` that trains on a stack of batches."""
    import keras
    import tensorflow as tf

    class Looped(keras.Model):
        def train_step(self, stack):
            step = super().train_step
            first = tf.nest.map_structure(lambda x: x[0], stack)
            rest = tf.nest.map_structure(lambda x: x[1:], stack)
            return tf.foldl(lambda logs, batch: step(batch), rest, initializer=step(first))

    plain = keras_xor.build_model(recipe, seed=0)
    model = Looped(plain.input, plain.output)
    model.compile(
        keras_xor.model.make_optimizer(recipe), recipe.loss, metrics=["accuracy"], jit_compile=True
    )
    data = keras_xor.data.stacked_batches(recipe, 0, recipe.steps_per_epoch)
    steps = {"epochs": recipe.epochs, "steps_per_epoch": 1}
    return model.fit(data, **steps, shuffle=False, verbose=0, callbacks=callbacks)


def time_jax(recipe, runs=None):
    """Seconds of each epoch in JAX, with its batches, without the first one.

    With a number of `runs`, as many are trained at once.
    """
    import numpy as np

    epoch, seeds = make_jax_epoch(runs), range(runs or 1)
    models = [keras_xor.build_model(recipe, seed).get_weights() for seed in seeds]
    weights = [np.stack(weight) for weight in zip(*models, strict=True)] if runs else models[0]
    streams = [keras_xor.data.draw_stacks(recipe, seed, recipe.steps_per_epoch) for seed in seeds]
    ends = []
    for _ in range(recipe.epochs):
        stacks = [next(stream) for stream in streams]
        if runs:
            stack = {name: np.stack([x[name] for x, _ in stacks]) for name in ("x1", "x2")}
            stack = stack, np.stack([y for _, y in stacks])
        else:
            (stack,) = stacks
        weights, loss, _ = epoch(weights, stack, recipe.learning_rate)
        np.asarray(loss)  # JAX returns before it has finished.
        ends.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(ends)]


def make_jax_epoch(runs=None):
    """A compiled `jax.lax.scan` over a stack of batches, by hand.

    It takes the weights of `build_model`, a stack and a learning rate, and returns the new weights
    and the means of loss and accuracy. With a number of `runs`, weights and batches have a leading
    axis of this length.
    """
    import jax
    import jax.numpy as jnp

    def loss_and_logit(weights, x, y):
        hidden_kernel, hidden_bias, kernel, bias = weights
        logit = jnp.tanh(x @ hidden_kernel + hidden_bias) @ kernel + bias
        return jnp.mean(jnp.logaddexp(logit, 0) - logit * y), logit

    gradients = jax.value_and_grad(loss_and_logit, has_aux=True)

    def epoch(weights, stack, learning_rate):
        def step(weights, batch):
            inputs, y = batch
            x = jnp.concatenate([inputs["x1"], inputs["x2"]], axis=-1).astype(jnp.float32)
            (loss, logit), slopes = gradients(weights, x, y.astype(jnp.float32))
            weights = jax.tree.map(lambda w, slope: w - learning_rate * slope, weights, slopes)
            return weights, (loss, jnp.mean((logit > 0) == (y > 0)))

        weights, (losses, accuracies) = jax.lax.scan(step, weights, stack)
        return weights, losses.mean(), accuracies.mean()

    return jax.jit(jax.vmap(epoch, in_axes=(0, 0, None)) if runs else epoch)
