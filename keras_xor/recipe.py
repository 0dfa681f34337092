"""The recipe of a run; imports nothing heavy, so that a script's --help is instant."""

import dataclasses

from keras_xor import checks
from keras_xor.checks import KerasXorError, shown

_WITH_MOMENTUM = ("sgd", "rmsprop", "muon")
_WITH_NESTEROV = ("sgd", "muon")


def _field(default, check, help):
    return dataclasses.field(default=default, metadata={"check": check, "help": help})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about a run but its seed. The defaults are the guide's.

    Activations, initializers, losses and optimizers have their names in Keras, such as "relu",
    "he_normal", "mean_squared_error" and "adam"; capitals and underscores make no difference.
    Recipes of equal fields are equal. `Recipe(**fields)` of the `dataclasses.asdict` of a recipe,
    also of one that went through JSON, is that recipe.

    Source: the Axon guide "Modeling XOR with a neural network",
    https://hexdocs.pm/axon/xor.html

    Attributes:
        hidden_units: Units of each hidden layer, 1 to 256, of 1 to 4 layers, as a tuple. A
            number is one layer; "4x4" is two. Defaults to (8,).
        activation: Of the hidden layers. Defaults to "tanh". The output is a sigmoid.
        kernel_initializer: Of all kernels, with its defaults in Keras; biases start at 0.
            Defaults to "glorot_uniform".
        loss: A loss of one probability an example. Defaults to "binary_crossentropy".
        optimizer: With its defaults in Keras but for the next three. Defaults to "sgd".
        learning_rate: From 1.2e-38 to 3.4e38, as float32 goes. Defaults to 0.01, which is
            Axon's default for SGD, whatever the optimizer.
        momentum: From 0 to 1, of "sgd", "rmsprop" or "muon". Defaults to 0.
        nesterov: Whether the momentum of "sgd" or "muon" is Nesterov's. Defaults to False.
        batch_size: Examples in a batch, 1 to 2**24. Defaults to 32.
        steps_per_epoch: Batches in an epoch, 1 to 2**53. Defaults to 1000.
        epochs: 1 to 2**53. Defaults to 10.

    Raises:
        KerasXorError: a field is out of range, or momentum is given to an optimizer that has
            none.
    """

    hidden_units: tuple = _field(
        (8,), checks.hidden_units, "of the hidden layer; 4x4 for two layers of 4"
    )
    activation: str = _field("tanh", checks.activation, "of the hidden layers")
    kernel_initializer: str = _field("glorot_uniform", checks.kernel_initializer, "of the kernels")
    loss: str = _field("binary_crossentropy", checks.loss, "such as mean_squared_error")
    optimizer: str = _field("sgd", checks.optimizer, "such as adam")
    learning_rate: float = _field(0.01, checks.learning_rate, "of the optimizer")
    momentum: float = _field(0.0, checks.momentum, "of sgd, rmsprop or muon, from 0 to 1")
    nesterov: bool = _field(False, checks.switch, "make the momentum Nesterov's")
    batch_size: int = _field(32, checks.batch_size, "examples in a batch")
    steps_per_epoch: int = _field(1_000, checks.count, "batches in an epoch")
    epochs: int = _field(10, checks.count, "rounds of training")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = field.metadata["check"](getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, value)
        if self.momentum and self.optimizer not in _WITH_MOMENTUM:
            raise KerasXorError(
                f"{self.optimizer} has no momentum: leave it out, or take sgd, rmsprop or muon"
            )
        if self.nesterov and (self.optimizer not in _WITH_NESTEROV or not self.momentum):
            raise KerasXorError("nesterov needs sgd or muon, with a momentum such as 0.9")


GUIDE = Recipe()


def check_recipe(recipe):
    """Raise `KerasXorError` unless `recipe` is a `Recipe`."""
    if not isinstance(recipe, Recipe):
        raise KerasXorError(
            f"recipe must be a keras_xor.Recipe, such as Recipe(epochs=5), not {shown(recipe)}"
        )
