"""Loss, accuracy and other logged values by epoch."""

import re
from typing import Any

import altair as alt
import keras
import numpy as np

_MOST_POINTS = 10_000  # Per line


def plot_history(history: Any) -> alt.VConcatChart:
    """A panel with a curve by epoch for each name of a `Run.history`, or of a Keras `History`.

    Above 10,000 epochs, 10,000 evenly spaced ones are drawn. The rows of the chart have the names
    as their fields, and epoch, counted from 1.
    """
    rows, titles = _make_rows(history)
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
    )


def _make_rows(history: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows to draw, as dicts, a selection if there are many; and their fields' titles."""
    if isinstance(history, keras.callbacks.History):
        history = history.history
    names = sorted(history, key=lambda name: (name != "loss", name))
    fields = {_name_field(name, number): name for number, name in enumerate(names)}
    epochs = len(history["loss"])
    drawn = np.linspace(0, epochs - 1, min(_MOST_POINTS, epochs)).round().astype(int).tolist()
    rows = [
        {
            "epoch": n + 1,
            **{field: _drop_infinite(history[name][n]) for field, name in fields.items()},
        }
        for n in drawn
    ]
    return rows, fields


def _name_field(name: str, number: int) -> str:
    """A field name that Vega does not take for a path."""
    return name if re.fullmatch("[a-z][a-z0-9_]*", name) else f"column_{number}"


def _drop_infinite(value: float) -> float | None:
    return value if np.isfinite(value) else None
