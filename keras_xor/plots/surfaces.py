"""Predictions of a network over the unit square, and how they formed during training."""

import altair as alt
import contourpy
import numpy as np

from keras_xor.prediction import predict
from keras_xor.run import layer_outputs

_MOST_ROWS = 150_000  # For all surfaces of a chart: some 12 MB.

_SURFACE = {
    "title": alt.TitleParams(
        "Predicted probability of class 1",
        subtitle="The dashed line is 0.5, the dots are the truth table.",
        anchor="start",
    ),
    # On the right, room for the legend in a wider font than the one it was measured in.
    "padding": {"left": 5, "top": 5, "right": 30, "bottom": 5},
}


def surface(model, resolution=50):
    """Chart the predictions of `model` over the unit square.

    The Axon guide ends with this plot in two colours. This one shows the probabilities,
    the line where they are 0.5 and the four points of the truth table.

    Args:
        model: A `keras.Model` such as `build_model` or `load_model` returns.
        resolution: Points on each axis, both ends included, 2 to 200. Defaults to 50.

    Returns:
        An `altair.LayerChart`; its rows have the fields x1, x2 and y, the probability.
    """
    x1, x2 = _grid(resolution)
    rows = _surface_rows(x1, x2, predict(model, x1, x2))
    return _surface_layers(resolution, size=360).properties(data={"values": rows}, **_SURFACE)


def surface_by_epoch(run, resolution=50):
    """Chart how the surface formed, with a slider over the epochs.

    Args:
        run: A `Run`. Above 50 epochs, epoch 0 and 50 evenly spaced ones, including the last, are
            shown; the slider picks the nearest. Above a resolution of 50, fewer are shown: 15 at
            100 and 3 at 200, for a chart of some 12 MB.
        resolution: See `surface`.

    Returns:
        An `altair.LayerChart` like that of `surface`; its rows also have the field epoch.
    """
    rows = _rows_by_epoch(run, resolution, most=51)
    last = rows[-1]
    epoch = alt.param(
        name="epoch",
        value=last["epoch"],
        bind=alt.binding_range(min=0, max=last["epoch"], step=1, name="epoch "),
    )
    nearest = f"datum.frame == round(epoch * {last['frame'] / max(1, last['epoch'])})"
    return (
        _surface_layers(resolution, size=360)
        .properties(data={"values": rows}, **_SURFACE)
        .transform_filter(nearest)
        .add_params(epoch)
    )


def surface_multiples(run, resolution=50):
    """Chart how the surface formed, as up to eight small surfaces side by side.

    Args:
        run: See `surface_by_epoch`; above 7 epochs, epoch 0 and 7 others are shown.
        resolution: See `surface`.

    Returns:
        An `altair.FacetChart` with the same fields as `surface_by_epoch`.
    """
    return (
        _surface_layers(resolution, size=180)
        .facet(
            alt.Facet("epoch:O"),
            columns=4,
            data={"values": _rows_by_epoch(run, resolution, most=8)},
        )
        .properties(**_SURFACE)
    )


def _grid(resolution):
    axis = np.linspace(0, 1, resolution).round(6)
    return np.meshgrid(axis, axis)


def _surface_rows(x1, x2, y):
    """Rows of the grid and of the line of 0.5; the latter also have the fields line and order."""
    grid = zip(x1.ravel().tolist(), x2.ravel().tolist(), y.ravel().tolist(), strict=True)
    lines = contourpy.contour_generator(x1, x2, y).lines(0.5)
    return [
        *({"x1": a, "x2": b, "y": round(c, 6)} for a, b, c in grid),
        *(
            {"x1": round(a, 6), "x2": round(b, 6), "y": 0.5, "line": number, "order": order}
            for number, line in enumerate(lines)
            for order, (a, b) in enumerate(line.tolist())
        ),
    ]


def _rows_by_epoch(run, resolution, most):
    x1, x2 = _grid(resolution)
    points = np.stack([x1.ravel(), x2.ravel()], axis=1)
    chosen = run.evenly(min(most, max(2, _MOST_ROWS // resolution**2)))
    weights = [weight[chosen] for weight in run.weights]
    surfaces = layer_outputs(run.recipe, weights, points)[-1].reshape(-1, *x1.shape)
    return [
        {**row, "epoch": epoch, "frame": frame}
        for frame, (epoch, y) in enumerate(zip(run.epochs[chosen].tolist(), surfaces, strict=True))
        for row in _surface_rows(x1, x2, y)
    ]


def _surface_layers(resolution, size):
    scale = alt.Scale(domain=[0, 1], nice=False)
    at_x = {"x": alt.X("x1:Q", title="x1", scale=scale)}
    at_y = {"y": alt.Y("x2:Q", title="x2", scale=scale)}
    in_grid, in_line = "!isValid(datum.line)", "isValid(datum.line)"
    at_corner = "(datum.x1 == 0 || datum.x1 == 1) && (datum.x2 == 0 || datum.x2 == 1)"
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
                "y:Q",
                title="probability",
                scale=alt.Scale(scheme="blueorange", domain=[0, 1], domainMid=0.5),
            ),
            tooltip=[alt.Tooltip(f"{name}:Q", format=".4f") for name in ("x1", "x2", "y")],
        )
    )
    boundary = (
        alt.Chart()
        .transform_filter(in_line)
        .mark_line(color="black", strokeWidth=1.5, strokeDash=[4, 2])
        .encode(**at_x, **at_y, detail="line:N", order="order:Q")
    )
    corners = alt.Chart().transform_filter(f"{in_grid} && {at_corner}").encode(**at_x, **at_y)
    dots = corners.mark_circle(size=130, color="white", stroke="black", strokeWidth=1.5, opacity=1)
    inwards = {
        "align": alt.expr("datum.x1 == 0 ? 'left' : 'right'"),
        "baseline": alt.expr("datum.x2 == 0 ? 'bottom' : 'top'"),
        "dx": alt.expr("datum.x1 == 0 ? 10 : -10"),
        "dy": alt.expr("datum.x2 == 0 ? -10 : 10"),
    }
    label = corners.encode(text=alt.Text("y:Q", format=".4f"))
    font = {"fontSize": 13, "fontWeight": "bold", **inwards}
    halo = label.mark_text(stroke="white", strokeWidth=4, strokeJoin="round", **font)
    text = label.mark_text(color="black", **font)
    return alt.layer(heat, boundary, dots, halo, text).properties(width=size, height=size)
