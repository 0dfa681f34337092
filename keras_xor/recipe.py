"""The recipe of a run; imports nothing heavy, so `--help` is instant."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from keras_xor import values
from keras_xor.values import KerasXorError


def _field(default: Any, parse: Callable, help: str) -> Any:
    return dataclasses.field(default=default, metadata={"parse": parse, "help": help})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that defines a run, except its seed. The defaults are the guide's.

    Names are Keras's, such as "relu", "he_normal" and "adam", ignoring case and underscores.

    Source: the Axon guide "Modeling XOR with a neural network", https://hexdocs.pm/axon/xor.html

    Attributes:
        hidden_units: Units of 1 to 4 hidden layers, 1 to 256 each; 8, (4, 4) or "4x4".
        activation: Activation of the hidden layers; the output layer has a sigmoid.
        kernel_initializer: Initializer of all kernels. Biases start at 0.
        loss: A loss for one prediction per example.
        optimizer: Optimizer, with Keras's defaults except for the next three fields.
        learning_rate: The default is Axon's for SGD, whatever the optimizer.
        momentum: For "sgd", "rmsprop" or "muon". The default is 0, also for "muon".
        nesterov: Whether to use Nesterov momentum, for "sgd" or "muon".
        batch_size: Examples in a batch, at most 2**24.
        steps_per_epoch: Batches in an epoch.
        epochs: Number of epochs.
        data: "random": each example is one of the four points, drawn at random, as in the guide.
            "shuffled": passes over the four points in a new order each time, cut into batches, as
            `fit(X, Y)` does; a batch has all four from a batch size of 4 on, and may otherwise
            span two passes.
        labels: The labels of (0, 0), (0, 1), (1, 0) and (1, 1): "0110" is XOR, "0001" is AND.
        noise: Standard deviation of normal noise on the inputs of each example.

    Raises:
        KerasXorError: a field is out of range, or the optimizer does not support the momentum.
    """

    hidden_units: tuple[int, ...] = _field(
        (8,), values.parse_units, "units of the hidden layer; 4x4 for two layers of 4"
    )
    activation: str = _field(
        "tanh", values.name_parser(values.ACTIVATIONS), "activation of the hidden layers"
    )
    kernel_initializer: str = _field(
        "glorot_uniform", values.name_parser(values.INITIALIZERS), "initializer of the kernels"
    )
    loss: str = _field(
        "binary_crossentropy", values.name_parser(values.LOSSES), "loss, such as mean_squared_error"
    )
    optimizer: str = _field("sgd", values.name_parser(values.OPTIMIZERS), "optimizer, such as adam")
    learning_rate: float = _field(
        0.01, values.float_parser(1.2e-38, 3.4e38), "learning rate of the optimizer"
    )
    momentum: float = _field(
        0.0, values.float_parser(0, 1), "for sgd, rmsprop or muon, from 0 to 1"
    )
    nesterov: bool = _field(False, values.parse_switch, "use Nesterov momentum")
    batch_size: int = _field(32, values.int_parser(1, 2**24), "examples in a batch")
    steps_per_epoch: int = _field(1_000, values.int_parser(1), "batches in an epoch")
    epochs: int = _field(10, values.int_parser(1), "number of epochs")
    data: str = _field(
        "random", values.name_parser(values.DATA), "random points, or shuffled passes over the four"
    )
    labels: str = _field(
        "0110", values.parse_labels, "labels of (0, 0), (0, 1), (1, 0), (1, 1); 0001 is AND"
    )
    noise: float = _field(
        0.0, values.float_parser(0, 1e3), "standard deviation of normal noise on the inputs"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(Recipe):
            try:
                value = field.metadata["parse"](getattr(self, field.name))
            except KerasXorError as problem:
                raise KerasXorError(f"{field.name} {problem}") from None
            object.__setattr__(self, field.name, value)
        if self.momentum and self.optimizer not in values.WITH_MOMENTUM:
            names = values.join_names(values.WITH_MOMENTUM)
            raise KerasXorError(f"{self.optimizer} has no momentum: leave it out, or use {names}")
        if self.nesterov and (self.optimizer not in values.WITH_NESTEROV or not self.momentum):
            names = values.join_names(values.WITH_NESTEROV)
            raise KerasXorError(f"nesterov needs {names}, with a momentum such as 0.9")

    @property
    def steps(self) -> int:
        """The steps of all epochs."""
        return self.epochs * self.steps_per_epoch

    @property
    def parameters(self) -> int:
        """The number of weights and biases of the network."""
        units = 2, *self.hidden_units, 1
        return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(units))

    def settings(self) -> dict[str, str]:
        """The fields as text, as on the command line."""
        return {name: _to_text(value) for name, value in dataclasses.asdict(self).items()}

    def changes(self, seed: int = 0) -> dict[str, str]:
        """The `settings` that differ from the default, and "seed" unless it is 0."""
        settings, default = self.settings(), DEFAULT.settings()
        changes = {name: text for name, text in settings.items() if text != default[name]}
        return changes | ({"seed": str(seed)} if seed else {})


def compare_settings(recipes: Sequence[Recipe]) -> list[dict[str, str]]:
    """Those `settings` of each recipe that are not the same in all."""
    settings = [recipe.settings() for recipe in recipes]
    varied = [name for name in settings[0] if len({each[name] for each in settings}) > 1]
    return [{name: each[name] for name in varied} for each in settings]


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


DEFAULT = Recipe()
DATA_FIELDS = "batch_size", "steps_per_epoch", "epochs", "data", "labels", "noise"
