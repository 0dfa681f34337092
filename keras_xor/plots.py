"""Pictures: the model as a graph, its decision surface, its learning curve, and many runs."""

import html
import json
import re
import shutil
import struct
import subprocess
import tempfile
import zlib

import altair as alt
import contourpy
import keras
import numpy as np
import pygraphviz
import vl_convert

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError, shown
from keras_xor.model import check_model
from keras_xor.prediction import predict
from keras_xor.quiet import silence
from keras_xor.seed_study import check_rows
from keras_xor.training import Recorder, history_rows
from keras_xor.writing import MARK, replacing

_MOST_ROWS = 150_000  # Of all surfaces of a chart, which is some 12 MB.
_MOST_POINTS = 10_000  # Of a line
_SIGNATURE = {"generator": MARK}


def plot_model(model, to_file="model.png", rankdir="TB", dpi=200):
    """Draw `model` as `keras.utils.plot_model` does, with or without Graphviz's `dot`.

    Args:
        model: The `keras.Model` to draw, with shapes, dtypes, activations and names.
        to_file: Name of the picture, ending in .png, .svg or .pdf. Folders are made
            as needed. Defaults to model.png.
        rankdir: Direction of the graph: "TB", "LR", "BT" or "RL". Defaults to "TB".
        dpi: Dots per inch of a .png, 1 to 600. Defaults to 200, Keras's own.

    Raises:
        KerasXorError: `model` is not a Keras model, or not built; `to_file` has another
            suffix or cannot be written; `rankdir` is not one of the four; or `dpi` is out of
            range.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise KerasXorError(f"model must be a keras.Model that is built, not {shown(model)}")
    to_file = checks.model_picture(to_file, "to_file")
    dpi = checks.dpi(dpi, "dpi")
    graph = keras.utils.model_to_dot(
        model,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        rankdir=checks.rankdir(rankdir, "rankdir"),
        # Graphviz 2.43 cuts off an .svg that is not of 72 dots per inch, one a point.
        dpi=dpi if to_file.suffix == ".png" else 72,
    )
    _escape_names(graph, model)
    _write(_drawn(graph, to_file.suffix[1:]), to_file)


def _escape_names(graph, model):
    """Keras puts names into the HTML of a label as they are."""
    for layer in model.layers:
        kind = type(layer).__name__
        activation = getattr(layer, "activation", None)
        names = [getattr(activation, name, None) for name in ("name", "__name__")]
        for node in graph.get_node(str(id(layer))):
            label = node.get_label().replace(
                f"<b>{layer.name}</b> ({kind})",
                f"<b>{_entities(layer.name)}</b> ({_entities(kind)})",
            )
            for name in filter(None, names):
                label = label.replace(
                    f"Activation: <b>{name}</b>", f"Activation: <b>{_entities(name)}</b>"
                )
            node.set_label(label)


def _entities(text):
    """`text` for a label of Graphviz, where markup, braces and more have a meaning."""
    return "".join(
        char if char.isalnum() or char in " _-" else f"&#{ord(char) if char.isprintable() else 63};"
        for char in text
    )


def _drawn(graph, format):
    """The picture of a graph, by the `dot` program or else by the wheel, which carries Graphviz."""
    text = graph.to_string()
    if shutil.which("dot"):
        done = subprocess.run(["dot", f"-T{format}"], input=text.encode(), capture_output=True)
        if not done.returncode:
            return done.stdout
    # To a file, on a disk that is full, the wheel's Graphviz would end the process. Its fontconfig
    # warns of system settings that it does not know.
    try:
        with silence():
            return pygraphviz.AGraph(string=text).draw(format=format, prog="dot")
    except OSError as error:  # It draws from a temporary file.
        raise KerasXorError(
            f"cannot draw ({error.strerror}): make room in {tempfile.gettempdir()}"
        ) from error


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
        data={"values": _surface_rows(model, resolution)}, **_SURFACE
    )


def surface_by_epoch(record, resolution=recipe.RESOLUTION):
    """Chart how the surface formed, with a slider over the epochs.

    Args:
        record: A `Recorder` that has recorded, or that `load_record` read. Of more than 50
            epochs, 50 at equal distances are taken, the last among them, and 0; the slider
            shows the nearest. At a resolution above 50, fewer are taken: 15 at 100, and 3
            at 200, for a chart of some 12 MB.
        resolution: As for `surface`.

    Returns:
        An `altair.LayerChart` as of `surface`, of rows that have the field epoch too.

    Raises:
        KerasXorError: nothing is recorded, or `resolution` is out of range.
    """
    resolution = checks.resolution(resolution, "resolution")
    rows = _rows_by_epoch(record, resolution, most=51)
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


def surface_multiples(record, resolution=recipe.RESOLUTION):
    """Chart how the surface formed, as up to eight small surfaces side by side.

    Args:
        record: As for `surface_by_epoch`; of more than 7 epochs, 7 and 0 are taken.
        resolution: As for `surface`.

    Returns:
        An `altair.FacetChart` of the rows of `surface_by_epoch`.

    Raises:
        KerasXorError: nothing is recorded, or `resolution` is out of range.
    """
    resolution = checks.resolution(resolution, "resolution")
    return (
        _surface_layers(resolution, size=180)
        .facet(
            alt.Facet("epoch:O"),
            columns=4,
            data={"values": _rows_by_epoch(record, resolution, most=8)},
        )
        .properties(**_SURFACE)
    )


def learning_curve(history):
    """Chart loss, accuracy and what else a history has, by epoch.

    Args:
        history: The `keras.callbacks.History` that `train` returned, or a list of dicts with
            the keys epoch, loss and others, as of `load_history`. Of more than 10,000 epochs,
            10,000 at equal distances are drawn.

    Returns:
        An `altair.VConcatChart` of a panel for each key but epoch, of rows with those fields.

    Raises:
        KerasXorError: `history` is empty, or something else.
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
        usermeta=_SIGNATURE,
    )


def _rows_and_titles(history):
    """What is drawn of a history: dicts, some of very many; and the titles of their fields."""
    if isinstance(history, keras.callbacks.History):
        history = history_rows(history)
    try:
        drawn = [history[index] for index in _evenly(len(history), _MOST_POINTS)]
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
    """A name that Vega does not take for a path, nor JavaScript for one of its own."""
    plain = re.fullmatch("[a-z][a-z0-9_]*", name) and name != "constructor"
    return name if plain else f"column_{number}"


def _title(name, field):
    # Vega's converter does not survive a NUL, nor does Vega itself a title of "constructor".
    return name if name == field else f" {''.join(filter(str.isprintable, name))}"


def _finite_or_none(value):
    return float(value) if value is not None and np.isfinite(value) else None


def distributions(rows):
    """Chart what many runs say at each of the four points, and where the article's run is.

    Args:
        rows: What `keras_xor.seed_study.seed_study` returned. Runs with an answer that is
            not a number are left out.

    Returns:
        An `altair.ConcatChart` of four histograms, of rows with the fields point, low,
        high and runs, or point and article.

    Raises:
        KerasXorError: no run is left.
    """
    check_rows(rows)
    runs = [row for row in rows if all(np.isfinite(row[point]) for point in recipe.POINTS)]
    if not runs:
        raise KerasXorError("there is no run to draw: all diverged")
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
        usermeta=_SIGNATURE,
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
    if not isinstance(chart, alt.TopLevelMixin):
        raise KerasXorError(f"chart must be an Altair chart, not {shown(chart)}")
    try:
        content = _converted(chart, to_file.suffix)
    except ValueError as error:
        raise KerasXorError(f"this chart cannot be drawn: {error}") from error
    _write(content, to_file)


def _converted(chart, suffix):
    spec = chart.to_dict(validate=False)  # The rows of a record take 10 s to validate.
    if suffix == ".png":
        return vl_convert.vegalite_to_png(spec, scale=2)
    if suffix == ".svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    if suffix == ".html":
        return _page(spec).encode()
    return json.dumps(spec | {"usermeta": _SIGNATURE}, indent=1).encode()


def _write(content, to_file):
    """Write a picture, signed in the way of its kind."""
    mark = MARK.encode()
    if to_file.suffix == ".png":
        text = b"tEXtSoftware\0" + mark
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
        content = content[:-12] + chunk + content[-12:]  # Before its last chunk.
    elif to_file.suffix in (".svg", ".html"):
        content += b"\n<!-- %s -->\n" % mark
    elif to_file.suffix == ".pdf":
        content += b"%% %s\n" % mark
    with replacing(to_file) as new:
        new.write_bytes(content)


def _page(spec):
    """A chart as a page with nothing from elsewhere."""
    title = spec.get("title") or "Chart"
    title = html.escape(str(title["text"] if isinstance(title, dict) else title))
    values = json.dumps(spec).replace("<", r"\u003c")  # A name may not end the script.
    return _PAGE.format(title=title, library=vl_convert.javascript_bundle(), spec=values)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
</head>
<body>
<div id="chart"></div>
<script>
{library}
vegaEmbed("#chart", {spec}, {{renderer: "canvas"}});
</script>
</body>
</html>
"""


def _in_notebook(spec, **options):
    """What a notebook shows of a chart: of one of this package, its page in a frame."""
    if spec.get("usermeta") != _SIGNATURE:
        return _in_notebook_otherwise(spec, **options)
    height = float(re.search(r'height="([\d.]+)"', vl_convert.vegalite_to_svg(spec))[1])
    page = html.escape(_page(spec))
    style = f"width: 100%; height: {height + 60:.0f}px; border: none"  # With room for a slider.
    return {"text/html": f'<iframe srcdoc="{page}" style="{style}"></iframe>'}


if alt.renderers.active == "default":  # Which fetches its scripts from elsewhere.
    _in_notebook_otherwise = alt.renderers.get()
    alt.renderers.register("keras_xor", _in_notebook)
    alt.renderers.enable("keras_xor")


_SURFACE = {
    "title": alt.TitleParams(
        "What the network says: the probability that x1 xor x2 is 1",
        subtitle="The dashed line is 0.5, the dots are the truth table.",
        anchor="start",
    ),
    # To the right, room for the legend in a wider font than the one it was measured in.
    "padding": {"left": 5, "top": 5, "right": 30, "bottom": 5},
    "usermeta": _SIGNATURE,
}


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


def _rows_by_epoch(record, resolution, most):
    if not isinstance(record, Recorder) or not record.weights:
        raise KerasXorError(f"record must be a Recorder that has recorded, not {shown(record)}")
    check_model(record.model)
    weights = record.weights
    last_epoch = len(weights[0]) - 1
    count = min(most, last_epoch + 1, max(2, _MOST_ROWS // resolution**2))
    model = keras.models.clone_model(record.model)
    rows = []
    for frame, epoch in enumerate(_evenly(last_epoch + 1, count)):
        model.set_weights([weight[epoch] for weight in weights])
        rows += [
            {**row, "epoch": epoch, "frame": frame} for row in _surface_rows(model, resolution)
        ]
    return rows


def _evenly(length, count):
    """`count` indices of a sequence at equal distances, the first and the last among them."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist()


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
            # A label that reached above the panel would lift its title.
            y=alt.Y("runs:Q", axis=alt.Axis(labelFlush=True)),
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
