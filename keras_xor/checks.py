"""Checks of values, and the names that Keras knows.

Nothing here imports anything heavy, so scripts respond at once.
"""

import math
import operator
import re
from pathlib import Path

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
DATA = ("random", "shuffled")
WITH_MOMENTUM = ("sgd", "rmsprop", "muon")
WITH_NESTEROV = ("sgd", "muon")
ALIASES = {  # Keras's other names for the same things
    **{"swish": "silu", "hardswish": "hard_silu"},
    **{"identityinitializer": "identity", "orthogonalinitializer": "orthogonal"},
    **{"normal": "random_normal", "uniform": "random_uniform", "one": "ones", "zero": "zeros"},
    **{"bce": "binary_crossentropy", "kld": "kl_divergence", "mae": "mean_absolute_error"},
    **{"mse": "mean_squared_error", "msle": "mean_squared_logarithmic_error"},
}


class KerasXorError(ValueError):
    """Bad input. The message is one line: what is wrong and what to do."""

    def __init__(self, message):
        super().__init__(one_line(message))


def one_line(message):
    """`message` in one printable line (file names and models may have any), shortened to 1,000."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(message))  # Keras's colors
    text = "".join(c if c.isprintable() else "?" for c in " ".join(plain.split()))
    return text if len(text) <= 1_000 else f"{text[:700]} ... {text[-295:]}"


# Checks of a value: each returns it converted, or raises what it must be.


def whole_number(lowest, highest=math.inf):
    """A check for an int in a range; text is converted."""
    limits = f"from {lowest} to {highest}" if highest < math.inf else f"of at least {lowest}"

    def check(value):
        try:
            number = int(value) if isinstance(value, str) else operator.index(value)
        except (TypeError, ValueError):
            number = math.nan
        if not lowest <= number <= highest:
            raise KerasXorError(f"must be a whole number {limits}, not {value!r:.80}")
        return number

    return check


def real_number(lowest, highest):
    """A check for a float in a range; text is converted."""

    def check(value):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not lowest <= number <= highest:
            raise KerasXorError(
                f"must be a number from {lowest:g} to {highest:g}, not {value!r:.80}"
            )
        return number

    return check


def one_of(choices):
    """A check for one of Keras's names, which may be an alias or the name of a class."""
    known = {choice.replace("_", ""): choice for choice in choices}

    def check(value):
        plain = value.lower().replace("_", "") if isinstance(value, str) else None
        found = known.get(plain, ALIASES.get(plain))
        if found not in choices:
            raise KerasXorError(f"must be {alternatives(choices)}, not {value!r:.80}")
        return found

    return check


def switch(value):
    """Check for a bool, which may be "on" or "off"."""
    for text, result in (("on", True), ("off", False)):
        if value is result or value == text:
            return result
    raise KerasXorError(f"must be on or off (True or False in Python), not {value!r:.80}")


def units_by_layer(value):
    """Check for a tuple of 1 to 4 ints from 1 to 256, which may be 8 or "4x4"."""
    units = value.split("x") if isinstance(value, str) else value
    units = units if isinstance(units, list | tuple) else [units]
    try:
        numbers = tuple(map(whole_number(1, 256), units))
    except KerasXorError:
        numbers = ()
    if not 1 <= len(numbers) <= 4:
        raise KerasXorError(
            "must be a whole number from 1 to 256, or up to 4 of them such as 4x4, not "
            f"{value!r:.80}"
        )
    return numbers


def truth_table(value):
    """Check for the labels of four points, as four digits of 0 and 1."""
    if not (isinstance(value, str) and re.fullmatch("[01]{4}", value)):
        raise KerasXorError(f"must be four digits of 0 and 1, such as 0110, not {value!r:.80}")
    return value


def export_suffix(path):
    """Check for a name that tells what to export to: ".onnx", ".tflite" or "" for a folder."""
    suffix = "" if str(path).endswith("/") else Path(path).suffix
    if suffix not in ("", ".onnx", ".tflite"):
        raise KerasXorError(f"must end in .onnx or .tflite, or in / for a folder, not {path!r:.80}")
    return suffix


def alternatives(names):
    """`names` as "sgd, rmsprop or muon"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"
