"""What is said of a run, and that it is true."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest

import keras_xor
from keras_xor import Recipe, outcomes, values
from keras_xor.data import POINTS, TRUTH_TABLE
from keras_xor.outcomes import describe_outcome
from keras_xor.recipe import DEFAULT
from keras_xor.recording import train_run

ONE = Recipe(hidden_units=1, learning_rate=0.1)
OUTCOMES = {
    "Learned: all four points are right after 2,000 steps.": DEFAULT,
    "2 of 4 points are right after 10,000 steps. It may only be slow": Recipe(activation="sigmoid"),
    "All four points get the same answer: try a smaller learning rate": Recipe(
        activation="relu", learning_rate=10
    ),
    "The loss is larger than if y were always 0.5: try a smaller learning rate.": Recipe(
        optimizer="adam", learning_rate=10
    ),
    "It may need longer": Recipe(hidden_units=3, epochs=10, steps_per_epoch=300),
    "One unit draws one straight line, and XOR needs two: try more units.": ONE,
    "One unit draws one straight line, and XNOR": dataclasses.replace(ONE, labels="1001"),
    "Linear units together draw one straight line, and XOR needs two. No rate and no seed": Recipe(
        hidden_units=(8, 4), activation="linear", learning_rate=0.1
    ),
    "(0, 1) and (1, 1) get the same answer: the hidden units do not tell them apart. Try another "
    "seed, or more hidden units.": Recipe(hidden_units=2, learning_rate=0.1),
    "All units start alike, and stay alike: try another init": Recipe(kernel_initializer="ones"),
    "try another loss": Recipe(loss="kl_divergence"),
    "right after 1 step. It may only be slow": Recipe(
        learning_rate=1e-5, epochs=1, steps_per_epoch=1
    ),
    "right after 10,000 steps. It may only be slow": Recipe(learning_rate=1e-5),
}


@pytest.mark.parametrize("sentence", OUTCOMES)
def test_the_outcome(sentence):
    run = train_run(OUTCOMES[sentence], 2)
    assert sentence in describe_outcome(run)
    y = keras_xor.predict(run.model(), *TRUTH_TABLE)
    learned = all((y > 0.5) == [label == "1" for label in run.recipe.labels])
    assert learned == (run.steps_to_learn is not None) == sentence.startswith("Learned")


def test_the_outcome_of_a_run_that_was_right_at_once():
    run = train_run(DEFAULT, 2)
    run = dataclasses.replace(run, epochs=np.array([0]), weights=[w[-1:] for w in run.weights])
    assert describe_outcome(run) == (
        "Learned: all four points are right from the start, and stay right."
    )


def test_one_unit_is_no_reason_where_one_line_is_enough():
    run = train_run(dataclasses.replace(ONE, labels="0001", learning_rate=1e-4))
    assert "It may only be slow" in describe_outcome(run)


def test_labels_of_one_class_only():
    run = train_run(Recipe(hidden_units=2, learning_rate=0.1), 2)
    run = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, labels="1111"))
    assert describe_outcome(run).startswith("Not learned: 1 of 4 points are right")


@pytest.mark.parametrize("activation", values.ACTIVATIONS)
def test_which_activations_can_turn_back(activation):
    sums = np.linspace(-9, 9, 1801, dtype=np.float32)
    both = np.stack([sums, np.zeros_like(sums)], axis=1)  # Softmax needs another unit.
    steps = np.diff(np.asarray(keras.activations.get(activation)(both))[:, 0])
    is_monotonic = np.all(steps > -1e-6) or np.all(steps < 1e-6)
    assert is_monotonic == (activation not in outcomes._NOT_MONOTONIC)


@pytest.mark.parametrize(
    ("distance", "why"), [(0.02, ": the hidden units do not tell them apart. "), (0.2, ". ")]
)
def test_a_pair_is_together_only_if_it_is_close(distance, why):
    kernel = np.array([[1, 0], [0, distance]])  # The second unit sees less of x2.
    last = [kernel, np.zeros(2), np.array([[4], [0]]), np.array([-2])]
    weights = [np.stack([0 * weight, weight]).astype("float32") for weight in last]
    recipe = Recipe(hidden_units=2, activation="relu", labels="0001")
    history = {"loss": [0.6] * 10, "accuracy": [0.75] * 10}
    run = keras_xor.Run(recipe, 0, history, np.array([0, 10]), weights, [])
    assert describe_outcome(run).endswith(
        f"(1, 0) and (1, 1) get the same answer{why}Try another seed, or more hidden units."
    )


@pytest.mark.parametrize(
    "recipe",
    [Recipe(hidden_units=2, learning_rate=0.1), Recipe(hidden_units=2, activation="relu")],
)
def test_a_pair_that_the_hidden_units_do_not_tell_apart(recipe):
    """By NumPy alone, in 20 runs."""
    said = 0
    for seed in range(20):
        run = train_run(recipe, seed)
        kernel, bias, *_ = (weight[-1].astype(float) for weight in run.weights)
        sums = np.array(POINTS) @ kernel + bias
        hidden = np.tanh(sums) if recipe.activation == "tanh" else np.maximum(sums, 0)
        gaps = {
            f"{POINTS[a]} and {POINTS[b]} get the same answer: the hidden units do not": (
                np.linalg.norm(hidden[a] - hidden[b])
            )
            for a, b in itertools.combinations(range(4), 2)
        }
        largest = max(gaps.values())
        for sentence, gap in gaps.items():
            if sentence in describe_outcome(run):
                assert gap < 0.05 * largest
                said += 1
    assert said >= 5
