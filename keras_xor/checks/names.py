"""Names that Keras and Graphviz know."""

from keras_xor.checks.errors import KerasXorError, shown


def activation(value, name="it"):
    """The activation of the hidden layer: tanh, relu or sigmoid."""
    return _one_of(value, name, "tanh", "relu", "sigmoid")


def rankdir(value, name="it"):
    """Graphviz's direction of a graph: TB, LR, BT or RL."""
    return _one_of(value, name, "TB", "LR", "BT", "RL")


def _one_of(value, name, *choices):
    if not isinstance(value, str) or value not in choices:
        *others, last = choices
        raise KerasXorError(f"{name} must be {', '.join(others)} or {last}, not {shown(value)}")
    return value
