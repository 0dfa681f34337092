"""Which values the fields of a recipe and the options of the scripts may have."""

import math
import operator
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

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

    def __init__(self, message: object) -> None:
        super().__init__(to_one_line(message))


def to_one_line(message: object) -> str:
    """A message in one printable line (file names and models may have any), at most 1,000 long."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(message))  # Keras's colors
    text = "".join(c if c.isprintable() else "?" for c in " ".join(plain.split()))
    return text if len(text) <= 1_000 else f"{text[:700]} ... {text[-295:]}"


# These parse a value, which may be text, or raise an error about what it must be.


def int_parser(lowest: int, highest: float = math.inf) -> Callable[[Any], int]:
    limits = f"from {lowest} to {highest}" if highest < math.inf else f"of at least {lowest}"

    def parse(value: Any) -> int:
        try:
            number = int(value) if isinstance(value, str) else operator.index(value)
        except (TypeError, ValueError):
            number = None
        if number is None or not lowest <= number <= highest:
            raise KerasXorError(f"must be a whole number {limits}, not {value!r:.80}")
        return number

    return parse


def float_parser(lowest: float, highest: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not lowest <= number <= highest:
            raise KerasXorError(
                f"must be a number from {lowest:g} to {highest:g}, not {value!r:.80}"
            )
        return number

    return parse


def name_parser(names: tuple[str, ...]) -> Callable[[Any], str]:
    """For one of Keras's names, or an alias of it, ignoring case and underscores."""
    known = {name.replace("_", ""): name for name in names}

    def parse(value: Any) -> str:
        plain = value.lower().replace("_", "") if isinstance(value, str) else ""
        found = known.get(plain) or ALIASES.get(plain)
        if found not in names:
            raise KerasXorError(f"must be {join_names(names)}, not {value!r:.80}")
        return found

    return parse


def parse_seed(value: Any) -> int:
    return int_parser(0, 2**32 - 1)(value)  # As for `keras.utils.set_random_seed`


def parse_switch(value: Any) -> bool:
    for text, result in (("on", True), ("off", False)):
        if value is result or value == text:
            return result
    raise KerasXorError(f"must be on or off (True or False in Python), not {value!r:.80}")


def parse_units(value: Any) -> tuple[int, ...]:
    """The units of 1 to 4 layers, 1 to 256 each, such as 8, (4, 4) or "4x4"."""
    units = value.split("x") if isinstance(value, str) else value
    units = units if isinstance(units, list | tuple) else [units]
    try:
        numbers = tuple(map(int_parser(1, 256), units))
    except KerasXorError:
        numbers = ()
    if not 1 <= len(numbers) <= 4:
        raise KerasXorError(
            "must be a whole number from 1 to 256, or up to 4 of them such as 4x4, not "
            f"{value!r:.80}"
        )
    return numbers


def parse_labels(value: Any) -> str:
    if not (isinstance(value, str) and re.fullmatch("[01]{4}", value)):
        raise KerasXorError(f"must be four digits of 0 and 1, such as 0110, not {value!r:.80}")
    return value


def parse_export_suffix(path: str | Path) -> str:
    """What to export to: ".onnx", ".tflite" or "" for a folder."""
    suffix = "" if str(path).endswith("/") else Path(path).suffix
    if suffix not in ("", ".onnx", ".tflite"):
        raise KerasXorError(f"must end in .onnx or .tflite, or in / for a folder, not {path!r:.80}")
    return suffix


def join_names(names: Iterable[str]) -> str:
    """Names as "sgd, rmsprop or muon"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"
