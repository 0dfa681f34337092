"""What the hidden units make of the unit square, and how that formed during training."""

import math
from typing import Any

import altair as alt
import keras
import numpy as np

from keras_xor.data import POINTS
from keras_xor.plots.epochs import add_slider, put_side_by_side
from keras_xor.plots.surfaces import LABEL_COLOR
from keras_xor.projection import project_hidden
from keras_xor.recipe import DEFAULT
from keras_xor.run import Run, compute_outputs
from keras_xor.signature import make_inputs, to_probabilities
from keras_xor.values import KerasXorError

_SIZE = 17  # Points on each axis of the square
_END = 1.3  # Of the picture
_TOGETHER = 0.08  # Points that are nearer are named together.
_AREAS = (200, 110, 50, 15)  # Of dots that lie on top of each other

_TITLE = {
    "title": alt.TitleParams(
        "The square as the hidden units see it",
        subtitle="On the dashed line, the prediction is 0.5. Dots have the colour of their label.",
        anchor="start",
    )
}


def plot_hidden_space(model: keras.Model, labels: str = DEFAULT.labels) -> alt.LayerChart:
    """The unit square as the last hidden layer of a model sees it, as `project_hidden` draws it.

    Raises:
        KerasXorError: the last layer of the model is not Dense with one unit, or two.
    """
    hidden, kernel, bias = _compute_hidden(model)
    rows = _make_rows(*project_hidden(hidden[None], kernel[None], bias[None]), [0], labels)
    return _plot_layers(360).properties(data={"values": rows}, **_TITLE)


def plot_hidden_space_by_epoch(run: Run) -> alt.LayerChart:
    """How this picture formed, with a slider over at most 51 evenly spaced epochs."""
    return add_slider(_plot_layers(360), _make_rows_by_epoch(run, 51)).properties(**_TITLE)


def plot_hidden_space_multiples(run: Run) -> alt.FacetChart:
    """How this picture formed, as up to eight small pictures side by side."""
    return put_side_by_side(_plot_layers(180), _make_rows_by_epoch(run, 8)).properties(**_TITLE)


def _make_grid() -> np.ndarray:
    x1, x2 = np.meshgrid(*[np.linspace(0, 1, _SIZE)] * 2, indexing="ij")
    return np.stack([x1.ravel(), x2.ravel()], axis=1)


def _compute_hidden(model: keras.Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The inputs of the last layer for each point, and weights and a bias for them.

    With these, the sum is 0 where the prediction is 0.5.
    """
    layer = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if not hasattr(model, "inputs") or not isinstance(layer, keras.layers.Dense) or layer.units > 2:
        raise KerasXorError("the last layer of the model must be Dense, with one unit or two")
    inner = keras.Model(model.inputs, layer.input)
    hidden = np.asarray(inner(make_inputs(inner, *_make_grid().T)))
    kernel, bias = np.asarray(layer.kernel), np.zeros(layer.units)
    if layer.use_bias:
        bias = np.asarray(layer.bias)
    if layer.units == 2:
        return hidden, kernel[:, 1] - kernel[:, 0], bias[1] - bias[0]
    kernel, sums = kernel[:, 0], np.linspace(-20, 20, 4_001)
    inputs = np.outer(sums - bias[0], kernel / max(1e-12, kernel @ kernel))
    y = to_probabilities(model, keras.Model(layer.input, model.outputs)(inputs))
    return hidden, kernel, bias[0] - np.interp(0.5, y, sums)


def _make_rows_by_epoch(run: Run, most: int) -> list[dict[str, Any]]:
    frames = run.choose_epochs(most)
    weights = [weight[frames] for weight in run.weights]
    hidden = compute_outputs(run.recipe, weights, _make_grid())[-2]
    projected = project_hidden(hidden, weights[-2][..., 0], weights[-1][..., 0])
    return _make_rows(*projected, run.epochs[frames].tolist(), run.recipe.labels)


def _make_rows(
    places: np.ndarray, borders: np.ndarray, epochs: list[int], labels: str
) -> list[dict[str, Any]]:
    """Rows of lines, with the fields kind, line and order, and of points, with label and area."""
    rows = []
    for frame, (epoch, epoch_places, border) in enumerate(
        zip(epochs, places, borders, strict=True)
    ):
        grid = epoch_places.reshape(_SIZE, _SIZE, 2)
        lines = [("grid", line) for way in (grid, grid.swapaxes(0, 1)) for line in way[::2]]
        lines.append(("border", _find_ends(*border.tolist())))
        parts = [
            {"kind": kind, "line": number, "order": order, "across": a, "up": b}
            for number, (kind, line) in enumerate(lines)
            for order, (a, b) in enumerate(np.asarray(line).round(5).tolist())
        ]
        corners = [grid[(_SIZE - 1) * x1, (_SIZE - 1) * x2].tolist() for x1, x2 in POINTS]
        parts += _make_points(corners, labels)
        rows += [{"epoch": epoch, "frame": frame, **part} for part in parts]
    return rows


def _make_points(corners: list[list[float]], labels: str) -> list[dict[str, Any]]:
    points = []
    for n, (place, label) in enumerate(zip(corners, labels, strict=True)):
        together = [m for m in range(4) if m == n or math.dist(place, corners[m]) < _TOGETHER]
        rank = together.index(n)
        name = "" if rank else ", ".join(f"{x1} {x2}" for x1, x2 in (POINTS[m] for m in together))
        area = {"kind": "point", "label": label, "area": _AREAS[rank], "name": name}
        points.append({**area, "across": place[0], "up": place[1]})
    return points


def _find_ends(a: float, b: float, c: float) -> list[tuple[float, float]]:
    """Where the line a * across + b * up + c = 0 enters and leaves the picture, if it does."""
    sides = [(end, -(a * end + c) / b) for end in (-_END, _END) if b]
    sides += [(-(b * end + c) / a, end) for end in (-_END, _END) if a]
    ends = sorted({side for side in sides if max(map(abs, side)) <= _END})
    return [ends[0], ends[-1]] if len(ends) > 1 else []


def _plot_layers(size: int) -> alt.LayerChart:
    scale = alt.Scale(domain=[-_END, _END], nice=False)
    places = {
        "x": alt.X("across:Q", scale=scale, axis=None),
        "y": alt.Y("up:Q", scale=scale, axis=None),
    }
    chart = alt.Chart().encode(**places)
    lines = chart.encode(detail="line:N", order="order:Q")
    grid = lines.transform_filter("datum.kind == 'grid'").mark_line(color="#999", strokeWidth=0.7)
    border = lines.transform_filter("datum.kind == 'border'").mark_line(
        color="black", strokeWidth=1.5, strokeDash=[6, 3]
    )
    points = chart.transform_filter("datum.kind == 'point'")
    dots = points.mark_circle(fill=LABEL_COLOR, stroke="black", strokeWidth=1, opacity=1).encode(
        size=alt.Size("area:Q", scale=None), order=alt.Order("area:Q", sort="descending")
    )
    names = points.mark_text(dy=-14, fontSize=13).encode(text="name:N")
    return alt.layer(grid, border, dots, names).properties(width=size, height=size)
