"""A run as numbers that a page can draw."""

import math
from typing import Any

import numpy as np

from keras_xor.recipe import Recipe
from keras_xor.run import Run, compute_outputs

_MOST_FRAMES = 51
_MOST_UNITS = 16  # Of a layer
_OUTPUT, _UNIT = 41, 17  # Points on each axis


def make_drawing(run: Run) -> dict[str, Any]:
    """What the page draws of a run.

    A grid goes row by row from its upper left corner, where x1 is 0 and x2 is 1. Arrays are bytes,
    and have one part per epoch drawn. Of a layer, at most 16 units are drawn.

    Returns:
        A dict: "labels" of the four points; "epochs", those drawn, at most 51; "loss" and
        "accuracy" of all epochs, `None` where they are not finite; "units", how many each layer
        has, from the inputs to the output; "predictions" on a grid, of shape
        `(epochs, 41 * 41)` and dtype float32; and lists with an array per layer: "pictures", of
        shape `(epochs, units, 17 * 17)` and dtype int8, how the output of each unit on a grid
        differs from its output with all weights and biases 0, where 127 is the largest difference
        of its layer in that epoch and -128 is nan; "kernels" and "biases", of dtype float32 and
        the shapes of the weights.
    """
    frames = run.choose_epochs(_MOST_FRAMES)
    weights = [weight[frames] for weight in run.weights]
    return {
        "labels": run.recipe.labels,
        "epochs": run.epochs[frames].tolist(),
        "units": [2, *run.recipe.hidden_units, 1],
        **{name: [*map(_drop_infinite, run.history[name])] for name in ("loss", "accuracy")},
        "predictions": compute_outputs(run.recipe, weights, _make_grid(_OUTPUT))[-1].tobytes(),
        "pictures": _draw_units(run.recipe, weights),
        "kernels": [kernel[:, :_MOST_UNITS, :_MOST_UNITS].tobytes() for kernel in weights[::2]],
        "biases": [bias[:, :_MOST_UNITS].tobytes() for bias in weights[1::2]],
    }


def _make_grid(points: int) -> np.ndarray:
    """Points of the unit square as pairs of x1 and x2, row by row from the top."""
    axis = np.linspace(0, 1, points)
    x1, x2 = np.meshgrid(axis, axis[::-1])
    return np.stack([x1.ravel(), x2.ravel()], axis=-1)


def _draw_units(recipe: Recipe, weights: list[np.ndarray]) -> list[bytes]:
    points = _make_grid(_UNIT)
    inputs = np.broadcast_to(2 * points - 1, (len(weights[0]), *points.shape))
    outputs = compute_outputs(recipe, weights, points)
    silent = compute_outputs(recipe, [np.zeros_like(w[:1]) for w in weights], points[:1])
    differences = [inputs, *(a - b for a, b in zip(outputs, silent, strict=True))]
    return [_scale(layer[..., :_MOST_UNITS]).tobytes() for layer in differences]


def _scale(values: np.ndarray) -> np.ndarray:
    """Values of shape (epochs, points, units) as int8, of shape (epochs, units, points)."""
    values = np.moveaxis(values, 1, -1)
    is_finite = np.isfinite(values)
    largest = np.max(abs(values), axis=(1, 2), keepdims=True, initial=1e-9, where=is_finite)
    return np.where(is_finite, 127 * values / largest, -128).astype(np.int8)


def _drop_infinite(value: float) -> float | None:
    return value if math.isfinite(value) else None
