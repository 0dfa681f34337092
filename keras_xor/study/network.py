"""The network that a study trains: what it must be like, and its loss, answers and gradients."""

import itertools
import re

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE
from keras_xor.runtime import silence
from keras_xor.signature import model_inputs

POINTS = [np.array(values)[:, None] for values in TRUTH_TABLE]  # Columns of x1 and x2
LABELS = POINTS[0] ^ POINTS[1]

_HOW_KERAS_TRAINS = "train_step", "make_train_function", "fit"


def check_network(model):
    """Raise `KerasXorError` unless `model` is compiled and maps x1 and x2 to one output."""
    if not isinstance(model, keras.Model):
        raise KerasXorError(f"model must be a keras.Model, not {model!r:.80}")
    if not model.built or not hasattr(model, "inputs"):
        raise KerasXorError("model must be functional or Sequential, with a keras.Input")
    inputs_of(model, *POINTS)
    outputs = [*map(tuple, (tensor.shape[1:] for tensor in model.outputs))]
    if outputs != [(1,)] or _gives_dict(model):
        raise KerasXorError(f"model must map to one output of shape (None, 1), not {outputs}")
    if not model.compiled or not model.optimizer or model.loss is None:
        raise KerasXorError("model must be compiled, with a loss: call model.compile first")
    if model.distribute_strategy is not tf.distribute.get_strategy():
        raise KerasXorError("model must not be built under a distribution strategy")
    for name in _HOW_KERAS_TRAINS:
        if getattr(getattr(model, name), "__func__", None) is not getattr(keras.Model, name):
            raise KerasXorError(f"a study cannot train a model with its own {name}")
    layers = [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]
    dtypes = {layer.compute_dtype for layer in layers}
    if dtypes | {weight.dtype for weight in model.weights} != {"float32"}:
        raise KerasXorError("model must have no other dtype than float32")
    if not model.trainable_weights:
        raise KerasXorError("model must have weights to train")


def _gives_dict(model):
    return not isinstance(model, keras.Sequential) and isinstance(model.output, dict)


def configuration(model):
    """What a study uses of a model, as text, except the learning rate and the weights' values.

    It is the same for a model that is built again. What Keras cannot serialize is left out, except
    plain attributes: a change of it counts when the model is compiled again.
    """
    layers = model._flatten_layers()
    weights = [thing for w in model.trainable_variables for thing in (w.constraint, w.regularizer)]
    loss_weights = getattr(model._compile_loss, "_user_loss_weights", None)
    losses = [*tf.nest.flatten(model.loss), loss_weights, model.compute_loss]
    things = [*layers, *weights, *losses, keras.config.epsilon()]
    with silence():  # Keras warns of a lambda.
        text = repr([_optimizer_of(model), *map(_described, things)])
    text = re.sub(r"'(shared_object_id|seed)': \d+", "", text)
    for number, layer in enumerate(layers):
        text = text.replace(repr(layer.name), f"'layer {number}'")
    return text


def _optimizer_of(model):
    kind = type(model.optimizer)
    config = _serialized(model.optimizer, kind.get_config)
    if isinstance(config, dict):
        config.pop("name", None)
        if isinstance(config.get("learning_rate"), float):
            del config["learning_rate"]
    return kind.__name__, config


def _described(thing):
    thing = getattr(thing, "__self__", thing)  # Of a method
    attributes = {
        name: value
        for name, value in getattr(thing, "__dict__", {}).items()
        if name == "_fn_kwargs"
        or (isinstance(value, bool | int | float | str) and not name.startswith("_"))
    }
    if isinstance(thing, keras.Model):
        return _serialized(thing, type(thing).get_config)  # The rest tells of its training.
    arguments = getattr(thing, "args", None), getattr(thing, "keywords", None)  # Of a partial
    return _serialized(thing), attributes, arguments


def _serialized(thing, serialize=keras.saving.serialize_keras_object):
    try:
        return serialize(thing)
    except Exception:  # It may be anything, and fail in any way.
        return type(thing).__name__


def inputs_of(model, x1, x2):
    """Columns of x1 and x2 as float32, in the structure that `model` takes."""
    return model_inputs(model, np.asarray(x1), np.asarray(x2))


def loss_answers_and_gradients(model, weights, x, y, sample_weight=None):
    """One training step of Keras, up to the optimizer.

    Args:
        model: A model that `check_network` accepts.
        weights: Tensors, in the order of `model.weights`.
        x: What `inputs_of` returned.
        y: The labels, of shape `(batch, 1)`.
        sample_weight: Array `(batch,)`, or `None`.

    Returns:
        The loss of the batch; the outputs, of shape `(batch,)`; the gradients of the loss, in the
        order of `model.trainable_weights`.

    Raises:
        KerasXorError: the step changes a variable by itself, as BatchNormalization and Dropout do,
            or a weight has no gradient.
    """
    mapping = [*zip(model.weights, weights, strict=True)]
    with tf.GradientTape() as tape:
        trained = of_trained(model, weights)
        tape.watch(trained)
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
            before = [*map(id, scope.state_mapping.values())]
            outputs = model(x, training=True)
            loss = model.compute_loss(x, y, outputs, sample_weight=sample_weight, training=True)
            loss = tf.cast(loss, tf.float32)
    if [*map(id, scope.state_mapping.values())] != before:
        raise KerasXorError(
            "a study cannot train this model, because one of its layers changes at each call: "
            "leave out layers such as BatchNormalization, Dropout and noise"
        )
    gradients = tape.gradient(loss, trained)
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        if gradient is None:
            raise KerasXorError(
                f"a study cannot train this model, because its loss has no gradient at the weight "
                f"{weight.path}: freeze the layer, or leave it out"
            )
    return loss, outputs[:, 0], gradients


def of_trained(model, weights):
    """Those of `weights`, in the order of `model.weights`, that are trained."""
    return [*itertools.compress(weights, _is_trained(model))]


def with_trained(model, weights, trained):
    """`weights`, in the order of `model.weights`, with those that are trained replaced."""
    trained = iter(trained)
    return [
        next(trained) if is_trained else weight
        for weight, is_trained in zip(weights, _is_trained(model), strict=True)
    ]


def _is_trained(model):
    trained = {*map(id, model.trainable_weights)}
    return [id(weight) in trained for weight in model.weights]


def answers_of(model, weights, x):
    """The outputs for a batch under `weights`, in the order of `model.weights`."""
    with keras.StatelessScope(state_mapping=[*zip(model.weights, weights, strict=True)]):
        return model(x, training=False)[:, 0]


def gives_logits(model):
    """Whether 0 rather than 0.5 is where an output of `model` changes its class."""
    return _takes_logits(model) and not _gives_probabilities(model)


def _gives_probabilities(model):
    """Whether outputs stay in [0, 1] for random weights; Keras may find a sigmoid's logits."""
    rng = np.random.default_rng(0)
    for _ in range(4):
        weights = [rng.normal(size=w.shape, scale=3).astype("float32") for w in model.weights]
        answers = answers_of(model, weights, inputs_of(model, *POINTS)).numpy()
        if np.any((answers < 0) | (answers > 1)):
            return False
    return True


def _takes_logits(model):
    """Whether the loss of `model` says so, or keeps falling beyond an output of 0 and 1."""
    for loss in tf.nest.flatten(model.loss):
        if getattr(loss, "from_logits", getattr(loss, "keywords", {}).get("from_logits")):
            return True

    def losses(label):
        x, y = inputs_of(model, [[0]], [[label]]), tf.constant([[label]])
        outputs = [tf.constant([[output]]) for output in (-1.5, -1.0, 0.0, 1.0, 1.5)]
        return [float(model.compute_loss(x, y, output)) for output in outputs]

    return bool(np.all(np.diff(losses(1)) < 0) and np.all(np.diff(losses(0)) > 0))
