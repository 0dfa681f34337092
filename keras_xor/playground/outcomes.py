"""The outcome of a run, in a sentence."""

import math

import numpy as np

from keras_xor.run import Run
from keras_xor.study import Study

_SAME = 1e-5
_UNDECIDED = 0.1  # Around 0.5, or around the first predictions
_SMALL = 0.005  # A loss; with a wrong point, it should be larger.
_ALIKE = ("ones", "zeros")
_STILL_FALLING = 0.05  # Of the loss, from one fifth of the training to the next


def describe_outcome(run: Run) -> str:
    """Whether a run learned and when, or what to try, in one or two sentences."""
    loss = run.history["loss"]
    if run.diverged:
        value = f"{loss[-1]:.3g}" if math.isfinite(loss[-1]) else "not a number"
        return f"Diverged: in epoch {len(loss)}, the loss was {value}. Try a smaller learning rate."
    steps = run.steps_to_learn
    if steps == 0:
        return "Learned: all four points are right from the start, and stay right."
    if steps:
        return f"Learned: all four points are right after {_format_steps(steps)}."
    right = run.right[-1].sum()
    return (
        f"Not learned: {right} of 4 points are right after {_format_steps(run.recipe.steps)}. "
        f"{_advise(run, loss)}"
    )


def _format_steps(steps: int) -> str:
    return f"{steps:,} steps" if steps > 1 else "1 step"


def _advise(run: Run, loss: list[float]) -> str:
    first, *_, last = run.predictions
    if run.recipe.kernel_initializer in _ALIKE:
        return "All units start alike, and stay alike: try another initializer."
    if loss[-1] < _SMALL:
        return "The loss is small although points are wrong: try another loss."
    if np.ptp(last) < _SAME:
        return (
            "The network predicts the same at all four points: try a smaller learning rate, or "
            "another activation, initializer or seed."
        )
    if min(np.max(abs(last - 0.5)), np.max(abs(last - first))) < _UNDECIDED:
        return "It may only be slow: try a larger learning rate, or more steps."
    fifth = math.ceil(len(loss) / 5)
    before = loss[-2 * fifth : -fifth]
    if not before or np.mean(loss[-fifth:]) < (1 - _STILL_FALLING) * np.mean(before):
        return "It may need longer: try more epochs, or a larger learning rate."
    return "The loss no longer falls: try more hidden units, or another seed."


def describe_luck(run: Run, study: Study) -> str:
    """How a run compares with the other seeds of a study of its recipe, in two sentences."""
    result = study.summarize()
    learned = 100 * result["learned"] / result["runs"]
    low, high = (100 * end for end in result["interval"])
    return (
        f"Of {result['runs']} other seeds, {learned:.1f} % learn "
        f"(95 % interval {low:.1f} to {high:.1f} %). {_rank(run, study)}"
    )


def _rank(run: Run, study: Study) -> str:
    if run.diverged:
        return "This one diverged."
    worse = np.mean(~(study.loss <= run.history["loss"][-1]))  # Also those that are nan.
    return f"This one ends with a lower loss than {100 * worse:.0f} % of them."
