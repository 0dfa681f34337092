"""The controls of the page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_xor import values
from keras_xor.playground.extra import notebook_extra
from keras_xor.playground.limits import check_length
from keras_xor.recipe import Recipe

with notebook_extra():
    from marimo import Html, ui

_LABELS = {
    "XOR": "0110",
    "AND": "0001",
    "OR": "0111",
    "NAND": "1110",
    "NOR": "1000",
    "XNOR": "1001",
}
_RATES = [digit * 10.0**power for power in range(-4, 1) for digit in (1, 2, 5)]
_GRID = (
    "display: grid; gap: 0.4rem 1.4rem; "
    "grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr))"
)


def make_controls(recipe: Recipe, seed: int) -> ui.dictionary:
    """A control for each field of a recipe, and for the seed, which start at these.

    The value of "hidden_units" is a list of four numbers, 0 for no such layer.
    """
    layers = enumerate((*recipe.hidden_units, 0, 0, 0)[:4], start=1)
    return ui.dictionary(
        {
            "hidden_units": ui.array([_make_units(layer, units) for layer, units in layers]),
            "activation": _make_choice("activation", values.ACTIVATIONS, recipe.activation),
            "kernel_initializer": _make_choice(
                "kernel initializer", values.INITIALIZERS, recipe.kernel_initializer
            ),
            "loss": _make_choice("loss", values.LOSSES, recipe.loss),
            "optimizer": _make_choice("optimizer", values.OPTIMIZERS, recipe.optimizer),
            "learning_rate": _make_slider("learning rate", _RATES, recipe.learning_rate),
            "momentum": _make_slider("momentum", [n / 20 for n in range(20)], recipe.momentum),
            "nesterov": ui.switch(recipe.nesterov, label="Nesterov"),
            "batch_size": _make_slider("batch size", [2**n for n in range(8)], recipe.batch_size),
            "steps_per_epoch": _make_slider(
                "steps per epoch", [100, 200, 500, 1000, 2000], recipe.steps_per_epoch
            ),
            "epochs": _make_slider("epochs", [1, 2, 5, 10, 20, 50, 100], recipe.epochs),
            "data": _make_choice("data", values.DATA, recipe.data),
            "labels": _make_labels(recipe.labels),
            "noise": _make_slider("noise", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5], recipe.noise),
            "seed": _make_slider("seed", range(100), seed),
        }
    )


def make_panel(controls: Any) -> Html:
    """The controls in as many columns as there is room for."""
    others = [control for name, control in controls.items() if name != "hidden_units"]
    parts = "".join(f"{control}" for control in [*controls["hidden_units"], *others])
    return Html(f"<div style='{_GRID}'>{parts}</div>")


def read_controls(controls: Mapping[str, Any]) -> tuple[Recipe, int]:
    """The recipe and the seed of the values of the controls.

    Raises:
        KerasXorError: they do not make a recipe, or one that would take too long.
    """
    fields = dict(controls)
    seed = fields.pop("seed")
    units = tuple(units for units in fields.pop("hidden_units") if units)
    recipe = Recipe(hidden_units=units, **fields)
    check_length(recipe)
    return recipe, seed


def _make_units(layer: int, units: int) -> ui.slider:
    least = 1 if layer == 1 else 0
    return _make_slider(f"units in layer {layer}", range(least, 17), units)


def _make_labels(value: str) -> ui.dropdown:
    names = {text: name for name, text in _LABELS.items()}
    name = names.get(value, value)
    return ui.dropdown(_LABELS | {name: value}, name, label="labels", full_width=True)


def _make_slider(label: str, steps: Iterable[float], value: float) -> ui.slider:
    steps = sorted({*steps, value})
    return ui.slider(steps=steps, value=value, label=label, show_value=True, full_width=True)


def _make_choice(label: str, names: Sequence[str], value: str) -> ui.dropdown:
    return ui.dropdown(names, value, label=label, full_width=True)
