"""Pictures: the model as a graph, its decision surface, its learning curve, and many runs."""

import json
import shutil

import altair as alt
import contourpy
import keras
import numpy as np
import pygraphviz
import vl_convert

from keras_xor import checks, recipe
from keras_xor.model import build_model
from keras_xor.prediction import predict
from keras_xor.quiet import silent_stderr
from keras_xor.writing import replacing


def plot_model(model, to_file="model.png", rankdir="TB", dpi=200):
    """Draw `model` as `keras.utils.plot_model` does, with or without Graphviz's `dot`.

    Args:
        model: The `keras.Model` to draw, with shapes, dtypes, activations and names.
        to_file: Name of the picture, ending in .png, .svg or .pdf. Folders are made
            as needed. Defaults to model.png.
        rankdir: Direction of the graph: "TB", "LR", "BT" or "RL". Defaults to "TB".
        dpi: Dots per inch of a .png, 1 to 600. Defaults to 200, Keras's own.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written, `rankdir` is
            not one of the four, or `dpi` is out of range.
    """
    to_file = checks.model_picture(to_file, "to_file")
    dpi = checks.dpi(dpi, "dpi")
    options = {
        "show_shapes": True,
        "show_dtype": True,
        "show_layer_names": True,
        "show_layer_activations": True,
        "rankdir": checks.rankdir(rankdir, "rankdir"),
        # Graphviz 2.43 cuts off an .svg that is not of 72 dots per inch, one a point.
        "dpi": dpi if to_file.suffix == ".png" else 72,
    }
    with replacing(to_file) as new:
        if shutil.which("dot"):
            keras.utils.plot_model(model, new, **options)
        else:
            graph = keras.utils.model_to_dot(model, **options)
            # The wheel's fontconfig warns of system settings that it does not know.
            with silent_stderr():
                pygraphviz.AGraph(string=graph.to_string()).draw(str(new), prog="dot")


def surface(model, resolution=recipe.RESOLUTION):
    """Chart what `model` says over the unit square.

    The Axon guide ends with this plot, in two colours. Here are the probabilities, with
    the line where they are 0.5 and the four points of the truth table.

    Args:
        model: A `keras.Model` such as `build_model` or `load_model` returns.
        resolution: Points on each axis, both ends included, 2 to 200. Defaults to 50.

    Returns:
        An `altair.LayerChart` of rows with the fields x1, x2 and y, the probability.

    Raises:
        KerasXorError: `resolution` is out of range.
    """
    resolution = checks.resolution(resolution, "resolution")
    return _surface_layers(resolution, size=360).properties(
        data={"values": _surface_rows(model, resolution)}, title=_SURFACE_TITLE
    )


def surface_by_epoch(weights, resolution=recipe.RESOLUTION):
    """Chart how the surface formed, with a slider over the epochs.

    Args:
        weights: What `Recorder` recorded or `load_record` read. Of more than 50 epochs,
            50 at equal distances are taken, the last among them, and 0; the slider
            shows the nearest.
        resolution: As for `surface`.

    Returns:
        An `altair.LayerChart` as of `surface`, of rows that have the field epoch too.

    Raises:
        KerasXorError: `resolution` is out of range.
    """
    resolution = checks.resolution(resolution, "resolution")
    rows = _rows_by_epoch(weights, resolution, most=51)
    last = rows[-1]
    epoch = alt.param(
        name="epoch",
        value=last["epoch"],
        bind=alt.binding_range(min=0, max=last["epoch"], step=1, name="epoch "),
    )
    nearest = f"datum.frame == round(epoch * {last['frame'] / max(1, last['epoch'])})"
    return (
        _surface_layers(resolution, size=360)
        .properties(data={"values": rows}, title=_SURFACE_TITLE)
        .transform_filter(nearest)
        .add_params(epoch)
    )


def surface_multiples(weights, resolution=recipe.RESOLUTION):
    """Chart how the surface formed, as up to eight small surfaces side by side.

    Args:
        weights: As for `surface_by_epoch`; of more than 7 epochs, 7 and 0 are taken.
        resolution: As for `surface`.

    Returns:
        An `altair.FacetChart` of the rows of `surface_by_epoch`.

    Raises:
        KerasXorError: `resolution` is out of range.
    """
    resolution = checks.resolution(resolution, "resolution")
    return _surface_layers(resolution, size=180).facet(
        alt.Facet("epoch:O"),
        columns=4,
        data={"values": _rows_by_epoch(weights, resolution, most=8)},
        title=_SURFACE_TITLE,
    )


def learning_curve(history):
    """Chart loss and accuracy by epoch.

    Args:
        history: List of dicts with the keys epoch, accuracy and loss, as of `load_history`.

    Returns:
        An `altair.VConcatChart` of two panels, of rows with those fields.
    """
    epoch = alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(nice=False))
    panels = [
        alt.Chart(width=480, height=150)
        .mark_line(point=len(history) <= 50)
        .encode(
            x=epoch,
            y=alt.Y(f"{name}:Q", scale=scale),
            tooltip=["epoch:Q", alt.Tooltip(f"{name}:Q", format=".5f")],
        )
        for name, scale in (("loss", alt.Scale(zero=True)), ("accuracy", alt.Scale(domain=[0, 1])))
    ]
    return alt.vconcat(
        *panels,
        data={"values": history},
        title=alt.TitleParams("How the network learned", anchor="start"),
    )


def distributions(rows):
    """Chart what many runs say at each of the four points, and where the article's run is.

    Args:
        rows: What `keras_xor.seed_study.seed_study` returned. Runs with an answer that is
            not a number are left out.

    Returns:
        An `altair.ConcatChart` of four histograms, of rows with the fields point, low,
        high and runs, or point and article.
    """
    runs = [row for row in rows if all(np.isfinite(row[point]) for point in recipe.POINTS)]
    return alt.concat(
        *(_histogram(point) for point in recipe.POINTS),
        columns=2,
        bounds="flush",
        spacing={"row": 70, "column": 50},
        data={"values": [row for point in recipe.POINTS for row in _histogram_rows(runs, point)]},
        title=alt.TitleParams(
            f"The same network under {len(runs)} seeds",
            subtitle="How many runs gave which probability. Dashed: the article's one run.",
            anchor="start",
        ),
    )


def save(chart, to_file):
    """Write a chart with no browser and no network.

    Args:
        chart: An Altair chart.
        to_file: Name of the file, ending in .png (two pixels a point), .svg, .html (one
            file that works offline) or .json (its Vega-Lite). Folders are made as needed.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written.
    """
    to_file = checks.chart_file(to_file, "to_file")
    spec = chart.to_dict(validate=False)  # The rows of a record take 10 s to validate.
    if to_file.suffix == ".png":
        content = vl_convert.vegalite_to_png(spec, scale=2)
    elif to_file.suffix == ".svg":
        content = vl_convert.vegalite_to_svg(spec).encode()
    elif to_file.suffix == ".html":
        content = vl_convert.vegalite_to_html(spec, bundle=True, renderer="canvas").encode()
    else:
        content = json.dumps(spec, indent=1).encode()
    with replacing(to_file) as new:
        new.write_bytes(content)


_SURFACE_TITLE = alt.TitleParams(
    "What the network says: the probability that x1 xor x2 is 1",
    subtitle="The dashed line is 0.5, the dots are the truth table.",
    anchor="start",
)


def _surface_rows(model, resolution):
    """The grid, and the line of 0.5, whose rows have the fields line and order too."""
    axis = np.linspace(0, 1, resolution).round(6)
    x1, x2 = np.meshgrid(axis, axis)
    y = predict(model, x1, x2)
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


def _rows_by_epoch(weights, resolution, most):
    last_epoch = len(weights[0]) - 1
    frames = np.linspace(0, last_epoch, min(most, last_epoch + 1)).round().astype(int).tolist()
    model = build_model()
    rows = []
    for frame, epoch in enumerate(frames):
        model.set_weights([weight[epoch] for weight in weights])
        rows += [
            {**row, "epoch": epoch, "frame": frame} for row in _surface_rows(model, resolution)
        ]
    return rows


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
            # Half a cell too much, below the next one: no seams.
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


def _histogram_rows(runs, point):
    y = np.array([run[point] for run in runs])
    width = max(np.ptp(y) / 40, 1e-4)
    first, last = np.floor((y.min() - 0.5) / width), np.ceil((y.max() - 0.5) / width)
    edges = 0.5 + width * np.arange(first, max(last, first + 1) + 1)  # No bin on both sides of 0.5.
    counts, _ = np.histogram(y, edges)
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    rows = [{"point": point, "low": low, "high": high, "runs": count} for low, high, count in bins]
    if point in recipe.ARTICLE:
        rows.append({"point": point, "article": recipe.ARTICLE[point]})
    return rows


def _histogram(point):
    scale = alt.Scale(zero=False, nice=False, padding=8)
    panel = alt.Chart().transform_filter(f"datum.point == '{point}'")
    bars = (
        panel.transform_filter("isValid(datum.runs)")
        .mark_bar()
        .encode(
            x=alt.X("low:Q", bin="binned", title="probability", scale=scale),
            x2="high:Q",
            y="runs:Q",
            color=alt.condition("datum.low >= 0.5", alt.value("#e08214"), alt.value("#4393c3")),
            tooltip=["runs:Q", *(alt.Tooltip(f"{end}:Q", format=".4f") for end in ("low", "high"))],
        )
    )
    article = (
        panel.transform_filter("isValid(datum.article)")
        .mark_rule(strokeDash=[4, 2], strokeWidth=1.5)
        .encode(x="article:Q", tooltip="article:Q")
    )
    x1, x2 = point[-2:]
    title = f"x1 = {x1}, x2 = {x2}"
    if point in recipe.ARTICLE:
        title += f" (the article: {recipe.ARTICLE[point]:.5f})"
    return alt.layer(bars, article).properties(
        width=300, height=130, title=alt.TitleParams(title, anchor="start", fontSize=11)
    )
