"""The outcome of a run, and why, in a few sentences."""

import itertools
import math

import keras
import numpy as np

from keras_xor.data import POINTS
from keras_xor.recipe import Recipe
from keras_xor.run import Run, compute_outputs

_SAME = 0.05  # Predictions; those of different classes are further apart once they are learned.
_CONSTANT = 1e-5
_UNDECIDED = 0.1  # Around 0.5, or around the first predictions
_SMALL = 0.005  # A loss; with a wrong point, it should be larger.
_WORSE = 1.1  # Times the loss of guessing: only too large steps lead there and leave it there.
_STILL_FALLING = 0.05  # Of the loss, from one fifth of the training to the next
_TOGETHER = 0.05  # Of the largest distance of two points, as the hidden units see them
_ALIKE = ("ones", "zeros")
_NOT_MONOTONIC = ("gelu", "hard_silu", "mish", "silu")
_TWO_LINES = ("0110", "1001")  # No straight line separates these labels.


def describe_outcome(run: Run) -> str:
    """Whether a run learned and when, or why not and what to try."""
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
        f"{_explain(run)}"
    )


def _format_steps(steps: int) -> str:
    return f"{steps:,} steps" if steps > 1 else "1 step"


def _explain(run: Run) -> str:
    recipe, (first, *_, last) = run.recipe, run.predictions
    if recipe.labels in _TWO_LINES:
        gate = "XOR" if recipe.labels == "0110" else "XNOR"
        if recipe.activation == "linear":
            return (
                f"Linear units together draw one straight line, and {gate} needs two. No rate and "
                "no seed helps: try another activation."
            )
        if {*recipe.hidden_units} == {1} and recipe.activation not in _NOT_MONOTONIC:
            return f"One unit draws one straight line, and {gate} needs two: try more units."
    if recipe.kernel_initializer in _ALIKE:
        return "All units start alike, and stay alike: try another initializer."
    if run.history["loss"][-1] < _SMALL:
        return "The loss is small although points are wrong: try another loss."
    if np.ptp(last) < _CONSTANT:
        return (
            "All four points get the same answer: try a smaller learning rate, or another "
            "activation, initializer or seed."
        )
    if min(np.max(abs(last - 0.5)), np.max(abs(last - first))) < _UNDECIDED:
        return "It may only be slow: try a larger learning rate, or more steps."
    if run.history["loss"][-1] > _WORSE * _compute_loss_of_guessing(recipe):
        return "The loss is larger than if y were always 0.5: try a smaller learning rate."
    if _is_falling(run.history["loss"]):
        return "It may need longer: try more epochs, or a larger learning rate."
    return f"{_find_pair(run)} Try another seed, or more hidden units."


def _compute_loss_of_guessing(recipe: Recipe) -> float:
    labels = np.array([[float(label)] for label in recipe.labels])
    return float(np.mean(keras.losses.get(recipe.loss)(labels, np.full_like(labels, 0.5))))


def _is_falling(loss: list[float]) -> bool:
    fifth = math.ceil(len(loss) / 5)
    before = loss[-2 * fifth : -fifth]
    return not before or bool(np.mean(loss[-fifth:]) < (1 - _STILL_FALLING) * np.mean(before))


def _find_pair(run: Run) -> str:
    """Which two points of different classes get the same answer."""
    labels, last = run.recipe.labels, run.predictions[-1]
    hidden = compute_outputs(run.recipe, [w[-1:] for w in run.weights], POINTS)[-2][0]
    pairs = [*itertools.combinations(range(4), 2)]
    gaps = {(a, b): (labels[a] == labels[b], abs(last[a] - last[b])) for a, b in pairs}
    a, b = min(gaps, key=lambda pair: gaps[pair])
    if abs(last[a] - last[b]) > _SAME:
        return "The loss no longer falls."
    distances = {pair: np.linalg.norm(hidden[pair[0]] - hidden[pair[1]]) for pair in pairs}
    together = distances[a, b] < _TOGETHER * max(distances.values())
    why = ": the hidden units do not tell them apart" if together else ""
    return f"{POINTS[a]} and {POINTS[b]} get the same answer{why}."
