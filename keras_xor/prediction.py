"""Numbers in, predictions out."""

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_xor.signature import call_model, make_inputs, to_probabilities


def predict(model: keras.Model, x1: ArrayLike, x2: ArrayLike) -> np.ndarray:
    """The predicted probability that the label of x1 and x2 is 1.

    Args:
        model: A model of two numbers, with two inputs or one; see `signature.make_inputs`.
        x1: Numbers of any shape.
        x2: Numbers of a shape that can be broadcast with that of `x1`.

    Returns:
        An array of the broadcast shape and dtype float32. Outside [0, 1], the network extrapolates.

    Raises:
        KerasXorError: the model has other inputs or outputs.
    """
    x1, x2 = np.broadcast_arrays(x1, x2)
    # A direct call: at this size, `model.predict` takes far longer to compile than to run.
    outputs = call_model(model, make_inputs(model, x1, x2))
    return to_probabilities(model, outputs).reshape(x1.shape)


def list_predictions(model: keras.Model, x1: ArrayLike, x2: ArrayLike) -> list[dict[str, Any]]:
    """The predictions as a dict for each point, with "x1", "x2", "prediction" and "class".

    The class is 1 where the prediction is above 0.5, as for `keras.metrics.BinaryAccuracy`.
    """
    columns = (np.ravel(values).tolist() for values in (x1, x2, predict(model, x1, x2)))
    return [
        {"x1": a, "x2": b, "prediction": y, "class": int(y > 0.5)}
        for a, b, y in zip(*columns, strict=True)
    ]
