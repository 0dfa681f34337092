"""Checks of numbers and of strings that hold numbers."""

import math
import operator

from keras_xor.checks.errors import KerasXorError, shown

SEEDS = 1_000  # Defaults shared by a function and its script
RESOLUTION = 50
MOST_HIDDEN_UNITS = 256
_MOST_HIDDEN_LAYERS = 4
_LEAST_RATE, _LARGEST_RATE = 1.2e-38, 3.4e38  # Between them, float32 is neither 0 nor infinite.


def whole_number(value, name="it", lowest=1, highest=None):
    """An int in [lowest, highest]; a string is read as a decimal integer."""
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = None
    if (
        isinstance(value, bool)
        or number is None
        or number < lowest
        or (highest is not None and number > highest)
    ):
        limits = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise KerasXorError(f"{name} must be a whole number {limits}, not {shown(value)}")
    return number


def count(value, name="it"):
    """An int from 1 to 2**53, for epochs or steps."""
    number = whole_number(value, name)
    return number if number < 2**53 else whole_number(value, name, highest=2**53)


def batch_size(value, name="it"):
    """An int from 1 to 2**24: Keras counts the examples of a batch in float32."""
    return whole_number(value, name, highest=2**24)


def seed(value, name="it"):
    """An int of at least 0."""
    return whole_number(value, name, lowest=0)


def seeds(value, name="it"):
    """An int from 1 to 10**6; a study of 10**6 seeds takes some hours."""
    return whole_number(value, name, highest=10**6)


def port(value, name="it"):
    """An int from 0 to 65535; 0 is any port that is free."""
    return whole_number(value, name, lowest=0, highest=65535)


def hidden_units(value, name="it"):
    """A tuple of 1 to 4 ints from 1 to 256, one per hidden layer, also from 8 or "4x4"."""
    units = value.split("x") if isinstance(value, str) else value
    units = units if isinstance(units, list | tuple) else [units]
    try:
        numbers = tuple(whole_number(number, highest=MOST_HIDDEN_UNITS) for number in units)
    except KerasXorError:
        numbers = ()
    if not 1 <= len(numbers) <= _MOST_HIDDEN_LAYERS:
        raise KerasXorError(
            f"{name} must be a whole number from 1 to {MOST_HIDDEN_UNITS}, or up to "
            f"{_MOST_HIDDEN_LAYERS} of them such as 4x4, not {shown(value)}"
        )
    return numbers


def dpi(value, name="it"):
    """An int from 1 to 600; at 600 the picture has some 30 megapixels."""
    return whole_number(value, name, highest=600)


def resolution(value, name="it"):
    """An int from 2 (just the ends of an axis) to 200 (a chart of some megabytes)."""
    return whole_number(value, name, lowest=2, highest=200)


def finite_number(value, name="it"):
    """A float, neither nan nor infinite."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (OverflowError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise KerasXorError(f"{name} must be a finite number, not {shown(value)}")
    return number


def learning_rate(value, name="it"):
    """A float above 0 that is neither 0 nor infinite in float32."""
    number = finite_number(value, name)
    if number <= 0:
        raise KerasXorError(f"{name} must be above 0, not {shown(value)}")
    if not _LEAST_RATE <= number <= _LARGEST_RATE:
        raise KerasXorError(
            f"{name} must be from {_LEAST_RATE:g} to {_LARGEST_RATE:g}, not {shown(value)}: "
            "outside this range it is 0 or infinite in float32"
        )
    return number


def momentum(value, name="it"):
    """A float from 0 to 1."""
    number = finite_number(value, name)
    if not 0 <= number <= 1:
        raise KerasXorError(f"{name} must be from 0 to 1, not {shown(value)}")
    return number + 0.0  # -0.0 becomes 0.0, which is written differently.


def switch(value, name="it"):
    """A bool."""
    if not isinstance(value, bool):
        raise KerasXorError(f"{name} must be True or False, not {shown(value)}")
    return value


def is_number(text):
    """Whether `float` can parse `text`."""
    try:
        float(text)
    except ValueError:
        return False
    return True
