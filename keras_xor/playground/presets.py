"""Recipes to start from, good and bad."""

import csv
from pathlib import Path

from keras_xor.playground.address import make_link
from keras_xor.recipe import Recipe

GOOD = {
    "the guide's": "",
    "a rate of 1": "learning_rate=1",
    "Adam": "optimizer=adam",
    "sigmoid units at a rate of 0.1": "activation=sigmoid learning_rate=0.1",
}
# The settings, a seed with which they fail, and why.
BAD = {
    "sigmoid units at a rate of 0.01": (
        "activation=sigmoid",
        0,
        "are still near 0.5 after 10,000 steps",
    ),
    "two units": (
        "hidden_units=2 learning_rate=0.1",
        2,
        "get stuck with half of all seeds, at a point from which no step leads out",
    ),
    "linear units at a rate of 10": (
        "activation=linear learning_rate=10",
        0,
        "diverge, and could not learn XOR at any rate",
    ),
}


def make_recipe(settings: str) -> Recipe:
    """The recipe of settings such as "hidden_units=2 learning_rate=0.1"."""
    fields: dict = dict(setting.split("=") for setting in settings.split())
    return Recipe(**fields)


def read_reports() -> list[dict[str, str]]:
    """Recipes of public questions: "where", "recipe", "settings" and the share that "learned"."""
    with Path(__file__).with_name("reports.csv").open(newline="", encoding="utf-8") as lines:
        return [*csv.DictReader(lines)]


def write_presets() -> str:
    """The recipes as Markdown, with a link for each."""
    good = [_write_link(name, settings) for name, settings in GOOD.items()]
    bad = [
        f"{_write_link(name, settings, seed)} {why}" for name, (settings, seed, why) in BAD.items()
    ]
    rows = []
    for report in read_reports():
        steps = make_recipe(report["settings"]).steps
        link = _write_link(f"{report['recipe']}, {steps:,} steps", report["settings"])
        rows.append(f"| {report['where']} | {link} | {report['learned']} % |")
    return "\n".join(
        [
            f"Recipes that learned with all of 1,000 seeds: {' · '.join(good)}\n",
            f"Recipes that fail, and why: {' · '.join(bad)}\n",
            "Recipes of public questions, and the share of 4,000 seeds that learned. "
            "`keras_xor/study/README.md` has what helps each of them.\n",
            "| where | recipe | learned |",
            "|:---|:---|---:|",
            *rows,
        ]
    )


def _write_link(text: str, settings: str, seed: int = 0) -> str:
    return f"[{text}]({make_link(make_recipe(settings), seed)}&show-code=true)"
