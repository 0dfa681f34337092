"""Names that Keras and Graphviz know.

Keras resolves the names with its own `get`. They are listed here because importing Keras takes
seconds and scripts should respond at once.
"""

import re

from keras_xor.checks.errors import KerasXorError, shown

ACTIVATIONS = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu"),
    *("hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6"),
    *("selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus"),
    *("sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink"),
)
INITIALIZERS = (
    *("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal"),
    *("lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform"),
    *("truncated_normal", "variance_scaling", "zeros"),
)
LOSSES = (  # For one probability per example, and too small to be mistaken for divergence.
    *("binary_crossentropy", "binary_focal_crossentropy", "hinge", "huber", "kl_divergence"),
    *("log_cosh", "mean_absolute_error", "mean_squared_error", "mean_squared_logarithmic_error"),
    *("poisson", "squared_hinge"),
)
OPTIMIZERS = (
    *("adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "muon"),
    *("nadam", "rmsprop", "schedulefreeadamw", "sgd"),
)
WITH_MOMENTUM = ("sgd", "rmsprop", "muon")
WITH_NESTEROV = ("sgd", "muon")

_OTHER_ACTIVATIONS = {"swish": "silu", "hardswish": "hard_silu"}
_OTHER_INITIALIZERS = {
    "identityinitializer": "identity",
    "normal": "random_normal",
    "one": "ones",
    "orthogonalinitializer": "orthogonal",
    "uniform": "random_uniform",
    "zero": "zeros",
}
_OTHER_LOSSES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}


def activation(value, name="it"):
    """Keras's name of an activation."""
    return _keras_name(value, name, ACTIVATIONS, _OTHER_ACTIVATIONS)


def kernel_initializer(value, name="it"):
    """Keras's name of an initializer."""
    return _keras_name(value, name, INITIALIZERS, _OTHER_INITIALIZERS)


def loss(value, name="it"):
    """Keras's name of a loss of one probability."""
    return _keras_name(value, name, LOSSES, _OTHER_LOSSES)


def optimizer(value, name="it"):
    """Keras's name of an optimizer."""
    return _keras_name(value, name, OPTIMIZERS, {})


def device(value, name="it"):
    """A device name for `keras.device`; "cpu" means "cpu:0"."""
    text = value.lower() if isinstance(value, str) else ""
    if not re.fullmatch(r"(cpu|gpu|tpu)(:\d{1,4})?", text, re.ASCII):
        raise KerasXorError(f"{name} must be a device such as cpu or gpu:1, not {shown(value)}")
    return text if ":" in text else f"{text}:0"


def rankdir(value, name="it"):
    """Graphviz's direction of a graph: TB, LR, BT or RL."""
    return _one_of(value, name, ("TB", "LR", "BT", "RL"))


def alternatives(names):
    """`names` as "sgd, rmsprop or muon"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


def _keras_name(value, name, choices, others):
    """One of `choices`; Keras's class names, such as "HeNormal", and its `others` work too."""
    known = {choice.replace("_", ""): choice for choice in choices} | others
    plain = value.lower().replace("_", "") if isinstance(value, str) else None
    return _one_of(known.get(plain, value), name, choices)


def _one_of(value, name, choices):
    if not isinstance(value, str) or value not in choices:
        raise KerasXorError(f"{name} must be {alternatives(choices)}, not {shown(value)}")
    return value
