"""The controls of the page."""

from keras_xor import checks
from keras_xor.playground.extra import notebook_extra
from keras_xor.runtime import silence

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


def controls_of(recipe, seed):
    """A control for each field of a recipe, and for the seed.

    Args:
        recipe: The `Recipe` at which they start. Values outside the usual ones are added.
        seed: The seed at which they start.

    Returns:
        A `marimo.ui.dictionary` with the names of the fields and "seed". The value of
        "hidden_units" is a list of four numbers, 0 for no such layer.
    """
    layers = enumerate((*recipe.hidden_units, 0, 0, 0)[:4], start=1)
    return ui.dictionary(
        {
            "hidden_units": ui.array([_units(layer, units) for layer, units in layers]),
            "activation": _choice("activation", checks.ACTIVATIONS, recipe.activation),
            "kernel_initializer": _choice(
                "initializer", checks.INITIALIZERS, recipe.kernel_initializer
            ),
            "loss": _choice("loss", checks.LOSSES, recipe.loss),
            "optimizer": _choice("optimizer", checks.OPTIMIZERS, recipe.optimizer),
            "learning_rate": _slider("learning rate", _RATES, recipe.learning_rate),
            "momentum": _slider("momentum", [n / 20 for n in range(20)], recipe.momentum),
            "nesterov": ui.switch(recipe.nesterov, label="Nesterov"),
            "batch_size": _slider("batch size", [2**n for n in range(8)], recipe.batch_size),
            "steps_per_epoch": _slider(
                "steps per epoch", [100, 200, 500, 1000, 2000], recipe.steps_per_epoch
            ),
            "epochs": _slider("epochs", [1, 2, 5, 10, 20, 50, 100], recipe.epochs),
            "data": _choice("data", checks.DATA, recipe.data),
            "labels": _labels(recipe.labels),
            "noise": _slider("noise", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5], recipe.noise),
            "seed": _slider("seed", range(100), seed),
        }
    )


def panel_of(controls):
    """What `controls_of` returned as a `marimo.Html`, in as many columns as there is room for."""
    others = [control for name, control in controls.items() if name != "hidden_units"]
    parts = "".join(f"{control}" for control in [*controls["hidden_units"], *others])
    return Html(f"<div style='{_GRID}'>{parts}</div>")


def _units(layer, units):
    least = 1 if layer == 1 else 0
    return _slider(f"units in layer {layer}", range(least, 17), units)


def _labels(value):
    names = {text: name for name, text in _LABELS.items()}
    name = names.get(value, value)
    return ui.dropdown(_LABELS | {name: value}, name, label="labels", full_width=True)


def _slider(label, steps, value):
    steps = sorted({*steps, value})
    with silence():  # Of a seed above 2**53; the page sends back its place in the steps.
        return ui.slider(steps=steps, value=value, label=label, show_value=True, full_width=True)


def _choice(label, names, value):
    return ui.dropdown(names, value, label=label, full_width=True)
