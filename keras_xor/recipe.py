"""The recipe of a run; imports nothing heavy, so `--help` is instant."""

import dataclasses

from keras_xor import checks
from keras_xor.checks import KerasXorError, shown


def _field(default, check, help):
    return dataclasses.field(default=default, metadata={"check": check, "help": help})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that defines a run, except its seed. The defaults are the guide's.

    Activations, initializers, losses and optimizers are given by their Keras names, such as
    "relu", "he_normal", "mean_squared_error" and "adam", ignoring case and underscores. Recipes
    with equal fields are equal. `Recipe(**dataclasses.asdict(recipe))` equals `recipe`, even after
    the dict has been through JSON.

    Source: the Axon guide "Modeling XOR with a neural network",
    https://hexdocs.pm/axon/xor.html

    Attributes:
        hidden_units: Tuple of the units of 1 to 4 hidden layers, 1 to 256 each. A number means
            one layer; "4x4" means two. Defaults to (8,).
        activation: Activation of the hidden layers; the output layer uses a sigmoid. Defaults
            to "tanh".
        kernel_initializer: Initializer of all kernels, with Keras's default arguments; biases
            start at 0. Defaults to "glorot_uniform".
        loss: A loss for one probability per example. Defaults to "binary_crossentropy".
        optimizer: Optimizer, with Keras's default arguments except for the next three fields.
            Defaults to "sgd".
        learning_rate: From 1.2e-38 to 3.4e38, the range of float32. Defaults to 0.01, Axon's
            default for SGD, for every optimizer.
        momentum: From 0 to 1, for "sgd", "rmsprop" or "muon". Defaults to 0, also for
            "muon", whose default in Keras is 0.95.
        nesterov: Whether to use Nesterov momentum, for "sgd" or "muon". Defaults to False.
        batch_size: Examples in a batch, 1 to 2**24. Defaults to 32.
        steps_per_epoch: Batches in an epoch, 1 to 2**53. Defaults to 1000.
        epochs: Number of epochs, 1 to 2**53. Defaults to 10.

    Raises:
        KerasXorError: a field is out of range, or the optimizer does not support the momentum.
    """

    hidden_units: tuple = _field(
        (8,), checks.hidden_units, "units of the hidden layer; 4x4 for two layers of 4"
    )
    activation: str = _field("tanh", checks.activation, "activation of the hidden layers")
    kernel_initializer: str = _field(
        "glorot_uniform", checks.kernel_initializer, "initializer of the kernels"
    )
    loss: str = _field("binary_crossentropy", checks.loss, "loss, such as mean_squared_error")
    optimizer: str = _field("sgd", checks.optimizer, "optimizer, such as adam")
    learning_rate: float = _field(0.01, checks.learning_rate, "learning rate of the optimizer")
    momentum: float = _field(0.0, checks.momentum, "for sgd, rmsprop or muon, from 0 to 1")
    nesterov: bool = _field(False, checks.switch, "use Nesterov momentum")
    batch_size: int = _field(32, checks.batch_size, "examples in a batch")
    steps_per_epoch: int = _field(1_000, checks.count, "batches in an epoch")
    epochs: int = _field(10, checks.count, "number of epochs")

    def __post_init__(self):
        for field in dataclasses.fields(Recipe):
            value = field.metadata["check"](getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, value)
        if self.momentum and self.optimizer not in checks.WITH_MOMENTUM:
            names = checks.alternatives(checks.WITH_MOMENTUM)
            raise KerasXorError(f"{self.optimizer} has no momentum: leave it out, or use {names}")
        if self.nesterov and (self.optimizer not in checks.WITH_NESTEROV or not self.momentum):
            names = checks.alternatives(checks.WITH_NESTEROV)
            raise KerasXorError(f"nesterov needs {names}, with a momentum such as 0.9")

    @property
    def steps(self):
        """The steps of all epochs."""
        return self.epochs * self.steps_per_epoch

    def settings(self):
        """The fields by name, as text, as on the command line."""
        return {name: _text(value) for name, value in dataclasses.asdict(self).items()}


def _text(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


GUIDE = Recipe()


def check_recipe(recipe):
    """Raise `KerasXorError` unless `recipe` is a `Recipe`."""
    if not isinstance(recipe, Recipe):
        raise KerasXorError(
            f"recipe must be a keras_xor.Recipe, such as Recipe(epochs=5), not {shown(recipe)}"
        )
