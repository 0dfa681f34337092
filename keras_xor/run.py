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
    """One training run, finished or not.

    Attributes:
        recipe: Its `Recipe`.
        seed: Its seed.
        history: Dict of lists, "loss" and "accuracy", with a float per epoch done.
        epochs: Array of the epochs whose weights are kept, from 0 (before training) to the last.
            Of more than 1,000 (fewer for a large network), evenly spaced ones are kept.
        weights: List of the weights of the model, each an array of shape `(epochs, *shape)`.
        optimizer_variables: List of the optimizer's variables after the last epoch, as arrays.
    """

    recipe: Recipe
    seed: int
    history: dict[str, list[float]] = dataclasses.field(repr=False)
    epochs: np.ndarray = dataclasses.field(repr=False)
    weights: list[np.ndarray] = dataclasses.field(repr=False)
    optimizer_variables: list[np.ndarray] = dataclasses.field(repr=False)

    @property
    def epochs_done(self):
        """The number of epochs that it was trained."""
        return len(self.history["loss"])

    @property
    def diverged(self):
        """Whether it diverged, and ended early. Weights may be nan then."""
        return diverged(self.history["loss"][-1])

    @functools.cached_property
    def probabilities(self):
        """The probabilities at the points of the truth table, of shape `(epochs, 4)`."""
        points = np.transpose(TRUTH_TABLE)
        return layer_outputs(self.recipe, self.weights, points)[-1][..., 0]

    @property
    def steps_to_learn(self):
        """The steps done at the first kept epoch from which all points stay right, or `None`."""
        right = are_right(self.probabilities, self.recipe.labels).all(axis=1)
        if self.diverged or not right[-1]:
            return None
        wrong = np.flatnonzero(~right)
        first_right = wrong[-1] + 1 if wrong.size else 0
        return int(self.epochs[first_right]) * self.recipe.steps_per_epoch

    def evenly(self, most):
        """Indices of at most `most` kept epochs, evenly spaced, with the first and the last."""
        kept = len(self.epochs)
        return np.linspace(0, kept - 1, min(most, kept)).round().astype(int)

    def model(self):
        """The trained `keras.Model`, with its optimizer."""
        model = build_model(self.recipe, self.seed)
        self.restore(model)
        return model

    def restore(self, model):
        """Load the last weights and the optimizer's state into a model from `build_model`."""
        build_optimizer(model)
        last = [weight[-1] for weight in self.weights]
        variables = [*model.weights, *model.optimizer.variables]
        for variable, value in zip(variables, [*last, *self.optimizer_variables], strict=True):
            variable.assign(value)

    def save(self, file):
        """Write the run as a NumPy archive, whole or not at all."""
        header = {"recipe": dataclasses.asdict(self.recipe), "seed": int(self.seed)}
        arrays = {
            "run": json.dumps(header),
            "epochs": self.epochs,
            **{f"history/{name}": values for name, values in self.history.items()},
            **{f"weights/{n}": weight for n, weight in enumerate(self.weights)},
            **{f"optimizer/{n}": array for n, array in enumerate(self.optimizer_variables)},
        }
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
            header = json.loads(str(arrays["run"]))

            def group(name):
                return {key.split("/")[1]: a for key, a in arrays.items() if key.startswith(name)}

            return cls(
                recipe=Recipe(**header["recipe"]),
                seed=header["seed"],
                history={key: array.tolist() for key, array in group("history/").items()},
                epochs=arrays["epochs"],
                weights=[*group("weights/").values()],
                optimizer_variables=[*group("optimizer/").values()],
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
            epochs = range(1, self.epochs_done + 1)
            writer.writerows(zip(epochs, *self.history.values(), strict=True))


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
