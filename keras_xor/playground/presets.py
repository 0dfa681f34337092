"""Recipes to start from, good and bad."""

from keras_xor.playground.address import link
from keras_xor.recipe import GUIDE, Recipe

GOOD = {
    "the guide's": GUIDE,
    "a rate of 1": Recipe(learning_rate=1),
    "Adam": Recipe(optimizer="adam"),
    "sigmoid units at a rate of 0.1": Recipe(activation="sigmoid", learning_rate=0.1),
}
# A recipe, a seed with which it fails, and why it does.
BAD = {
    "sigmoid units at a rate of 0.01": (
        Recipe(activation="sigmoid"),
        0,
        "are still near 0.5 after 10,000 steps",
    ),
    "two units": (
        Recipe(hidden_units=2, learning_rate=0.1),
        2,
        "get stuck with half of all seeds, at a point from which no step leads out",
    ),
    "linear units at a rate of 10": (
        Recipe(activation="linear", learning_rate=10),
        0,
        "diverge, and could not learn XOR at any rate",
    ),
}
_POINTS = {"data": "shuffled", "batch_size": 4}  # All four as every batch
_ONE_BY_ONE = {"data": "shuffled", "batch_size": 1}
_ADAM = {"optimizer": "adam", "learning_rate": 0.001}
# Where, in short, the recipe, and the percentage of 4,000 seeds that learned, as in the README.
PUBLIC = [
    (
        "four authors",
        "4 relu, Adam 0.001",
        Recipe(hidden_units=4, activation="relu", steps_per_epoch=100, **_POINTS, **_ADAM),
        50.7,
    ),
    (
        "keras issue 1295",
        "2 sigmoid, SGD 0.01",
        Recipe(hidden_units=2, activation="sigmoid", steps_per_epoch=50, **_POINTS),
        0.0,
    ),
    (
        '"XOR not learned using keras v2.0"',
        "2 tanh, Adam 0.001",
        Recipe(hidden_units=2, epochs=20, **_ONE_BY_ONE, **_ADAM),
        44.7,
    ),
    (
        "its answer",
        "2 tanh, SGD 0.01",
        Recipe(hidden_units=2, epochs=20, **_ONE_BY_ONE),
        49.8,
    ),
    (
        "keras issue 112, an answer",
        "2 sigmoid, MSE, SGD 0.1, Nesterov 0.9",
        Recipe(
            **{"hidden_units": 2, "activation": "sigmoid", "loss": "mean_squared_error"},
            **{"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
            **_POINTS,
        ),
        79.3,
    ),
    (
        "cs249r_book issue 1614",
        "4 relu, SGD 0.5, noise 0.1",
        Recipe(
            **{"hidden_units": 4, "activation": "relu", "learning_rate": 0.5},
            **{"batch_size": 100, "steps_per_epoch": 50, "noise": 0.1},
        ),
        80.5,
    ),
    (
        "pullrequest.ru 10478105",
        "8 relu, Adam 0.001",
        Recipe(activation="relu", steps_per_epoch=200, epochs=20, **_ONE_BY_ONE, **_ADAM),
        84.0,
    ),
    (
        "pythond 45335",
        "4 sigmoid, MAE, SGD 0.05, Nesterov 0.11",
        Recipe(
            **{"hidden_units": 4, "activation": "sigmoid", "loss": "mean_absolute_error"},
            **{"learning_rate": 0.05, "momentum": 0.11, "nesterov": True, "steps_per_epoch": 100},
            **_POINTS,
        ),
        0.0,
    ),
    (
        "thoughtram, 2016",
        "16 relu, MSE, Adam 0.001",
        Recipe(
            **{"hidden_units": 16, "activation": "relu", "loss": "mean_squared_error"},
            **{"steps_per_epoch": 50, **_POINTS, **_ADAM},
        ),
        99.2,
    ),
    (
        "indrapaul824, Deep-Learning-with-TensorFlow",
        "the same",
        Recipe(
            **{"hidden_units": 16, "activation": "relu", "loss": "mean_squared_error"},
            **{"steps_per_epoch": 20, **_POINTS, **_ADAM},
        ),
        85.5,
    ),
    (
        "eotp/FUKI",
        "4 tanh, SGD 0.1",
        Recipe(hidden_units=4, learning_rate=0.1, **_POINTS),
        99.3,
    ),
]


def presets_text():
    """The recipes as Markdown, with a link for each."""
    good = " · ".join(f"[{name}]({link(recipe)})" for name, recipe in GOOD.items())
    bad = " · ".join(f"[{name}]({link(*run)}) {why}" for name, (*run, why) in BAD.items())
    rows = [
        f"| {where} | [{text}, {recipe.steps:,} steps]({link(recipe)}) | {learned:.1f} % |"
        for where, text, recipe, learned in PUBLIC
    ]
    return "\n".join(
        [
            f"Recipes that learned with all of 1,000 seeds: {good}\n",
            f"Recipes that fail, and why: {bad}\n",
            "Recipes of public questions, and the share of 4,000 seeds that learned. The README "
            "says what helps each of them.\n",
            "| where | recipe | learned |",
            "|:---|:---|---:|",
            *rows,
        ]
    )
