"""How a model takes two numbers and what it answers, in the forms in which people build it."""

import inspect
import math

import keras
import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE


def model_inputs(model, x1, x2):
    """x1 and x2 in the structure that a model takes.

    Args:
        model: A `keras.Model` with two inputs of one number each, or one input of two numbers.
            The inputs are named x1 and x2, or are taken in their order. A model without known
            inputs, such as a subclass, gets a dict of x1 and x2, or pairs if it is Sequential.
        x1: An array of numbers, of shape `(batch,)` or `(batch, 1)`.
        x2: The same.

    Returns:
        Arrays of the shapes and dtypes of the inputs.

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
    sizes = [*map(_size, model.inputs)]
    if sizes == [2]:
        columns = {names[0]: np.concatenate([*columns.values()], axis=1)}
    elif sizes != [1, 1]:
        raise KerasXorError(
            "model must take two numbers, as two inputs or as one, but its inputs have the shapes "
            f"{', '.join(str(tensor.shape) for tensor in model.inputs)}"
        )
    elif {*names} != {*columns}:
        columns = dict(zip(names, columns.values(), strict=True))
    structure = input_structure(model)
    return keras.tree.map_structure(lambda tensor: _as(columns[tensor.name], tensor), structure)


def input_structure(model):
    """The inputs of a model as it takes them: a tensor, or a list or dict of tensors."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def call(model, x, training=False):
    """The outputs of a model, which may take no argument for `training`, as a subclass may."""
    options = (
        {"training": training} if "training" in inspect.signature(model.call).parameters else {}
    )
    return model(x, **options)


def _size(tensor):
    """How many numbers of an example a tensor holds, or `None` if that is not fixed."""
    shape = tensor.shape[1:]
    return None if None in shape else math.prod(shape)


def _as(values, tensor):
    return values.reshape(-1, *tensor.shape[1:]).astype(tensor.dtype)


def probabilities(model, outputs):
    """The outputs of a model as the probabilities of class 1, where they are something else.

    Logits go through the sigmoid, or the softmax if there are two. Of two outputs, the second
    counts. A tanh that was trained on -1 and 1 is rescaled to 0 and 1.

    Args:
        model: The `keras.Model`.
        outputs: What it returned for a batch: one or two numbers for each example.

    Returns:
        An array of shape `(batch,)` and dtype float32.

    Raises:
        KerasXorError: there are more outputs.
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
        return (np.asarray(keras.ops.softmax(y)) if gives_logits(model) else y)[:, 1]
    y = y[:, 0]
    if gives_logits(model):
        return np.asarray(keras.ops.sigmoid(y))
    return (y + 1) / 2 if _gives_signs(model) else y


def gives_logits(model):
    """Whether the loss of a model takes logits, and its last layer gives them."""
    losses = keras.tree.flatten(getattr(model, "loss", None))
    of_logits = any(
        getattr(loss, "from_logits", getattr(loss, "keywords", {}).get("from_logits"))
        for loss in losses  # A loss of Keras, or a `functools.partial` of one
    )
    return of_logits and _last_activation(model) not in ("sigmoid", "softmax")


def _gives_signs(model):
    """Whether a model answers -1 and 1: a tanh below -0.5 at one of the four points.

    With a cross-entropy, this means nothing, because it takes all numbers below 0 for 0.
    """
    if _last_activation(model) != "tanh" or "entropy" in loss_name(model):
        return False
    return bool(np.min(call(model, model_inputs(model, *TRUTH_TABLE))) < -0.5)


def _last_activation(model):
    layer = model
    while isinstance(layer, keras.Model) and layer.layers:
        layer = layer.layers[-1]
    activation = getattr(layer, "activation", layer)
    return getattr(activation, "__name__", type(activation).__name__).lower()


def loss_name(model):
    """The name of the loss of a model, or "None"."""
    loss = getattr(model, "loss", None)
    return str(getattr(loss, "name", getattr(loss, "__name__", loss)))
