"""How a model takes two numbers, and what its outputs mean."""

import inspect
import math
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_xor.data import TRUTH_TABLE
from keras_xor.values import KerasXorError


def make_inputs(model: keras.Model, x1: ArrayLike, x2: ArrayLike) -> Any:
    """x1 and x2 in the structure that a model takes, with the shapes and dtypes of its inputs.

    It may have two inputs of one number each, named x1 and x2 or taken in their order, or one input
    of two numbers. A model without known inputs, such as a subclass, gets a dict of x1 and x2, or
    pairs if it is Sequential.

    Raises:
        KerasXorError: the model has other inputs.
    """
    if not isinstance(model, keras.Model):
        raise KerasXorError(f"model must be a keras.Model, not {model!r:.80}")
    columns = {"x1": np.reshape(x1, (-1, 1)), "x2": np.reshape(x2, (-1, 1))}
    if not hasattr(model, "inputs"):
        columns = {name: column.astype("float32") for name, column in columns.items()}
        if isinstance(model, keras.Sequential):
            return np.concatenate([*columns.values()], axis=1)
        return columns
    names = [tensor.name for tensor in model.inputs]
    sizes = [_count_numbers(tensor) for tensor in model.inputs]
    if sizes == [2]:
        columns = {names[0]: np.concatenate([*columns.values()], axis=1)}
    elif sizes != [1, 1]:
        raise KerasXorError(
            "model must take two numbers, as two inputs or as one, but its inputs have the shapes "
            f"{', '.join(str(tensor.shape) for tensor in model.inputs)}"
        )
    elif {*names} != {*columns}:
        columns = dict(zip(names, columns.values(), strict=True))

    def shape(tensor: Any) -> np.ndarray:
        return columns[tensor.name].reshape(-1, *tensor.shape[1:]).astype(tensor.dtype)

    return keras.tree.map_structure(shape, get_input_structure(model))


def get_input_structure(model: keras.Model) -> Any:
    """The inputs of a model as it takes them: a tensor, or a list or dict of tensors."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def call_model(model: keras.Model, x: Any, training: bool = False) -> Any:
    """The outputs of a model, which may take no argument for `training`, as a subclass may."""
    takes_training = "training" in inspect.signature(model.call).parameters
    return model(x, training=training) if takes_training else model(x)


def _count_numbers(tensor: Any) -> int | None:
    """How many numbers of an example a tensor holds, or `None` if that is not fixed."""
    shape = tensor.shape[1:]
    return None if None in shape else math.prod(shape)


def to_probabilities(model: keras.Model, outputs: Any) -> np.ndarray:
    """The outputs of a model for a batch as the probabilities of class 1, of shape `(batch,)`.

    Logits go through the sigmoid, or the softmax if there are two. Of two outputs, the second
    counts. A tanh that was trained on -1 and 1 is rescaled to 0 and 1.

    Raises:
        KerasXorError: the model has more outputs.
    """
    outputs = [np.asarray(output, np.float32) for output in keras.tree.flatten(outputs)]
    y = outputs[0].reshape(-1, math.prod(outputs[0].shape[1:]))
    if len(outputs) > 1 or y.shape[1] not in (1, 2):
        raise KerasXorError(
            "model must have one output, of one or two numbers for each example, but its outputs "
            "have the shapes "
            f"{', '.join(str((None, *output.shape[1:])) for output in outputs)}"
        )
    if y.shape[1] == 2:
        return (np.asarray(keras.ops.softmax(y)) if outputs_logits(model) else y)[:, 1]
    y = y[:, 0]
    if outputs_logits(model):
        return np.asarray(keras.ops.sigmoid(y))
    return (y + 1) / 2 if _outputs_signs(model) else y


def outputs_logits(model: keras.Model) -> bool:
    """Whether a model outputs logits: its loss takes them, and its last layer gives them."""
    if get_last_activation(model) in ("sigmoid", "softmax"):
        return False
    return any(map(_takes_logits, keras.tree.flatten(getattr(model, "loss", None))))


def _takes_logits(loss: Any) -> bool:
    """Whether a loss of Keras, or a `functools.partial` of one, takes logits."""
    is_object = isinstance(loss, keras.losses.Loss)
    options = loss.get_config() if is_object else getattr(loss, "keywords", {})
    return bool(options.get("from_logits", getattr(loss, "from_logits", False)))


def _outputs_signs(model: keras.Model) -> bool:
    """Whether a model outputs -1 and 1: a tanh below -0.5 at one of the four points.

    With a cross-entropy, this means nothing, because it takes all numbers below 0 for 0.
    """
    if get_last_activation(model) != "tanh" or "entropy" in get_loss_name(model):
        return False
    return bool(np.min(call_model(model, make_inputs(model, *TRUTH_TABLE))) < -0.5)


def get_last_activation(model: keras.Model) -> str:
    """The name of the activation of the last layer of a model."""
    layer = model
    while isinstance(layer, keras.Model) and layer.layers:
        layer = layer.layers[-1]
    activation = getattr(layer, "activation", layer)
    return getattr(activation, "__name__", type(activation).__name__).lower()


def get_loss_name(model: keras.Model) -> str:
    """The name of the loss of a model, or "None"."""
    loss = getattr(model, "loss", None)
    return str(getattr(loss, "name", getattr(loss, "__name__", loss)))
