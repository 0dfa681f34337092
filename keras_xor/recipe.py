"""The recipe of a run; imports nothing heavy, so `--help` is instant."""

import dataclasses
import functools
import inspect
import itertools

from keras_xor import checks
from keras_xor.checks import KerasXorError


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
        hidden_units: Units of 1 to 4 hidden layers, 1 to 256 each. A number means one layer;
            "4x4" means two.
        activation: Activation of the hidden layers; the output layer uses a sigmoid.
        kernel_initializer: Initializer of all kernels, with Keras's default arguments; biases
            start at 0.
        loss: A loss for one probability per example.
        optimizer: Optimizer, with Keras's default arguments except for the next three fields.
        learning_rate: A number that is neither 0 nor infinite in float32. The default is Axon's
            default for SGD, for every optimizer.
        momentum: For "sgd", "rmsprop" or "muon". The default is 0, also for "muon", whose default
            in Keras is 0.95.
        nesterov: Whether to use Nesterov momentum, for "sgd" or "muon".
        batch_size: Examples in a batch. Keras counts them in float32, so at most 2**24.
        steps_per_epoch: Batches in an epoch.
        epochs: Number of epochs.
        data: "random": each example is one of the four points, drawn at random, as in the guide.
            "shuffled": passes over the four points in a new order each time, cut into batches, as
            `fit(X, Y)` does; a batch has all four from a batch size of 4 on, and may otherwise
            span two passes.
        labels: The labels of (0, 0), (0, 1), (1, 0) and (1, 1): "0110" for XOR, "0001" for AND,
            "0111" for OR.
        noise: Standard deviation of normal noise on the inputs of each example.

    Raises:
        KerasXorError: a field is unknown or out of range, or the optimizer does not support the
            momentum.
    """

    hidden_units: tuple[int, ...] = _field(
        (8,), checks.units_by_layer, "units of the hidden layer; 4x4 for two layers of 4"
    )
    activation: str = _field(
        "tanh", checks.one_of(checks.ACTIVATIONS), "activation of the hidden layers"
    )
    kernel_initializer: str = _field(
        "glorot_uniform", checks.one_of(checks.INITIALIZERS), "initializer of the kernels"
    )
    loss: str = _field(
        "binary_crossentropy", checks.one_of(checks.LOSSES), "loss, such as mean_squared_error"
    )
    optimizer: str = _field("sgd", checks.one_of(checks.OPTIMIZERS), "optimizer, such as adam")
    learning_rate: float = _field(
        0.01, checks.real_number(1.2e-38, 3.4e38), "learning rate of the optimizer"
    )
    momentum: float = _field(0.0, checks.real_number(0, 1), "for sgd, rmsprop or muon, from 0 to 1")
    nesterov: bool = _field(False, checks.switch, "use Nesterov momentum")
    batch_size: int = _field(32, checks.whole_number(1, 2**24), "examples in a batch")
    steps_per_epoch: int = _field(1_000, checks.whole_number(1), "batches in an epoch")
    epochs: int = _field(10, checks.whole_number(1), "number of epochs")
    data: str = _field(
        "random", checks.one_of(checks.DATA), "random points, or shuffled passes over the four"
    )
    labels: str = _field(
        "0110", checks.truth_table, "labels of (0, 0), (0, 1), (1, 0), (1, 1); 0001 is AND"
    )
    noise: float = _field(
        0.0, checks.real_number(0, 1e3), "standard deviation of normal noise on the inputs"
    )

    def __new__(cls, *arguments, **fields):
        names = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in fields if name not in names]:
            raise KerasXorError(f"Recipe has no field {unknown[0]}, only {', '.join(names)}")
        return super().__new__(cls)

    def __post_init__(self):
        for field in dataclasses.fields(Recipe):
            try:
                value = field.metadata["check"](getattr(self, field.name))
            except KerasXorError as problem:
                raise KerasXorError(f"{field.name} {problem}") from None
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

    @property
    def parameters(self):
        """The number of weights and biases of the network."""
        units = 2, *self.hidden_units, 1
        return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(units))

    def settings(self):
        """The fields by name, as text, as on the command line."""
        return {name: _text(value) for name, value in dataclasses.asdict(self).items()}

    def changes(self, seed=0):
        """Those of `settings` that are not the guide's, and "seed" unless it is 0."""
        settings = self.settings() | {"seed": str(seed)}
        defaults = _GUIDE | {"seed": "0"}
        return {name: text for name, text in settings.items() if text != defaults[name]}


def varied_settings(recipes):
    """What tells recipes apart: a dict for each of the `settings` that vary."""
    settings = [recipe.settings() for recipe in recipes]
    varied = [name for name in _GUIDE if len({each[name] for each in settings}) > 1]
    return [{name: each[name] for name in varied} for each in settings]


def _text(value):
    if isinstance(value, bool):
        return "on" if value else "off"
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


GUIDE = Recipe()
OF_DATA = "batch_size", "steps_per_epoch", "epochs", "data", "labels", "noise"  # Not of a network
_GUIDE = GUIDE.settings()


def takes_recipe(function):
    """Make a function raise a helpful error for a wrong `recipe` or a misplaced field."""
    signature = inspect.signature(function)
    fields = _GUIDE.keys() - signature.parameters.keys()

    @functools.wraps(function)
    def checked(*arguments, **options):
        if misplaced := sorted(fields & options.keys()):
            given = ", ".join(f"{name}={options[name]!r}" for name in misplaced)
            raise KerasXorError(
                f"{misplaced[0]} is a field of Recipe: "
                f"keras_xor.{function.__name__}(..., recipe=Recipe({given}))"
            )
        recipe = signature.bind_partial(*arguments, **options).arguments.get("recipe", GUIDE)
        if not isinstance(recipe, Recipe):
            raise KerasXorError(
                f"recipe must be a keras_xor.Recipe, such as Recipe(epochs=5), not {recipe!r:.80}"
            )
        return function(*arguments, **options)

    return checked
