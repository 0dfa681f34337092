"""Checked numbers in, probabilities out."""

import numbers

import numpy as np

from keras_xor.checks import KerasXorError, shown
from keras_xor.model import check_model

# Larger inputs are scaled down to this, which is finite in float32 and saturates the layer.
_LARGEST = 1e30


def predict(model, x1, x2):
    """The probability that x1 xor x2 is 1.

    Args:
        model: A `keras.Model` such as `build_model` or `load_model` returns.
        x1: A finite number, or an array-like of finite numbers, of any shape.
        x2: The same, with the shape of `x1`.

    Returns:
        A `numpy.ndarray` of dtype float32 and the shape of `x1`. Outside [0, 1] the
        network extrapolates.

    Raises:
        KerasXorError: `model` has other inputs, an input is not a finite real number, the
            shapes differ, or the numbers are too large for the weights of the model.
    """
    check_model(model, functional=False)
    x1, x2 = _finite_array(x1, "x1"), _finite_array(x2, "x2")
    if x1.shape != x2.shape:
        raise KerasXorError(
            f"x1 and x2 must have equal shapes, not {x1.shape} and {x2.shape}: give them in pairs"
        )
    shrink = _LARGEST / np.maximum(_LARGEST, np.maximum(abs(x1), abs(x2)))
    inputs = {
        "x1": (x1 * shrink).astype(np.float32).reshape(-1, 1),
        "x2": (x2 * shrink).astype(np.float32).reshape(-1, 1),
    }
    # A direct call: at this size `model.predict` takes far longer to compile than to run.
    probabilities = np.asarray(model(inputs, training=False), np.float32).reshape(x1.shape)
    if not np.isfinite(probabilities).all():
        raise KerasXorError("the model's weights are too large for these x1 and x2: retrain it")
    return probabilities


def _finite_array(values, name):
    """`values` as float64; they must be real, not text, dates, complex numbers or masked."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and all(isinstance(x, numbers.Real) for x in array.flat):
            array = array.astype(np.float64)
    except (OverflowError, TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or np.ma.is_masked(values) or not np.isfinite(array).all():
        raise KerasXorError(f"{name} must be finite numbers, not {shown(values)}")
    return array.astype(np.float64)


def _python(values):
    return np.ravel(values).tolist()


def predictions(model, x1, x2):
    """Like `predict`, but one dict per point with the keys "x1", "x2", "y" and "class".

    Args:
        model: See `predict`.
        x1: A sequence of finite numbers, or an array of one dimension.
        x2: The same, with the length of `x1`.

    Returns:
        A list of dicts of Python numbers; "y" is the probability and "class" is 1
        where it is above 0.5, as in `keras.metrics.BinaryAccuracy`, and 0 elsewhere.

    Raises:
        KerasXorError: as for `predict`.
    """
    y = predict(model, x1, x2)
    return [
        {"x1": a, "x2": b, "y": probability, "class": int(probability > 0.5)}
        for a, b, probability in zip(*map(_python, (x1, x2, y)), strict=True)
    ]
