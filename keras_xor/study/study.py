"""A study as a value: the results of the runs of a recipe, and their summary."""

import dataclasses
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from keras_xor.files import replacing
from keras_xor.recipe import Recipe
from keras_xor.study.chunks import Results
from keras_xor.study.rows import make_header, make_rows, write_rows

# The guide's recipe on a GPU, in 「Elixir Axon による排他的論理和の機械学習」, Qiita, November 2022
ARTICLE = {"y_00": 0.01240, "y_01": 0.96797}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Runs of a recipe, or of a model, that differ in their seed. Arrays have a row per run.

    Attributes:
        recipe: What was trained.
        model: The file or the name of the model that was trained in place of its network, or "".
        points: A text for each point and its label, such as "(0, 1) -> 1".
        names: A name for each prediction, such as "y_01".
        seed: The seeds.
        predictions: The predictions at the points, of shape `(runs, names)`, nan if the run
            diverged. Logits become probabilities; of two classes, the second is there.
        loss: The mean loss over the last epoch; if the run diverged, the one `train` would show.
        steps_to_learn: The step, counted from 1, after which all points stay right, or 0 if they
            are not all right at the end.
        diverged: Whether `train` would raise `DivergedError`.
    """

    recipe: Recipe
    model: str
    points: list[str]
    names: list[str]
    seed: np.ndarray
    predictions: np.ndarray
    loss: np.ndarray
    steps_to_learn: np.ndarray
    diverged: np.ndarray

    def __len__(self) -> int:
        return len(self.seed)

    def __repr__(self) -> str:
        changes = ", ".join(f"{name}={text}" for name, text in self.recipe.changes().items())
        what = " with ".join(filter(None, [self.model or "the guide's network", changes]))
        return f"<Study of {what}: {self.learned.sum()} of {len(self)} runs learned>"

    @property
    def learned(self) -> np.ndarray:
        """Whether all points are right at the end."""
        return self.steps_to_learn > 0

    def summarize(self, article: dict[str, float] | None = None) -> dict[str, Any]:
        """Summarize the runs, and compare them with the predictions of an article, by name.

        Returns:
            A dict: "runs", how many there are; "learned", how many learned; "interval", Wilson's
            95 % interval of their share; "diverged", how many diverged; of the others,
            "quantiles", the 5 %, 50 % and 95 % quantiles of each prediction, "percentiles", the
            percentage of them below that of the article, and "median_loss", all nan if there are
            no others; "median_steps_to_learn", `None` if most runs did not learn.
        """
        nothing = [np.full(len(self.names), np.nan)]
        predictions = self.predictions[~self.diverged].astype(float)
        predictions = predictions if len(predictions) else np.array(nothing)
        losses = self.loss[~self.diverged] if not self.diverged.all() else [math.nan]
        quantiles = np.quantile(predictions, (0.05, 0.5, 0.95), axis=0).T.tolist()
        below = {
            name: 100 * float(np.mean(predictions[:, self.names.index(name)] < y))
            for name, y in (article or {}).items()
        }
        learned = int(self.learned.sum())
        steps = np.where(self.learned, self.steps_to_learn, np.inf)
        median = statistics.median_low(steps.tolist())
        return {
            "runs": len(self),
            "learned": learned,
            "interval": compute_wilson_interval(learned, len(self)),
            "diverged": int(self.diverged.sum()),
            "quantiles": dict(zip(self.names, quantiles, strict=True)),
            "percentiles": dict.fromkeys(below, math.nan) if self.diverged.all() else below,
            "median_loss": float(np.median(losses)),
            "median_steps_to_learn": None if median == math.inf else int(median),
        }

    def to_csv(self, file: str | Path) -> None:
        """Write a row per run: the recipe, the model, the seed, and the results."""
        results = Results(self.predictions, self.loss, self.steps_to_learn, self.diverged)
        rows = make_rows(self.recipe, self.model, self.seed, results)
        with replacing(file) as new:
            new.write_bytes(write_rows([make_header(self.names), *rows]))


def compute_wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a probability, from `successes` in `trials`: (low, high)."""
    z2 = statistics.NormalDist().inv_cdf(0.975) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2)))
    half = spread / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)
