"""Loss, accuracy and other logged values by epoch."""

import re

import altair as alt
import keras
import numpy as np

from keras_xor.checks import KerasXorError, shown
from keras_xor.files.history import history_rows
from keras_xor.files.record import evenly
from keras_xor.plots.common import SIGNATURE

_MOST_POINTS = 10_000  # Per line


def learning_curve(history):
    """Chart loss, accuracy and other logged values by epoch.

    Args:
        history: The `keras.callbacks.History` that `train` returned, or a list of dicts with
            the keys epoch, loss and others, as from `load_history`. Above 10,000 epochs,
            10,000 evenly spaced ones are drawn.

    Returns:
        An `altair.VConcatChart` with one panel per key except epoch; its rows have these fields.

    Raises:
        KerasXorError: `history` is empty or not a history.
    """
    rows, titles = _rows_and_titles(history)
    epoch = alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(nice=False))
    panels = []
    for field, title in titles.items():
        value = {"field": field, "type": "quantitative"}
        scale = alt.Scale(domain=[0, 1]) if title == "accuracy" else alt.Scale(zero=True)
        panels.append(
            alt.Chart(width=480, height=150)
            .mark_line(point=len(rows) <= 50)
            .encode(
                x=epoch,
                y=alt.Y(**value, scale=scale, title=title),
                tooltip=["epoch:Q", alt.Tooltip(**value, format=".5f")],
            )
        )
    return alt.vconcat(
        *panels,
        data={"values": rows},
        title=alt.TitleParams("How the network learned", anchor="start"),
        usermeta=SIGNATURE,
    )


def _rows_and_titles(history):
    """The rows to draw, as dicts, a selection if there are many; and their fields' titles."""
    if isinstance(history, keras.callbacks.History):
        history = history_rows(history)
    try:
        drawn = [history[index] for index in evenly(len(history), _MOST_POINTS)]
        names = sorted(drawn[0].keys() - {"epoch"}, key=lambda name: (name != "loss", name))
        fields = {name: _field(name, number) for number, name in enumerate(names)}
        rows = [
            {"epoch": row["epoch"], **{fields[name]: _finite_or_none(row[name]) for name in names}}
            for row in drawn
        ]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise KerasXorError(f"history must be what train returned, not {shown(history)}") from error
    return rows, {field: _title(name, field) for name, field in fields.items()}


def _field(name, number):
    """A field name that is not a path to Vega and not built into JavaScript."""
    plain = re.fullmatch("[a-z][a-z0-9_]*", name) and name != "constructor"
    return name if plain else f"column_{number}"


def _title(name, field):
    # A NUL crashes Vega's converter, and the title "constructor" breaks Vega itself.
    return name if name == field else f" {''.join(filter(str.isprintable, name))}"


def _finite_or_none(value):
    return float(value) if value is not None and np.isfinite(value) else None
