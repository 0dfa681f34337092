"""The epochs of a run in one chart: with a slider, or side by side."""

from typing import Any

import altair as alt


def add_slider(chart: alt.LayerChart, rows: list[dict[str, Any]]) -> alt.LayerChart:
    """A chart of the rows of one epoch, which a slider picks: that with the nearest one drawn.

    The rows have the fields epoch and frame, the number of the epoch among those drawn.
    """
    last = rows[-1]
    epoch = alt.param(
        name="epoch",
        value=last["epoch"],
        bind=alt.binding_range(min=0, max=last["epoch"], step=1, name="epoch "),
    )
    nearest = f"datum.frame == round(epoch * {last['frame'] / max(1, last['epoch'])})"
    return chart.properties(data={"values": rows}).transform_filter(nearest).add_params(epoch)


def put_side_by_side(chart: alt.LayerChart, rows: list[dict[str, Any]]) -> alt.FacetChart:
    """Small charts, four in a line, of the rows of each epoch."""
    return chart.facet(alt.Facet("epoch:O"), columns=4, data={"values": rows})
