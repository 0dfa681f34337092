"""What came of a run, in a sentence."""

import math

import numpy as np

from keras_xor.data import TRUTH_TABLE
from keras_xor.study import summary

_SAME = 1e-5  # Probabilities
_UNDECIDED = 0.1  # Around 0.5
_STILL_FALLING = 0.05  # Of the loss, from one fifth of the training to the next


def outcome(run):
    """In one or two sentences, whether a `Run` learned and when, or what to try."""
    loss = run.history.history["loss"]
    if run.diverged:
        return (
            f"Diverged: in epoch {len(loss)}, the loss was {_number(loss[-1])}. "
            "Try a smaller learning rate."
        )
    if run.steps_to_learn == 0:
        return "Learned: all four points are right from the start, and stay right."
    if run.steps_to_learn:
        return f"Learned: all four points are right after {run.steps_to_learn:,} steps."
    last = run.probabilities[-1]
    right = np.sum((last > 0.5) == np.not_equal(*TRUTH_TABLE))
    steps = run.recipe.epochs * run.recipe.steps_per_epoch
    return (
        f"Not learned: {right} of 4 points are right after {steps:,} steps. {_advice(last, loss)}"
    )


def _advice(last, loss):
    if np.ptp(last) < _SAME:
        return (
            "The network says the same everywhere: try a smaller learning rate, or another "
            "activation, initializer or seed."
        )
    if np.all(abs(last - 0.5) < _UNDECIDED):
        return "It may only be slow: try a larger learning rate, or more steps."
    fifth = math.ceil(len(loss) / 5)
    before = loss[-2 * fifth : -fifth]
    if not before or np.mean(loss[-fifth:]) < (1 - _STILL_FALLING) * np.mean(before):
        return "It may need longer: try more epochs, or a larger learning rate."
    return "The loss no longer falls: try more hidden units, or another seed."


def _number(loss):
    return f"{loss:.3g}" if math.isfinite(loss) else "not a number"


def luck(run, rows):
    """Whether a `Run` was lucky, in two sentences.

    Args:
        run: The `Run`.
        rows: What `seed_study` returned for its recipe.
    """
    result = summary(rows)
    low, high = (100 * end for end in result["interval"])
    share = 100 * result["learned"] / result["runs"]
    loss = run.history.history["loss"][-1]
    below = 100 * np.mean([not row["loss"] <= loss for row in rows])
    standing = (
        "This one diverged."
        if run.diverged
        else f"This one ends with a lower loss than {below:.0f} % of them."
    )
    return (
        f"Of {result['runs']} other seeds, {share:.1f} % learn "
        f"(95 % interval {low:.1f} to {high:.1f} %). {standing}"
    )
