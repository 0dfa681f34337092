"""A run: one training from its first weights to its last, in memory and on disk."""

import csv
import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_xor.compiled import build_optimizer
from keras_xor.data import POINTS
from keras_xor.files import replacing
from keras_xor.model import build_model
from keras_xor.recipe import Recipe
from keras_xor.training import is_diverged
from keras_xor.values import KerasXorError


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One training run, finished or not.

    Attributes:
        recipe: What is trained.
        seed: Determines the initial kernels and the batches.
        history: "loss" and "accuracy" of the epochs done.
        epochs: The epochs whose weights are kept, from 0 (before training) to the last. Of more
            than 1,000 (fewer for a large network), evenly spaced ones are kept.
        weights: The weights of the model, each of shape `(epochs, *shape)`.
        optimizer_variables: The optimizer's variables after the last epoch.
    """

    recipe: Recipe
    seed: int
    history: dict[str, list[float]] = dataclasses.field(repr=False)
    epochs: np.ndarray = dataclasses.field(repr=False)
    weights: list[np.ndarray] = dataclasses.field(repr=False)
    optimizer_variables: list[np.ndarray] = dataclasses.field(repr=False)

    @property
    def epochs_done(self) -> int:
        return len(self.history["loss"])

    @property
    def diverged(self) -> bool:
        """Whether the run diverged, and ended early. Weights may be nan then."""
        return is_diverged(self.history["loss"][-1])

    @functools.cached_property
    def predictions(self) -> np.ndarray:
        """The predictions at the points of the truth table, of shape `(epochs, 4)`."""
        return compute_outputs(self.recipe, self.weights, POINTS)[-1][..., 0]

    @property
    def right(self) -> np.ndarray:
        """Which of the `predictions` are on the side of their label."""
        labels = [label == "1" for label in self.recipe.labels]
        return np.asarray((self.predictions > 0.5) == np.array(labels))

    @property
    def steps_to_learn(self) -> int | None:
        """The steps done at the first kept epoch from which all points stay right, if any."""
        right: np.ndarray = np.all(self.right, axis=1)
        if self.diverged or not right[-1]:
            return None
        wrong = np.flatnonzero(~right)
        first_right = wrong[-1] + 1 if wrong.size else 0
        return int(self.epochs[first_right]) * self.recipe.steps_per_epoch

    def choose_epochs(self, most: int) -> np.ndarray:
        """Indices of at most `most` kept epochs, evenly spaced, with the first and the last."""
        kept = len(self.epochs)
        return np.linspace(0, kept - 1, min(most, kept)).round().astype(int)

    def model(self) -> keras.Model:
        """The trained model, with its optimizer."""
        model = build_model(self.recipe, self.seed)
        self.restore(model)
        return model

    def restore(self, model: keras.Model) -> None:
        """Load the last weights and the optimizer's state into a model from `build_model`."""
        build_optimizer(model)
        last = [weight[-1] for weight in self.weights]
        variables = [*model.weights, *model.optimizer.variables]
        for variable, value in zip(variables, [*last, *self.optimizer_variables], strict=True):
            variable.assign(value)

    def save(self, file: str | Path) -> None:
        """Write the run as a NumPy archive, whole or not at all."""
        header = {"recipe": dataclasses.asdict(self.recipe), "seed": int(self.seed)}
        arrays: dict[str, Any] = {
            "run": json.dumps(header),
            "epochs": self.epochs,
            **{f"history/{name}": values for name, values in self.history.items()},
            **{f"weights/{n}": weight for n, weight in enumerate(self.weights)},
            **{f"optimizer/{n}": array for n, array in enumerate(self.optimizer_variables)},
        }
        with replacing(file) as new, new.open("wb") as archive:
            np.savez(archive, **arrays)

    @classmethod
    def load(cls, file: str | Path) -> "Run":
        """Read what `save` wrote.

        Raises:
            KerasXorError: there is no such file, or it is not a run.
        """
        try:
            with Path(file).open("rb") as content, np.load(content) as archive:
                arrays = dict(archive)
            header = json.loads(str(arrays["run"]))

            def group(name: str) -> dict[str, np.ndarray]:
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
            raise KerasXorError(f"no run at {file}: check the path, or train one first") from None
        except Exception as error:  # A damaged file may fail anywhere.
            raise KerasXorError(f"{file} is not a run, or damaged: choose another") from error

    def to_csv(self, file: str | Path) -> None:
        """Write the history as CSV, with a row per epoch, counted from 1."""
        with replacing(file) as new, new.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines)
            writer.writerow(["epoch", *self.history])
            epochs = range(1, self.epochs_done + 1)
            writer.writerows(zip(epochs, *self.history.values(), strict=True))


def compute_outputs(
    recipe: Recipe, weights: list[np.ndarray], points: ArrayLike
) -> list[np.ndarray]:
    """The outputs of all layers of a recipe's network, as float32 of `(epochs, points, units)`.

    Args:
        recipe: What the network is.
        weights: The kernel and the bias of each layer, each of shape `(epochs, *shape)`.
        points: Pairs of x1 and x2, of shape `(points, 2)`.
    """
    activations = [recipe.activation] * len(recipe.hidden_units) + ["sigmoid"]
    x = np.broadcast_to(np.asarray(points, np.float32), (len(weights[0]), *np.shape(points)))
    outputs = []
    for activation, kernel, bias in zip(activations, weights[::2], weights[1::2], strict=True):
        x = keras.activations.get(activation)(keras.ops.matmul(x, kernel) + bias[:, None])
        outputs.append(np.asarray(x))
    return outputs
