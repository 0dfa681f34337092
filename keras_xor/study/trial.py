"""Try out whether the loss and the gradients of a model are what a study takes them for."""

import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.data import examples, point_counts, random_source, random_words
from keras_xor.study.initial import InitialWeights
from keras_xor.study.network import (
    LABELS,
    POINTS,
    answers_of,
    inputs_of,
    loss_answers_and_gradients,
)
from keras_xor.training import LARGEST_LOSS

_TOLERANCE = 1e-4  # Relative, of losses and gradients in float32
_NOISE = (0, 0), (0, 1), (-0.9, 0.9)  # Added to the initial weights. (0, 1) keeps relu units alive.
_BATCHES = 1, 3, 64


def check_training(model):
    """Raise `KerasXorError` unless four weighted points, in XLA, stand for a batch without it.

    Args:
        model: A model that `keras_xor.study.network.check_network` accepts.
    """

    def in_batch(weights, x, y):
        return loss_answers_and_gradients(model, weights, x, y)

    def on_points(weights, share):
        points = inputs_of(model, *POINTS)
        return loss_answers_and_gradients(model, weights, points, LABELS, share)

    weights = [tf.TensorSpec(weight.shape) for weight in model.weights]
    batch = tf.nest.map_structure(
        lambda column: tf.TensorSpec((None, column.shape[1]), column.dtype),
        (inputs_of(model, *POINTS), LABELS),
    )
    on_points = tf.function(
        on_points, [weights, tf.TensorSpec(4)], jit_compile=True, autograph=False
    )
    if not model.run_eagerly:
        in_batch = tf.function(in_batch, [weights, *batch], autograph=False)
    initial = [weight[0] for weight in InitialWeights(model)([0])]
    rng = np.random.default_rng(0)
    for low, high in _NOISE:
        noise = [rng.uniform(low, high, weight.shape) for weight in initial]
        weights = [tf.constant(w + n, tf.float32) for w, n in zip(initial, noise, strict=True)]
        for batch_size in _BATCHES:
            _check_batch(model, in_batch, on_points, weights, batch_size)


def _check_batch(model, in_batch, on_points, weights, batch_size):
    words = random_words(random_source(batch_size), 1, batch_size)
    x, y = examples(words, batch_size)
    batch = inputs_of(model, x["x1"][0], x["x2"][0])
    loss, _, gradients = in_batch(weights, batch, y[0])
    if any(isinstance(gradient, tf.IndexedSlices) for gradient in gradients):
        raise KerasXorError("a study cannot train layers with sparse gradients, such as Embedding")

    share = 4 * point_counts(words, batch_size)[:, 0] / batch_size
    same_loss, answers, same = on_points(weights, tf.constant(share, tf.float32))
    again = answers_of(model, weights, inputs_of(model, *POINTS))
    if not all(np.isfinite(values).all() for values in (same_loss, *same)):
        raise KerasXorError(
            "a study cannot train this model: its loss at labels of 0 and 1, or a gradient of it, "
            "is not a number in XLA near its initial weights. Look at the loss and the "
            "initializers, and leave out UnitNormalization"
        )
    if loss > LARGEST_LOSS:
        raise KerasXorError(
            f"model must have a smaller loss than {float(loss):.3g} before training, because a "
            f"loss above {LARGEST_LOSS:,.0f} counts as diverged: use another loss or loss_weights"
        )
    scale = max(np.max(np.abs(values)) for values in (loss, *gradients))
    pairs = zip((loss, again, *gradients), (same_loss, answers, *same), strict=True)
    if not all(np.allclose(*pair, _TOLERANCE, _TOLERANCE * scale) for pair in pairs):
        raise KerasXorError(
            "a study cannot train this model: its loss of a batch, or a gradient of it, is not the "
            "mean of its examples', each the same at each call. Leave out layers such as "
            "BatchNormalization and Dropout, and activity regularizers, and let the loss return a "
            "value per example, without a reduction"
        )
