"""Names that Keras and Graphviz know.

Keras resolves the names by its own `get`. They are listed here, since Keras takes seconds to
import and a script answers at once.
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
LOSSES = (  # Of one probability an example, and of a size that is not taken for divergence.
    *("binary_crossentropy", "binary_focal_crossentropy", "hinge", "huber", "kl_divergence"),
    *("log_cosh", "mean_absolute_error", "mean_squared_error", "mean_squared_logarithmic_error"),
    *("poisson", "squared_hinge"),
)
OPTIMIZERS = (
    *("adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "muon"),
    *("nadam", "rmsprop", "schedulefreeadamw", "sgd"),
)
_SHORT = {
    "bce": "binary_crossentropy",
    "hardswish": "hard_silu",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "swish": "silu",
}


def activation(value, name="it"):
    """Keras's name of an activation."""
    return _keras_name(value, name, ACTIVATIONS)


def kernel_initializer(value, name="it"):
    """Keras's name of an initializer."""
    return _keras_name(value, name, INITIALIZERS)


def loss(value, name="it"):
    """Keras's name of a loss of one probability."""
    return _keras_name(value, name, LOSSES)


def optimizer(value, name="it"):
    """Keras's name of an optimizer."""
    return _keras_name(value, name, OPTIMIZERS)


def device(value, name="it"):
    """A device's name as `keras.device` takes it: "cpu" is read as "cpu:0"."""
    text = value.lower() if isinstance(value, str) else ""
    if not re.fullmatch(r"(cpu|gpu|tpu)(:\d{1,4})?", text, re.ASCII):
        raise KerasXorError(f"{name} must be such as cpu, gpu or gpu:1, not {shown(value)}")
    return text if ":" in text else f"{text}:0"


def rankdir(value, name="it"):
    """Graphviz's direction of a graph: TB, LR, BT or RL."""
    return _one_of(value, name, ("TB", "LR", "BT", "RL"))


def _keras_name(value, name, choices):
    """One of `choices`, which may be given as Keras writes its class: "HeNormal", "Adam"."""
    if isinstance(value, str):
        plain = value.lower().replace("_", "")
        long = _SHORT.get(plain, value)
        value = next((choice for choice in choices if choice.replace("_", "") == plain), long)
    return _one_of(value, name, choices)


def _one_of(value, name, choices):
    if not isinstance(value, str) or value not in choices:
        *others, last = choices
        raise KerasXorError(f"{name} must be {', '.join(others)} or {last}, not {shown(value)}")
    return value
