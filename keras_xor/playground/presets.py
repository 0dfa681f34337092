"""Recipes to start from: lessons, and those of public reports."""

import csv
from pathlib import Path

from keras_xor.playground.address import make_link
from keras_xor.recipe import Recipe

# Of each lesson, by its title: the settings, the seed, and what to look for.
LESSONS = {
    "One line": (
        "hidden_units=1 learning_rate=0.1 labels=0001",
        0,
        "One hidden unit draws one straight line, and AND needs no more: a line parts the orange "
        "corner from the others.",
    ),
    "XOR needs two": (
        "hidden_units=1 learning_rate=0.1",
        0,
        "No line parts the orange corners from the blue ones. Change the labels in the table to "
        "see which tables one line can do, and then try two units.",
    ),
    "Stuck": (
        "hidden_units=2 learning_rate=0.1",
        2,
        "In the picture of the hidden units, an orange and a blue corner lie on top of each other, "
        "so no line can part them. Set the seed to 1: two units can do it, from other weights.",
    ),
    "Only slow": (
        "activation=sigmoid",
        0,
        "After 10,000 steps, sigmoid units still predict about 0.5 everywhere. Set the learning "
        "rate to 0.1: they were not stuck, but slow.",
    ),
    "Too fast": (
        "learning_rate=20",
        0,
        "The first steps are so long that all units end at -1 or 1, whatever the input, and the "
        "corners lie on top of each other. Try smaller rates: up to 5, nearly all seeds learn.",
    ),
}


def make_recipe(settings: str) -> Recipe:
    """The recipe of settings such as "hidden_units=2 learning_rate=0.1"."""
    fields: dict = dict(setting.split("=") for setting in settings.split())
    return Recipe(**fields)


def write_lessons(recipe: Recipe, seed: int) -> str:
    """Links to the lessons, in HTML, and what to look for in the one with this recipe and seed."""
    links, text = [], ""
    for title, (settings, its_seed, look_for) in LESSONS.items():
        is_open = (make_recipe(settings), its_seed) == (recipe, seed)
        text = look_for if is_open else text
        current = 'aria-current="page"' if is_open else ""
        link = make_link(make_recipe(settings), its_seed)
        links.append(f'<a href="{link}" {current}>{title}</a>')
    links.append('<a href="?">the guide\'s recipe</a>')
    return (
        f'<nav class="lessons" aria-label="Lessons">Lessons: {" ".join(links)}</nav><p>{text}</p>'
    )


def read_reports() -> list[dict[str, str]]:
    """Public reports: "where", "recipe", "settings", the share that "learned", what "helps"."""
    with Path(__file__).with_name("reports.csv").open(newline="", encoding="utf-8") as lines:
        return [*csv.DictReader(lines)]


def write_reports() -> str:
    """The public reports as a table in Markdown, with a link to each recipe."""
    rows = ["| where | recipe | learned | what helps |", "|:---|:---|---:|:---|"]
    for report in read_reports():
        recipe = make_recipe(report["settings"])
        link = f"[{report['recipe']}, {recipe.steps:,} steps]({make_link(recipe)})"
        rows.append(f"| {report['where']} | {link} | {report['learned']} | {report['helps']} |")
    return "\n".join(rows)
