"""What each layer says at many points, with the weights of many epochs at once."""

import keras
import numpy as np


def outputs_of_layers(recipe, weights, points):
    """The outputs of all layers of a recipe's network.

    Args:
        recipe: A `Recipe`.
        weights: List of the kernel and the bias of each layer, each of shape `(epochs, *shape)`.
        points: Pairs of x1 and x2, of shape `(points, 2)`.

    Returns:
        A list with an array of shape `(epochs, points, units)` and dtype float32 for each layer,
        the last one with one unit, the probability.
    """
    activations = [recipe.activation] * len(recipe.hidden_units) + ["sigmoid"]
    x = np.broadcast_to(np.asarray(points, np.float32), (len(weights[0]), *np.shape(points)))
    outputs = []
    for activation, kernel, bias in zip(activations, weights[::2], weights[1::2], strict=True):
        x = keras.activations.get(activation)(keras.ops.matmul(x, kernel) + bias[:, None])
        outputs.append(np.asarray(x))
    return outputs
