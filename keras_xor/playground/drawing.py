"""A run as numbers that a page can draw."""

import math

import numpy as np

from keras_xor.playground.layers import outputs_of_layers
from keras_xor.plots.common import evenly

_MOST_FRAMES = 51
_MOST_UNITS = 16  # Of a layer
_OUTPUT, _UNIT = 41, 17  # Points on each axis


def drawing(run):
    """A dict of what the page draws of a `Run`.

    Returns:
        A dict: "epochs", a list of those drawn, up to 51; "loss" and "accuracy", of all epochs,
        with `None` where they are not finite; "units", how many each layer has, from the inputs to
        the output; and arrays as bytes, with one part per epoch drawn: "output", the probabilities
        in float32 on a grid of 41 by 41 points, from the upper left corner, where x1 is 0 and x2
        is 1; for each layer, of at most 16 units, "pictures", their outputs as int8 on a grid of 17
        by 17, where 0 is the output without any input; "kernels" and "biases" in float32.
    """
    frames = evenly(len(run.weights[0]), _MOST_FRAMES)
    weights = [weight[frames] for weight in run.weights]
    recipe = run.recipe
    output = outputs_of_layers(recipe, weights, _grid(_OUTPUT))[-1]
    return {
        "epochs": frames,
        "steps_per_epoch": recipe.steps_per_epoch,
        "units": [2, *recipe.hidden_units, 1],
        **{name: [*map(_finite, run.history.history[name])] for name in ("loss", "accuracy")},
        "output": output.tobytes(),
        "pictures": _pictures(recipe, weights),
        "kernels": [kernel[:, :_MOST_UNITS, :_MOST_UNITS].tobytes() for kernel in weights[::2]],
        "biases": [bias[:, :_MOST_UNITS].tobytes() for bias in weights[1::2]],
    }


def _grid(resolution):
    """Points of the unit square as pairs of x1 and x2, row by row from the top."""
    axis = np.linspace(0, 1, resolution)
    x1, x2 = np.meshgrid(axis, axis[::-1])
    return np.stack([x1.ravel(), x2.ravel()], axis=-1)


def _pictures(recipe, weights):
    points = _grid(_UNIT)
    inputs = np.broadcast_to(2 * points - 1, (len(weights[0]), *points.shape))
    outputs = outputs_of_layers(recipe, weights, points)
    silent = outputs_of_layers(recipe, [np.zeros_like(weight) for weight in weights], points)
    differences = [inputs, *(a - b for a, b in zip(outputs, silent, strict=True))]
    return [_scaled(layer[..., :_MOST_UNITS]).tobytes() for layer in differences]


def _scaled(values):
    """Values as int8, with one picture after the other; 127 is the largest, -128 is nan."""
    values = np.moveaxis(values, 1, -1)
    largest = np.max(abs(values), initial=1e-9, where=np.isfinite(values))
    return np.where(np.isfinite(values), 127 * np.clip(values / largest, -1, 1), -128).astype(
        "int8"
    )


def _finite(value):
    return value if math.isfinite(value) else None
