"""Summaries of the runs of a study."""

import itertools
import math
import statistics

import numpy as np

from keras_xor.checks import KerasXorError, shown

POINTS = ("y_00", "y_01", "y_10", "y_11")
ARTICLE = {"y_00": 0.01240, "y_01": 0.96797}  # From an article of 2022


def summary(rows, article=ARTICLE):
    """Summarize the runs of a study.

    Args:
        rows: The list that `seed_study` returned.
        article: Dict of probabilities by point to compare with. Defaults to those of the
            article, which are of the guide's recipe.

    Returns:
        A dict: "runs", how many there are; "learned", how many classify all four points
        correctly; "interval", the ends of Wilson's 95 % interval for that share;
        "diverged", how many have a prediction that is not a number, counted as not
        learned; "quantiles", the 5 %, 50 % and 95 % quantiles of the other runs'
        probabilities at "y_00", "y_01", "y_10" and "y_11"; "percentiles", the percentage
        of these that is below `article`, for each of its points; "median_loss", that of the same
        runs; "median_steps_to_learn", `None` if most runs do not learn. If all runs diverged,
        quantiles, percentiles and median loss are nan.

    Raises:
        KerasXorError: `rows` is not what `seed_study` returned.
    """
    check_rows(rows)
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
            for point, y in article.items()
        },
        "median_loss": statistics.median(losses) if losses else math.nan,
        "median_steps_to_learn": None if median == math.inf else median,
    }


def check_rows(rows):
    """Raise `KerasXorError` unless `rows` look like what `seed_study` returns."""
    fields = {"seed", *POINTS, "loss", "steps_to_learn"}
    if not (isinstance(rows, list) and rows and all(_has(row, fields) for row in rows)):
        raise KerasXorError(f"rows must be what seed_study returned, not {shown(rows)}")


def _has(row, fields):
    return isinstance(row, dict) and fields <= row.keys()


def wilson_interval(successes, trials):
    """Wilson's 95 % interval of a probability, from `successes` in `trials`: (low, high)."""
    z2 = statistics.NormalDist().inv_cdf(0.975) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2)))
    half = spread / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)
