import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
import types
import unicodedata
from xml.etree import ElementTree

import altair as alt
import keras
import numpy as np
import pypdf
import pytest
import tensorflow as tf
from conftest import ROOT, largest_file, one_line

import keras_xor
from keras_xor import Recipe, plots
from keras_xor.study import ARTICLE

POINTS = ["y_00", "y_01", "y_10", "y_11"]

TEXTS = {
    *("x1 (InputLayer)", "x2 (InputLayer)", "pair (Concatenate)", "hidden_1 (Dense)", "y (Dense)"),
    *("Output shape: (None, 1)", "Output shape: (None, 2)", "Output shape: (None, 8)"),
    *("Input shape: [(None, 1), (None, 1)]", "Output dtype: float32"),
    *("Activation: tanh", "Activation: sigmoid"),
}


@pytest.fixture(params=["system", "wheel"])
def dot(request, monkeypatch, tmp_path):
    """Force each of the two ways to draw: the system's `dot`, then the wheel's."""
    if request.param == "wheel":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif shutil.which("dot") or os.environ.get("CI"):  # In CI a missing `dot` is a failure.
        monkeypatch.delattr(plots.graph, "pygraphviz")
    else:
        pytest.skip("there is no dot on this machine: install Graphviz to test this way too")


@pytest.fixture(scope="module")
def model():
    return keras_xor.build_model()


def pixels(file):
    return tf.io.decode_png(file.read_bytes(), channels=3).numpy()


@pytest.mark.usefixtures("dot")
def test_png(model, tmp_path, capfd):
    small, large = tmp_path / "new" / "a.png", tmp_path / "b.png"
    plots.plot_model(model, small, dpi=100)
    plots.plot_model(model, str(large))
    for file in (small, large):
        ink = np.mean(pixels(file) < 128)
        assert 0.2 < ink < 0.5  # Black title bars and frames, white cells with text.
    assert pixels(large).shape[1] == pytest.approx(2 * pixels(small).shape[1], abs=4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("dot")
def test_svg(model, tmp_path):
    shapes = {}
    for rankdir in ("TB", "LR"):
        file = tmp_path / f"{rankdir}.svg"
        plots.plot_model(model, file, rankdir, dpi=300)
        svg = ElementTree.parse(file).getroot()
        shapes[rankdir] = [float(svg.get(side).removesuffix("pt")) for side in ("width", "height")]
        view = [float(number) for number in svg.get("viewBox").split()]
        assert view == pytest.approx([0, 0, *shapes[rankdir]], abs=1)  # Nothing is cut off.
        words = " ".join(" ".join(svg.itertext()).split())
        assert {text for text in TEXTS if text in words} == TEXTS
    assert shapes["TB"][0] < 2 * shapes["TB"][1]
    assert shapes["LR"][0] > 5 * shapes["LR"][1]


@pytest.mark.usefixtures("dot")
def test_pdf(model, tmp_path):
    plots.plot_model(model, tmp_path / "a.pdf")
    (page,) = pypdf.PdfReader(tmp_path / "a.pdf").pages
    words = unicodedata.normalize("NFKC", page.extract_text()).replace("\n", " ")
    assert {text for text in TEXTS if text in words} == TEXTS


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(model, tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    file.write_text("old")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(keras.utils, "model_to_dot", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plots.plot_model(model, file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("dot")
def test_a_full_disk(script, tmp_path):
    file = tmp_path / "a.png"
    assert script("plot_model.py", "--to-file", file)[0] == 0
    before = file.read_bytes()
    for size, complaint in (
        (6_000, f"cannot write {file} (File too large): choose another"),
        (1_000, f"{tempfile.gettempdir()}" if not shutil.which("dot") else "cannot write"),
    ):
        with largest_file(size):
            status, output, errors = script("plot_model.py", "--to-file", file)
        assert (status, output) == (1, "")
        assert complaint in one_line(errors)
        assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_dot_that_fails_is_not_needed(model, tmp_path, monkeypatch):
    dot = tmp_path / "bin" / "dot"
    dot.parent.mkdir()
    dot.write_text("#!/bin/sh\nexit 1\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(dot.parent), prepend=os.pathsep)
    assert shutil.which("dot") == str(dot)
    plots.plot_model(model, tmp_path / "a.png")
    assert pixels(tmp_path / "a.png").size > 100_000


def test_a_model_that_is_not_built_is_told(tmp_path):
    with pytest.raises(keras_xor.KerasXorError, match=r"must be built: give it a keras\.Input"):
        plots.plot_model(keras.Sequential(), tmp_path / "a.png")


@pytest.fixture(scope="module")
def run():
    """The run of the default recipe."""
    return keras_xor.train_run()


def data(spec):
    return spec["datasets"][spec["data"]["name"]]


def parts(chart):
    """The rows of the grid and the rows of the line."""
    rows = data(chart.to_dict(validate=False))
    return [row for row in rows if "line" not in row], [row for row in rows if "line" in row]


def check_against_the_model(model, grid, line, resolution):
    x1, x2, y = (np.array([row[name] for row in grid]) for name in ("x1", "x2", "prediction"))
    np.testing.assert_allclose(y, keras_xor.predict(model, x1, x2), atol=1e-6)
    axis = np.linspace(0, 1, resolution).round(6)
    assert {*zip(x1, x2, strict=True)} == {(a, b) for a in axis for b in axis}
    assert len(grid) == resolution**2
    x1, x2 = (np.array([row[name] for row in line]) for name in ("x1", "x2"))
    np.testing.assert_allclose(keras_xor.predict(model, x1, x2), 0.5, atol=0.02)


@pytest.mark.parametrize("resolution", [2, 3, 50, 200])
def test_surface_against_the_model(trained, resolution):
    grid, line = parts(plots.plot_surface(trained, resolution))
    check_against_the_model(trained, grid, line if resolution > 3 else [], resolution)
    assert {row["line"] for row in line} == {0, 1}  # Two boundaries cut off two corners.
    grid, _ = parts(plots.plot_surface(trained, resolution, "0001"))
    labels = {(row["x1"], row["x2"]): row["label"] for row in grid if "label" in row}
    assert labels == {(0, 0): "0", (0, 1): "0", (1, 0): "0", (1, 1): "1"}


def test_surface_by_epoch_against_the_models(run):
    grid, line = parts(plots.plot_surface_by_epoch(run, resolution=30))
    model = keras_xor.build_model()
    assert {row["epoch"] for row in grid} == set(range(11))
    for epoch in range(11):
        model.set_weights([weight[epoch] for weight in run.weights])
        of_epoch = ([row for row in rows if row["epoch"] == epoch] for rows in (grid, line))
        check_against_the_model(model, *of_epoch, resolution=30)


def test_of_a_long_run_few_epochs_are_drawn(run):
    weights = [np.repeat(weight, 20, axis=0) for weight in run.weights]
    long = dataclasses.replace(run, weights=weights, epochs=np.arange(220))
    for draw, resolution, count in (
        (plots.plot_surface_by_epoch, 2, 51),
        (plots.plot_surface_by_epoch, 100, 15),
        (plots.plot_surface_multiples, 2, 8),
        (plots.plot_surface_multiples, 200, 3),
    ):
        grid, _ = parts(draw(long, resolution))
        epochs = sorted({row["epoch"] for row in grid})
        assert (len(epochs), epochs[0], epochs[-1]) == (count, 0, 219)
        assert max(np.diff(epochs)) - min(np.diff(epochs)) <= 1
        assert len(grid) <= 150_000


def test_dots_per_inch(script, tmp_path):
    sizes = []
    for dpi in (72, 144):
        script("plot_model.py", "--to-file", "a.png", "--dpi", dpi)
        sizes.append(pixels(tmp_path / "a.png").shape[0])
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=2)


def test_the_options_of_a_surface(script, tmp_path, trained_file):
    options = ("--resolution", 7, "--labels", "0001", "--to-file", "new/er/a.json")
    assert script("plot_surface.py", "--model", trained_file, *options)[0] == 0
    rows = data(json.loads((tmp_path / "new" / "er" / "a.json").read_text()))
    assert len([row for row in rows if "line" not in row]) == 7 * 7
    labels = {(row["x1"], row["x2"]): row["label"] for row in rows if "label" in row}
    assert labels == {(0, 0): "0", (0, 1): "0", (1, 0): "0", (1, 1): "1"}


def test_the_slider_picks_the_nearest_epoch():
    rows = [{"epoch": 20 * frame, "frame": frame} for frame in range(51)]
    chart = plots.epochs.add_slider(alt.layer(alt.Chart().mark_point()), rows).to_dict()
    assert chart["params"][0]["value"] == 1_000  # It starts at the end.
    condition = chart["transform"][0]["filter"]  # Also an expression of Python
    for epoch in (0, 9, 11, 500, 989, 991, 1_000):
        values = [{"datum": types.SimpleNamespace(**row), "epoch": epoch} for row in rows]
        (row,) = [row for row, names in zip(rows, values, strict=True) if eval(condition, names)]
        assert abs(row["epoch"] - epoch) < 10


def find_orange(chart, file, kind):
    """Which of a chart's marks of a kind are orange, and not blue."""
    plots.save_chart(chart, file)
    colors = re.findall(f'"{kind}".+?fill="#(..)..(..)"', file.read_text())
    return [red > blue for red, blue in colors]


@pytest.mark.parametrize("draw", [plots.plot_surface, plots.plot_hidden_space])
def test_dots_have_the_colour_of_their_label(trained, tmp_path, draw):
    """Orange for 1, like predictions above 0.5, and blue for 0."""
    dots = find_orange(draw(trained, labels="0001"), tmp_path / "a.svg", "circle")
    assert dots == [False, False, False, True]


def test_predictions_are_written_within_the_square(trained, tmp_path):
    plots.save_chart(plots.plot_surface(trained, 5), tmp_path / "a.svg")
    texts = [*places(ElementTree.parse(tmp_path / "a.svg").getroot(), "0.")]
    x, y = np.transpose([place for text, *place in texts if len(text) == 6])
    assert len(x) == 8  # Each text and its halo
    assert max(np.ptp(x), np.ptp(y)) < 360


def test_bars_and_titles_of_distributions(tmp_path):
    chart = plots.plot_distributions(runs([0.1, 0.9, 0.8, 0.2]))
    titles = [panel["title"]["text"] for panel in chart.to_dict()["concat"]]
    assert titles == ["x1 = 0, x2 = 0", "x1 = 0, x2 = 1", "x1 = 1, x2 = 0", "x1 = 1, x2 = 1"]
    bars = find_orange(chart, tmp_path / "a.svg", "bar")
    assert bars == [False, True, True, False]  # Orange above 0.5


@pytest.mark.parametrize(("units", "activation"), [(2, "relu"), ("4x3", "sigmoid")])
def test_how_the_surface_of_another_network_formed(script, tmp_path, units, activation):
    recipe = Recipe(learning_rate=0.1, hidden_units=units, activation=activation, epochs=3)
    model = keras_xor.train_run(recipe, 0, "artifacts/xor.run.npz").model()
    arguments = ("--run", "--resolution", 9, "--to-file", "a.json")
    assert script("plot_surface.py", *arguments) == (0, "picture: a.json\n", "")
    rows = data(json.loads((tmp_path / "a.json").read_text()))
    grid = [row for row in rows if row["epoch"] == 3 and "line" not in row]
    assert len(grid) == 9 * 9
    expected = keras_xor.predict(model, [row["x1"] for row in grid], [row["x2"] for row in grid])
    np.testing.assert_allclose([row["prediction"] for row in grid], expected, atol=1e-6)


def test_charts_are_valid(trained, run):
    history = {"accuracy": [0.5], "loss": [0.7]}
    for chart, kind in (
        (plots.plot_surface(trained, 3), alt.LayerChart),
        (plots.plot_surface_by_epoch(run, 3), alt.LayerChart),
        (plots.plot_surface_multiples(run, 3), alt.FacetChart),
        (plots.plot_history(history), alt.VConcatChart),
    ):
        assert type(chart) is kind
        assert "vega-lite" in chart.to_dict(validate=True)["$schema"]


def test_learning_curve_shows_its_history():
    rows = [{"epoch": n, "accuracy": 1 / n, "loss": 2 / n} for n in range(1, 61)]
    for count, marked in ((1, True), (50, True), (60, False)):
        history = {name: [row[name] for row in rows[:count]] for name in ("accuracy", "loss")}
        spec = plots.plot_history(history).to_dict()
        assert data(spec) == rows[:count]
        assert [panel["encoding"]["y"]["field"] for panel in spec["vconcat"]] == [
            "loss",
            "accuracy",
        ]
        assert all(panel["mark"]["point"] is marked for panel in spec["vconcat"])
        scales = [panel["encoding"]["y"]["scale"] for panel in spec["vconcat"]]
        assert scales == [{"zero": True}, {"domain": [0, 1]}]


def test_learning_curve_of_what_train_returns():
    model = keras_xor.build_model()
    model.compile("adam", "mse", metrics=["mae"], jit_compile=True)
    history = keras_xor.train(model, Recipe(epochs=3, steps_per_epoch=2))
    spec = plots.plot_history(history).to_dict()
    assert [row["epoch"] for row in data(spec)] == [1, 2, 3]
    panels = [panel["encoding"]["y"]["field"] for panel in spec["vconcat"]]
    assert panels[0] == "loss"
    assert set(panels) == set(history.history)
    for name, values in history.history.items():
        assert [row[name] for row in data(spec)] == values


def test_learning_curve_of_a_million_epochs():
    history = {"accuracy": [0.5] * 10**6, "loss": [1 / n for n in range(1, 10**6 + 1)]}
    rows = data(plots.plot_history(history).to_dict())
    assert [len(rows), rows[0]["epoch"], rows[-1]["epoch"]] == [10_000, 1, 10**6]
    assert all(row["loss"] == 1 / row["epoch"] for row in rows)


def test_odd_names_and_values_in_a_history(tmp_path):
    names = ("top.k[5]", "a:b", "it's", "Upper", "\\")
    history = {"loss": [1.0, np.nan, np.inf], **{name: [0.25, 0.5, 0.75] for name in names}}
    chart = plots.plot_history(history)
    assert [row["loss"] for row in data(chart.to_dict())] == [1.0, None, None]
    plots.save_chart(chart, tmp_path / "a.svg")
    svg = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert set(names) <= {text.strip() for text in svg.itertext()}


def test_distributions_of_runs_that_all_diverged():
    with pytest.raises(keras_xor.KerasXorError, match="all runs diverged: lower the learning rate"):
        plots.plot_distributions(runs([np.nan] * 4))


def runs(*predictions):
    nothing = np.zeros(len(predictions))
    columns = nothing, np.float64(predictions), nothing, nothing, np.isnan(predictions)[:, 0]
    return keras_xor.Study(Recipe(), "", POINTS, POINTS, *columns)


def test_distributions_against_the_runs():
    rng = np.random.default_rng(0)
    answers = rng.normal([0.02, 0.5, 0.97, 0.3], [0.001, 0.1, 0.002, 0.2], (500, 4)).clip(0, 1)
    chart = plots.plot_distributions(runs(*answers, [np.nan] * 4), ARTICLE)
    rows = data(chart.to_dict(validate=True))
    for point, y in zip(POINTS, answers.T, strict=True):
        bins = [row for row in rows if row["point"] == point and "runs" in row]
        assert sum(row["runs"] for row in bins) == 500
        assert 30 <= len(bins) <= 43
        for row in bins:
            assert row["runs"] == np.sum((y >= row["low"]) & (y < row["high"]))
            assert not row["low"] < 0.5 < row["high"]
    articles = {row["point"]: row["article"] for row in rows if "article" in row}
    assert articles == {"y_00": 0.01240, "y_01": 0.96797}
    assert "with 500 seeds" in chart.to_dict()["title"]["text"]
    plain = plots.plot_distributions(runs(*answers)).to_dict()
    assert not any("article" in row for row in data(plain))
    assert "article" not in plain["title"]["subtitle"]


def places(element, wanted, x=0.0, y=0.0):
    """The start positions of an .svg's texts that begin with `wanted`."""
    if move := re.search(r"translate\(([-\d.]+),\s*([-\d.]+)\)", element.get("transform", "")):
        x, y = x + float(move[1]), y + float(move[2])
    if (element.text or "").startswith(wanted):
        yield element.text, x, y
    for child in element:
        yield from places(child, wanted, x, y)


def test_titles_of_the_panels_are_level(tmp_path):
    rng = np.random.default_rng(0)
    answers = rng.normal([0.02, 0.9, 0.9, 0.03], [0.001, 0.02, 0.002, 0.003], (500, 4)).clip(0, 1)
    plots.save_chart(plots.plot_distributions(runs(*answers)), tmp_path / "a.svg")
    heights = [y for _, _, y in places(ElementTree.parse(tmp_path / "a.svg").getroot(), "x1 =")]
    assert heights[0] == heights[1] < heights[2] == heights[3]


def test_the_legend_has_room_for_a_wider_font(trained, run, tmp_path):
    for chart in (plots.plot_surface(trained, 5), plots.plot_surface_multiples(run, 5)):
        plots.save_chart(chart, tmp_path / "a.svg")
        svg = ElementTree.parse(tmp_path / "a.svg").getroot()
        ((_, start, _),) = places(svg, "prediction")
        assert float(svg.get("width")) - start > 80  # It takes 56 points in bold Liberation Sans.


@pytest.mark.parametrize("y", [0.0, 0.01240, 0.5, 1.0])
def test_distributions_of_one_run(y, tmp_path):
    chart = plots.plot_distributions(runs([y] * 4))
    bins = [row for row in data(chart.to_dict()) if row.get("runs")]
    assert [(row["point"], row["runs"]) for row in bins] == [(point, 1) for point in POINTS]
    assert all(row["low"] <= y <= row["high"] for row in bins)
    plots.save_chart(chart, tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["surface", "multiples", "curve", "distributions"])
def test_saved_charts(trained, run, tmp_path, kind):
    epochs = range(1, 10_001)
    history = {"accuracy": [1 - 1 / n for n in epochs], "loss": [1 / n for n in epochs]}
    corner = f"{keras_xor.predict(trained, 0, 1):.4f}"
    chart, words, rows = {
        "surface": (plots.plot_surface(trained, 20), ["x1", "x2", "prediction", corner], 400),
        "multiples": (plots.plot_surface_multiples(run, 9), ["epoch", "0", "10", corner], 648),
        "curve": (plots.plot_history(history), ["epoch", "loss", "accuracy", "10,000"], 10_000),
        "distributions": (
            plots.plot_distributions(runs([0.25] * 4, [0.5] * 4), ARTICLE),
            ["x1 = 0, x2 = 0 (the article: 0.01240)", "x1 = 1, x2 = 1", "prediction", "runs"],
            4 * 40 + 2,
        ),
    }[kind]
    for suffix in ("png", "svg", "html", "json"):
        plots.save_chart(chart, tmp_path / "new" / f"a.{suffix}")
    file = tmp_path / "new" / "a"

    picture = pixels(file.with_suffix(".png"))
    assert min(picture.shape[:2]) > 600
    assert 0.01 < np.mean(np.ptp(picture.astype(int), axis=2) > 50) < 0.9  # Its colours.

    texts = ElementTree.parse(file.with_suffix(".svg")).getroot().itertext()
    assert set(words) <= {text.strip() for text in texts}

    spec = json.loads(file.with_suffix(".json").read_text())
    assert len([row for row in data(spec) if "line" not in row]) == rows

    page = file.with_suffix(".html").read_text()
    assert not re.search(r"<script[^>]+src=", page)


@pytest.fixture
def chromium(tmp_path):
    """Open a page without a network; return the page after its scripts have run."""
    if not (shutil.which(CHROMIUM) or os.environ.get("CI")):
        pytest.skip("there is no Chromium on this machine: install it to test the page too")

    def opened(file):
        return subprocess.run(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND"),
                *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom"),
                file.as_uri(),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return opened


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"

MOVE_THE_SLIDER = """
<script>
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
function vividPixels() {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) count += Math.abs(data[i] - data[i + 2]) > 100;
  return count;
}
window.addEventListener("load", async () => {
  while (!document.querySelector("input[type=range]")) await pause(50);
  await pause(500);
  const slider = document.querySelector("input[type=range]");
  const seen = [[slider.min, slider.max, slider.step]];
  for (const epoch of [slider.max, slider.min, 5, slider.max]) {
    slider.value = epoch;
    slider.dispatchEvent(new Event("input"));
    await pause(500);
    seen.push(vividPixels());
  }
  document.title = JSON.stringify(seen);
});
</script>
"""


def test_the_page_works_offline(chromium, run, tmp_path):
    file = tmp_path / "a.html"
    plots.save_chart(plots.plot_surface_by_epoch(run), file)
    file.write_text(file.read_text() + MOVE_THE_SLIDER)
    page = chromium(file)
    slider, last, first, middle, last_again = json.loads(re.search("<title>(.+)</title>", page)[1])
    assert slider == ["0", "10", "1"]
    assert last == last_again
    assert 0 < first < middle < last  # At first only the legend is vivid.
    assert last - first > 40_000


def test_importing_the_plots_leaves_altair_as_it_is():
    assert alt.renderers.active == "default"


def test_charts_show_in_a_notebook_offline(run):
    """As the README says: a widget whose code imports nothing from the network."""
    readme = (ROOT / "scripts" / "README.md").read_text(encoding="utf-8")
    assert '`altair.renderers.enable("jupyter", offline=True)`' in readme
    with alt.renderers.enable("jupyter", offline=True):
        output, _ = plots.plot_surface_by_epoch(run, 5)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in output
    loaded = re.compile(r"import [^;]{0,80}https://")
    assert not loaded.search(str(alt.JupyterChart._esm))
    alt.JupyterChart.enable_offline(False)
    assert loaded.search(str(alt.JupyterChart._esm))


def test_a_file_of_another_kind_is_told(trained, tmp_path):
    with pytest.raises(ValueError, match="pdff"):
        plots.save_chart(plots.plot_surface(trained, 3), tmp_path / "a.pdff")
    assert not any(tmp_path.iterdir())
