"""Numbers in, probabilities out."""

import numpy as np

from keras_xor.signature import call, model_inputs, probabilities


def predict(model, x1, x2):
    """The probability that x1 xor x2 is 1.

    Args:
        model: A `keras.Model` such as `build_model` or `load_model` returns, with two inputs of
            one number each or one input of two; see `keras_xor.signature.model_inputs`.
        x1: A number, or an array-like of numbers, of any shape.
        x2: The same; the shapes are broadcast.

    Returns:
        A `numpy.ndarray` of dtype float32 and the shape of `x1` and `x2`. Outside [0, 1] the
        network extrapolates.

    Raises:
        KerasXorError: `model` has other inputs or outputs.
    """
    x1, x2 = np.broadcast_arrays(x1, x2)
    # A direct call: at this size `model.predict` takes far longer to compile than to run.
    outputs = call(model, model_inputs(model, x1, x2))
    return probabilities(model, outputs).reshape(x1.shape)


def predictions(model, x1, x2):
    """Like `predict`, but one dict per point with the keys "x1", "x2", "y" and "class".

    Args:
        model: See `predict`.
        x1: A sequence of numbers.
        x2: The same, with the length of `x1`.

    Returns:
        A list of dicts of Python numbers; "y" is the probability and "class" is 1
        where it is above 0.5, as in `keras.metrics.BinaryAccuracy`, and 0 elsewhere.
    """
    columns = (np.ravel(values).tolist() for values in (x1, x2, predict(model, x1, x2)))
    return [
        {"x1": a, "x2": b, "y": y, "class": int(y > 0.5)} for a, b, y in zip(*columns, strict=True)
    ]
