"""Predictions of a network over the unit square, and how they formed during training."""

from typing import Any

import altair as alt
import contourpy
import keras
import numpy as np

from keras_xor.data import POINTS
from keras_xor.plots.epochs import add_slider, put_side_by_side
from keras_xor.prediction import predict
from keras_xor.recipe import DEFAULT
from keras_xor.run import Run, compute_outputs

LABEL_COLOR = alt.expr("datum.label == '1' ? '#ba5d08' : '#1f5f9f'")
_MOST_ROWS = 150_000  # For all surfaces of a chart: some 12 MB.

_SURFACE = {
    "title": alt.TitleParams(
        "Predictions",
        subtitle="The dashed line is 0.5. A dot unlike its surroundings is wrong.",
        anchor="start",
    ),
    # On the right, room for the legend in a wider font than the one it was measured in.
    "padding": {"left": 5, "top": 5, "right": 30, "bottom": 5},
}


def plot_surface(
    model: keras.Model, resolution: int = 50, labels: str = DEFAULT.labels
) -> alt.LayerChart:
    """The predictions of a model over the unit square, and the line where they are 0.5.

    The resolution is the number of points on each axis, from 2 to 200. The dots of the truth table
    have the colour of their label. The rows of the chart have the fields x1, x2, prediction and,
    for these points, label.
    """
    x1, x2 = _make_grid(resolution)
    rows = _make_rows(x1, x2, predict(model, x1, x2), labels)
    return _plot_layers(resolution, size=360).properties(data={"values": rows}, **_SURFACE)


def plot_surface_by_epoch(run: Run, resolution: int = 50) -> alt.LayerChart:
    """How the surface formed, with a slider over the epochs; the rows also have the field epoch.

    At most 51 evenly spaced epochs are shown, and the slider picks the nearest. Above a resolution
    of 50, fewer are shown, such as 15 at 100, for a chart of some 12 MB.
    """
    rows = _make_rows_by_epoch(run, resolution, most=51)
    return add_slider(_plot_layers(resolution, size=360), rows).properties(**_SURFACE)


def plot_surface_multiples(run: Run, resolution: int = 50) -> alt.FacetChart:
    """How the surface formed, as up to eight small surfaces side by side."""
    rows = _make_rows_by_epoch(run, resolution, most=8)
    return put_side_by_side(_plot_layers(resolution, size=180), rows).properties(**_SURFACE)


def _make_grid(resolution: int) -> Any:
    axis = np.linspace(0, 1, resolution).round(6)
    return np.meshgrid(axis, axis)


def _make_rows(x1: np.ndarray, x2: np.ndarray, y: np.ndarray, labels: str) -> list[dict[str, Any]]:
    """Rows of the grid and of the line of 0.5; the latter also have the fields line and order."""
    points = {point: {"label": label} for point, label in zip(POINTS, labels, strict=True)}
    grid = zip(x1.ravel().tolist(), x2.ravel().tolist(), y.ravel().tolist(), strict=True)
    lines: Any = contourpy.contour_generator(x1, x2, y).lines(0.5)
    return [
        *(
            {"x1": a, "x2": b, "prediction": round(c, 6), **points.get((a, b), {})}
            for a, b, c in grid
        ),
        *(
            {
                "x1": round(a, 6),
                "x2": round(b, 6),
                "prediction": 0.5,
                "line": number,
                "order": order,
            }
            for number, line in enumerate(lines)
            for order, (a, b) in enumerate(line.tolist())
        ),
    ]


def _make_rows_by_epoch(run: Run, resolution: int, most: int) -> list[dict[str, Any]]:
    x1, x2 = _make_grid(resolution)
    points = np.stack([x1.ravel(), x2.ravel()], axis=1)
    chosen = run.choose_epochs(min(most, max(2, _MOST_ROWS // resolution**2)))
    weights = [weight[chosen] for weight in run.weights]
    surfaces = compute_outputs(run.recipe, weights, points)[-1].reshape(-1, *x1.shape)
    return [
        {**row, "epoch": epoch, "frame": frame}
        for frame, (epoch, y) in enumerate(zip(run.epochs[chosen].tolist(), surfaces, strict=True))
        for row in _make_rows(x1, x2, y, run.recipe.labels)
    ]


def _plot_layers(resolution: int, size: int) -> alt.LayerChart:
    scale = alt.Scale(domain=[0, 1], nice=False)
    at_x = {"x": alt.X("x1:Q", title="x1", scale=scale)}
    at_y = {"y": alt.Y("x2:Q", title="x2", scale=scale)}
    in_grid, in_line = "!isValid(datum.line)", "isValid(datum.line)"
    half = 0.5 / (resolution - 1)

    heat = (
        alt.Chart()
        .transform_filter(in_grid)
        .transform_calculate(
            left=f"datum.x1 - {half}",
            bottom=f"datum.x2 - {half}",
            # Half a cell more, hidden below the next one, to avoid seams.
            right=f"datum.x1 + {2 * half}",
            top=f"datum.x2 + {2 * half}",
        )
        .mark_rect(clip=True)
        .encode(
            x=alt.X("left:Q", title="x1", scale=scale),
            y=alt.Y("bottom:Q", title="x2", scale=scale),
            x2="right:Q",
            y2="top:Q",
            color=alt.Color(
                "prediction:Q",
                title="prediction",
                scale=alt.Scale(scheme="blueorange", domain=[0, 1], domainMid=0.5),
            ),
            tooltip=[alt.Tooltip(f"{name}:Q", format=".4f") for name in ("x1", "x2", "prediction")],
        )
    )
    boundary = (
        alt.Chart()
        .transform_filter(in_line)
        .mark_line(color="black", strokeWidth=1.5, strokeDash=[4, 2])
        .encode(**at_x, **at_y, detail="line:N", order="order:Q")
    )
    corners = alt.Chart().transform_filter("isValid(datum.label)").encode(**at_x, **at_y)
    dots = corners.mark_circle(size=150, fill=LABEL_COLOR, stroke="white", strokeWidth=2, opacity=1)
    inwards = {
        "align": alt.expr("datum.x1 == 0 ? 'left' : 'right'"),
        "baseline": alt.expr("datum.x2 == 0 ? 'bottom' : 'top'"),
        "dx": alt.expr("datum.x1 == 0 ? 10 : -10"),
        "dy": alt.expr("datum.x2 == 0 ? -10 : 10"),
    }
    label = corners.encode(text=alt.Text("prediction:Q", format=".4f"))
    font = {"fontSize": 13, "fontWeight": "bold", **inwards}
    halo = label.mark_text(stroke="white", strokeWidth=4, strokeJoin="round", **font)
    text = label.mark_text(color="black", **font)
    return alt.layer(heat, boundary, dots, halo, text).properties(width=size, height=size)
