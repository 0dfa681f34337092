"""A run as numbers that a page can draw."""

import math
from typing import Any

import keras
import numpy as np

from keras_xor.projection import project_hidden
from keras_xor.recipe import Recipe
from keras_xor.run import Run, compute_outputs

_MOST_FRAMES = 51
_MOST_UNITS = 16  # Of a layer
_FINE, _EVERY = 33, 2  # Points on each axis; of the units, every second is drawn.


def make_drawing(run: Run) -> dict[str, Any]:
    """What the page draws of a run.

    A grid goes row by row from its upper left corner, where x1 is 0 and x2 is 1. Arrays are bytes,
    and have one part per epoch drawn. Of a layer, at most 16 units are drawn.

    Returns:
        A dict: "labels" of the four points; "epochs", those drawn, at most 51; "loss" and
        "accuracy" of all epochs, `None` where they are not finite; "units", how many each layer
        has, from the inputs to the output; "predictions" on a grid, of shape
        `(epochs, 33 * 33)` and dtype float32; and lists with an array per layer: "pictures", of
        shape `(epochs, units, 17 * 17)` and dtype int8, how the output of each unit on a grid
        differs from its output with all weights and biases 0, where 127 is the largest difference
        of its layer in that epoch and -128 is nan; "kernels" and "biases", of dtype float32 and
        the shapes of the weights. "hidden" and "borders" are what `project_hidden` returns for a
        grid of 17 * 17 points.
    """
    recipe, frames = run.recipe, run.choose_epochs(_MOST_FRAMES)
    weights = [weight[frames] for weight in run.weights]
    points = _make_grid(_FINE)
    outputs = compute_outputs(recipe, weights, points)
    layers = [
        _thin(layer) for layer in (np.broadcast_to(points, (len(frames), *points.shape)), *outputs)
    ]
    hidden, borders = project_hidden(layers[-2], weights[-2][..., 0], weights[-1][..., 0])
    return {
        "labels": recipe.labels,
        "epochs": run.epochs[frames].tolist(),
        "units": [2, *recipe.hidden_units, 1],
        **{name: [*map(_drop_infinite, run.history[name])] for name in ("loss", "accuracy")},
        "predictions": outputs[-1].tobytes(),
        "pictures": [
            _scale(layer[..., :_MOST_UNITS] - middle).tobytes()
            for layer, middle in zip(layers, _find_middles(recipe), strict=True)
        ],
        "hidden": hidden.tobytes(),
        "borders": borders.tobytes(),
        "kernels": [kernel[:, :_MOST_UNITS, :_MOST_UNITS].tobytes() for kernel in weights[::2]],
        "biases": [bias[:, :_MOST_UNITS].tobytes() for bias in weights[1::2]],
    }


def _make_grid(size: int) -> np.ndarray:
    """Points of the unit square as pairs of x1 and x2, row by row from the top."""
    axis = np.linspace(0, 1, size)
    x1, x2 = np.meshgrid(axis, axis[::-1])
    return np.stack([x1.ravel(), x2.ravel()], axis=-1)


def _thin(values: np.ndarray) -> np.ndarray:
    """The values at every second point of each axis, of shape (epochs, points, units)."""
    epochs, _, units = values.shape
    grid = values.reshape(epochs, _FINE, _FINE, units)
    return grid[:, ::_EVERY, ::_EVERY].reshape(epochs, -1, units)


def _find_middles(recipe: Recipe) -> list[Any]:
    """Of each layer, half an input, or the output of its units with all weights and biases 0."""
    activation = keras.activations.get(recipe.activation)
    zeros = [np.zeros((1, units), np.float32) for units in recipe.hidden_units]
    return [0.5, *(np.asarray(activation(x))[:, :_MOST_UNITS] for x in zeros), 0.5]


def _scale(values: np.ndarray) -> np.ndarray:
    """Values of shape (epochs, points, units) as int8, of shape (epochs, units, points)."""
    values = np.moveaxis(values, 1, -1)
    is_finite = np.isfinite(values)
    largest = np.max(abs(values), axis=(1, 2), keepdims=True, initial=1e-9, where=is_finite)
    return np.where(is_finite, 127 * values / largest, -128).astype(np.int8)


def _drop_infinite(value: float) -> float | None:
    return value if math.isfinite(value) else None
