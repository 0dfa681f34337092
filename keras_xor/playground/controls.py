"""The controls of the page: one widget, which marimo's own elements could not replace.

Of two elements in a dictionary that change while a run is trained, marimo keeps one change only.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_xor import values
from keras_xor.playground.extra import notebook_extra
from keras_xor.playground.limits import check_length
from keras_xor.recipe import Recipe

with notebook_extra():
    import anywidget
    import traitlets

_HERE = Path(__file__).parent
_MOST_LAYERS = 4
_SWITCH = ("off", "on")
# Of each control: its name, its options, and what it means. The first four are always shown.
_CONTROLS: list[tuple[str, Any, str]] = [
    ("units in layer 1", range(1, 17), "each draws a line"),
    ("activation", values.ACTIVATIONS, "what a unit makes of its sum"),
    (
        "learning rate",
        [round(digit * 10.0**power, 4) for power in range(-4, 2) for digit in (1, 2, 5)],
        "how far each step goes",
    ),
    ("seed", range(100), "draws weights and data"),
    *((f"units in layer {layer}", range(17), "0 for no such layer") for layer in (2, 3, 4)),
    ("kernel initializer", values.INITIALIZERS, "draws the first weights"),
    ("loss", values.LOSSES, "what training makes small"),
    ("optimizer", values.OPTIMIZERS, "how weights change"),
    ("momentum", [round(n / 20, 2) for n in range(20)], "keeps part of the last step"),
    ("nesterov", _SWITCH, "momentum looks ahead"),
    ("batch size", [2**n for n in range(8)], "examples in a step"),
    ("steps per epoch", [100, 200, 500, 1000, 2000], "steps between two reports"),
    ("epochs", [1, 2, 5, 10, 20, 50, 100], "reports until the end"),
    ("data", values.DATA, "random, or the four in turn"),
    ("noise", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5], "spread of the inputs"),
]


class Controls(anywidget.AnyWidget):
    """A slider or a list for each field of a recipe but the labels, and for the seed.

    Attributes:
        controls: Of each control its name, its label, what it means, and its options.
        values: The setting of each control, which the page changes.
        is_open: Whether those after the fourth are shown at first.
    """

    _esm = _HERE / "controls.js"
    _css = _HERE / "controls.css"
    controls: Any = traitlets.List().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    is_open = traitlets.Bool().tag(sync=True)

    def __init__(self, recipe: Recipe, seed: int) -> None:
        units = (*recipe.hidden_units, 0, 0, 0)[:_MOST_LAYERS]
        layers = {_name_layer(n): count for n, count in enumerate(units, start=1)}
        nesterov = _SWITCH[recipe.nesterov]
        settings = {**vars(recipe), **layers, "nesterov": nesterov, "seed": seed}
        controls: list[dict[str, Any]] = []
        chosen: dict[str, Any] = {}
        for label, options, meaning in _CONTROLS:
            name = label.replace(" ", "_")
            chosen[name] = value = settings[name]
            options = [*options] if value in options else sorted({*options, value})
            controls.append({"name": name, "label": label, "meaning": meaning, "options": options})
        shown = {"hidden_units", *(control["name"] for control in controls[:4]), "labels"}
        is_open = len(recipe.hidden_units) > 1 or not {*recipe.changes()} <= shown
        super().__init__(controls=controls, values=chosen, is_open=is_open)


def read_controls(controls: Mapping[str, Any]) -> tuple[Recipe, int]:
    """The recipe and the seed of `Controls.values`, and of "labels".

    Raises:
        KerasXorError: they do not make a recipe, or one that would take too long.
    """
    fields = dict(controls)
    seed = fields.pop("seed")
    units = [fields.pop(_name_layer(number)) for number in range(1, _MOST_LAYERS + 1)]
    recipe = Recipe(hidden_units=tuple(filter(None, units)), **fields)
    check_length(recipe)
    return recipe, seed


def _name_layer(number: int) -> str:
    return f"units_in_layer_{number}"
