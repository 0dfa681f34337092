"""A run: one training from its first weights to its last, in memory and on disk."""

import csv
import dataclasses
import functools
import json
from pathlib import Path

import keras
import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.data import TRUTH_TABLE, are_right
from keras_xor.files import replacing
from keras_xor.model import build_model, build_optimizer
from keras_xor.recipe import Recipe
from keras_xor.training import diverged


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A training, from its first weights to its last; it may be unfinished.

    Attributes:
        recipe: Its `Recipe`.
        seed: Its seed.
        history: Dict of lists, "loss" and "accuracy", with a float per epoch done.
        epochs: Array of the epochs whose weights are kept: 0, before training, and the last, and
            at most some 1,000 evenly spaced ones between them, or fewer of a large network.
        weights: List of the weights of the model, each an array of shape `(epochs, *shape)`.
        optimizer: List of the variables of the optimizer after the last epoch, as arrays.
    """

    recipe: Recipe
    seed: int
    history: dict[str, list[float]] = dataclasses.field(repr=False)
    epochs: np.ndarray = dataclasses.field(repr=False)
    weights: list[np.ndarray] = dataclasses.field(repr=False)
    optimizer: list[np.ndarray] = dataclasses.field(repr=False)

    @property
    def epochs_done(self):
        """The number of epochs that it was trained."""
        return len(self.history["loss"])

    @property
    def diverged(self):
        """Whether it diverged, and ended early. Weights may be nan then."""
        return bool(self.epochs_done and diverged(self.history["loss"][-1]))

    @functools.cached_property
    def probabilities(self):
        """The probabilities at the points of the truth table, of shape `(epochs, 4)`."""
        points = np.transpose(TRUTH_TABLE)
        return layer_outputs(self.recipe, self.weights, points)[-1][..., 0]

    @property
    def steps_to_learn(self):
        """The steps after which all points stay right, at the end of an epoch, or `None`."""
        right = are_right(self.probabilities).all(axis=1)
        if self.diverged or not right[-1]:
            return None
        wrong = np.flatnonzero(~right)
        first_right = wrong[-1] + 1 if wrong.size else 0
        return int(self.epochs[first_right]) * self.recipe.steps_per_epoch

    def evenly(self, most):
        """The places in `epochs` of at most this many, evenly spaced, with the first and last."""
        kept = len(self.epochs)
        return np.linspace(0, kept - 1, min(most, kept)).round().astype(int)

    def model(self):
        """A new `keras.Model` as after the training, with its optimizer."""
        model = build_model(self.recipe, self.seed)
        self.restore(model)
        return model

    def restore(self, model):
        """Give a model as from `build_model` the weights and the optimizer of this run."""
        build_optimizer(model)
        last = [weight[-1] for weight in self.weights]
        variables = [*model.weights, *model.optimizer.variables]
        for variable, value in zip(variables, [*last, *self.optimizer], strict=True):
            variable.assign(value)

    def save(self, file):
        """Write the run as a NumPy archive, whole or not at all."""
        told = {"recipe": dataclasses.asdict(self.recipe), "seed": self.seed}
        arrays = {"run": json.dumps(told), "epochs": self.epochs}
        for name, items in (
            ("history", self.history),
            ("weights", dict(enumerate(self.weights))),
            ("optimizer", dict(enumerate(self.optimizer))),
        ):
            arrays |= {f"{name}/{key}": array for key, array in items.items()}
        with replacing(file) as new, new.open("wb") as archive:
            np.savez(archive, **arrays)

    @classmethod
    def load(cls, file):
        """Read what `save` wrote.

        Raises:
            KerasXorError: there is no such file, or it is not a run.
        """
        try:
            with Path(file).open("rb") as content, np.load(content) as archive:
                arrays = dict(archive)
            told = json.loads(str(arrays["run"]))

            def group(name):
                return {key.split("/")[1]: a for key, a in arrays.items() if key.startswith(name)}

            return cls(
                recipe=Recipe(**told["recipe"]),
                seed=told["seed"],
                history={key: array.tolist() for key, array in group("history/").items()},
                epochs=arrays["epochs"],
                weights=[*group("weights/").values()],
                optimizer=[*group("optimizer/").values()],
            )
        except FileNotFoundError:
            raise KerasXorError(f"no run at {file}: train one first") from None
        except Exception as error:  # A damaged file may fail anywhere.
            raise KerasXorError(f"{file} is not a run, or damaged: choose another") from error

    def to_csv(self, file):
        """Write the history as CSV, with a row per epoch, counted from 1."""
        with replacing(file) as new, new.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines)
            writer.writerow(["epoch", *self.history])
            writer.writerows(
                [epoch, *row]
                for epoch, row in enumerate(zip(*self.history.values(), strict=True), start=1)
            )


def layer_outputs(recipe, weights, points):
    """The outputs of all layers of a recipe's network.

    Args:
        recipe: A `Recipe`.
        weights: List of the kernel and the bias of each layer, each of shape `(epochs, *shape)`.
        points: Pairs of x1 and x2, of shape `(points, 2)`.

    Returns:
        A list with an array of shape `(epochs, points, units)` and dtype float32 for each layer,
        the last one with one unit, the probability.
    """
    activations = [recipe.activation] * len(recipe.hidden_units) + ["sigmoid"]
    x = np.broadcast_to(np.asarray(points, np.float32), (len(weights[0]), *np.shape(points)))
    outputs = []
    for activation, kernel, bias in zip(activations, weights[::2], weights[1::2], strict=True):
        x = keras.activations.get(activation)(keras.ops.matmul(x, kernel) + bias[:, None])
        outputs.append(np.asarray(x))
    return outputs
