"""The training of benchmark.py written by hand, for comparison, in NumPy and JAX.

An epoch takes the weights of `build_model` and a stack of batches, and returns the new weights and
the means of the loss and of the accuracy over the batches, all float32.
"""

import itertools
import time

import keras_xor


def seconds_of_epochs(name, recipe, runs=None):
    """Seconds of each epoch of "numpy" or "jax", with its batches, without the first epoch.

    With a number of `runs`, an epoch of "jax" trains as many at once.
    """
    import numpy as np

    epoch = jax_epoch(runs) if name == "jax" else numpy_epoch
    seeds = range(runs or 1)
    models = [keras_xor.build_model(recipe, seed).get_weights() for seed in seeds]
    weights = [np.stack(weight) for weight in zip(*models, strict=True)] if runs else models[0]
    drawers = [keras_xor.data.stack_drawer(recipe, seed) for seed in seeds]
    ends = []
    for _ in range(recipe.epochs):
        stacks = [draw(recipe.steps_per_epoch) for draw in drawers]
        if runs:
            stack = {name: np.stack([x[name] for x, _ in stacks]) for name in ("x1", "x2")}
            stack = stack, np.stack([y for _, y in stacks])
        else:
            (stack,) = stacks
        weights, loss, _ = epoch(weights, stack, recipe.learning_rate)
        np.asarray(loss)  # JAX returns before it has finished.
        ends.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(ends)]


def numpy_epoch(weights, stack, learning_rate):
    """A loop over the batches, with the gradients written out."""
    import numpy as np

    hidden_kernel, hidden_bias, kernel, bias = (weight.copy() for weight in weights)
    inputs, labels = stack
    inputs = np.concatenate([inputs["x1"], inputs["x2"]], axis=-1).astype(np.float32)
    labels = labels.astype(np.float32)
    rate = np.float32(learning_rate / labels.shape[1])
    loss = accuracy = 0
    for x, y in zip(inputs, labels, strict=True):
        hidden = np.tanh(x @ hidden_kernel + hidden_bias)
        logit = hidden @ kernel + bias
        decay = np.exp(-np.abs(logit))
        probability = np.where(logit > 0, 1, decay) / (1 + decay)
        loss += np.mean(np.maximum(logit, 0) - logit * y + np.log1p(decay))
        accuracy += np.mean((logit > 0) == (y > 0))
        logit_error = rate * (probability - y)
        hidden_error = logit_error @ kernel.T * (1 - hidden * hidden)
        kernel -= hidden.T @ logit_error
        bias -= logit_error.sum(axis=0)
        hidden_kernel -= x.T @ hidden_error
        hidden_bias -= hidden_error.sum(axis=0)
    return [hidden_kernel, hidden_bias, kernel, bias], loss / len(labels), accuracy / len(labels)


def jax_epoch(runs=None):
    """A compiled `jax.lax.scan` over the batches, called like `numpy_epoch`.

    With a number of `runs`, weights and batches have a leading axis of this length.
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
