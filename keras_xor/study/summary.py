"""Summaries of the runs of a study."""

import itertools
import math
import statistics

import numpy as np

POINTS = ("y_00", "y_01", "y_10", "y_11")
# The guide's recipe on a GPU, in 「Elixir Axon による排他的論理和の機械学習」, Qiita, November 2022
ARTICLE = {"y_00": 0.01240, "y_01": 0.96797}


def summary(rows, article=None):
    """Summarize the runs of a study.

    Args:
        rows: The list that `seed_study` returned.
        article: Dict of probabilities by point to compare with, such as `ARTICLE` for the guide's
            recipe. Defaults to `None`.

    Returns:
        A dict: "runs", how many there are; "learned", how many classify all four points
        correctly; "interval", the ends of Wilson's 95 % interval for that share;
        "diverged", how many have a prediction that is not a number, counted as not
        learned; "quantiles", the 5 %, 50 % and 95 % quantiles of the other runs'
        probabilities at "y_00", "y_01", "y_10" and "y_11"; "percentiles", the percentage
        of these that is below `article`, for each of its points; "median_loss", that of the same
        runs; "median_steps_to_learn", `None` if most runs do not learn. If all runs diverged,
        quantiles, percentiles and median loss are nan.
    """
    answers = np.array([[row[point] for point in POINTS] for row in rows])
    is_finite = np.isfinite(answers).all(axis=1)
    finite = answers[is_finite] if is_finite.any() else np.full((1, len(POINTS)), np.nan)
    losses = [row["loss"] for row in itertools.compress(rows, is_finite)]
    steps = [row["steps_to_learn"] for row in rows]
    learned = sum(step is not None for step in steps)
    median = statistics.median_low(math.inf if step is None else step for step in steps)
    quantiles = np.quantile(finite, (0.05, 0.5, 0.95), axis=0).T.tolist()
    return {
        "runs": len(rows),
        "learned": learned,
        "interval": wilson_interval(learned, len(rows)),
        "diverged": len(rows) - int(is_finite.sum()),
        "quantiles": dict(zip(POINTS, quantiles, strict=True)),
        "percentiles": {
            point: 100 * float(np.mean(finite[:, POINTS.index(point)] < y)) if losses else math.nan
            for point, y in (article or {}).items()
        },
        "median_loss": statistics.median(losses) if losses else math.nan,
        "median_steps_to_learn": None if median == math.inf else median,
    }


def wilson_interval(successes, trials):
    """Wilson's 95 % interval of a probability, from `successes` in `trials`: (low, high)."""
    z2 = statistics.NormalDist().inv_cdf(0.975) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2)))
    half = spread / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)
