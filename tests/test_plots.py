import json
import os
import re
import shutil
import subprocess
import unicodedata
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pypdf
import pytest
import tensorflow as tf

import keras_xor
from keras_xor import plots, recipe

TEXTS = {
    *("x1 (InputLayer)", "x2 (InputLayer)", "pair (Concatenate)", "hidden (Dense)", "y (Dense)"),
    *("Output shape: (None, 1)", "Output shape: (None, 2)", "Output shape: (None, 8)"),
    *("Input shape: [(None, 1), (None, 1)]", "Output dtype: float32"),
    *("Activation: tanh", "Activation: sigmoid"),
}


@pytest.fixture(params=["system", "wheel"])
def dot(request, monkeypatch, tmp_path):
    """Both ways to draw, and no other: the system's `dot`, and without it the wheel's."""
    if request.param == "wheel":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif shutil.which("dot") or os.environ.get("CI"):  # In CI a missing `dot` is a failure.
        monkeypatch.delattr(plots, "pygraphviz")
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


@pytest.mark.parametrize(
    "arguments",
    [{"to_file": "a.gif"}, {"to_file": "a"}, {"rankdir": "up"}, {"dpi": 0}, {"dpi": 601}],
)
def test_bad_arguments(model, arguments):
    with pytest.raises(keras_xor.KerasXorError, match=next(iter(arguments))):
        plots.plot_model(model, **arguments)


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(model, tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    file.write_bytes(b"old")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(plots.keras.utils, "model_to_dot", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plots.plot_model(model, file)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture(scope="module")
def recorded():
    """The weights of the default recipe, before and after each of its epochs."""
    recorder = keras_xor.training.Recorder()
    keras_xor.train(keras_xor.build_model(seed=0), seed=0, callbacks=[recorder])
    return recorder.weights


def data(spec):
    return spec["datasets"][spec["data"]["name"]]


def parts(chart):
    """The rows of the grid and those of the line."""
    rows = data(chart.to_dict(validate=False))
    return [row for row in rows if "line" not in row], [row for row in rows if "line" in row]


def check_against_the_model(model, grid, line, resolution):
    x1, x2, y = (np.array([row[name] for row in grid]) for name in ("x1", "x2", "y"))
    np.testing.assert_allclose(y, keras_xor.predict(model, x1, x2), atol=1e-6)
    axis = np.linspace(0, 1, resolution).round(6)
    assert {*zip(x1, x2, strict=True)} == {(a, b) for a in axis for b in axis}
    assert len(grid) == resolution**2
    x1, x2 = (np.array([row[name] for row in line]) for name in ("x1", "x2"))
    np.testing.assert_allclose(keras_xor.predict(model, x1, x2), 0.5, atol=0.02)


@pytest.mark.parametrize("resolution", [2, 3, 50, 200])
def test_surface_against_the_model(trained, resolution):
    grid, line = parts(plots.surface(trained, resolution))
    check_against_the_model(trained, grid, line if resolution > 3 else [], resolution)
    assert {row["line"] for row in line} == {0, 1}  # Two boundaries cut off two corners.


def test_surface_by_epoch_against_the_models(recorded):
    grid, line = parts(plots.surface_by_epoch(recorded, resolution=30))
    model = keras_xor.build_model()
    assert {row["epoch"] for row in grid} == set(range(11))
    for epoch in range(11):
        model.set_weights([weight[epoch] for weight in recorded])
        of_epoch = ([row for row in rows if row["epoch"] == epoch] for rows in (grid, line))
        check_against_the_model(model, *of_epoch, resolution=30)


def test_of_a_long_record_few_epochs_are_drawn(recorded):
    long = [np.repeat(weight, 100, axis=0) for weight in recorded]
    for draw, count in ((plots.surface_by_epoch, 51), (plots.surface_multiples, 8)):
        grid, _ = parts(draw(long, resolution=2))
        epochs = sorted({row["epoch"] for row in grid})
        assert (len(epochs), epochs[0], epochs[-1]) == (count, 0, 1099)
        assert max(np.diff(epochs)) - min(np.diff(epochs)) <= 1


def test_charts_are_valid(trained, recorded):
    history = [{"epoch": 1, "accuracy": 0.5, "loss": 0.7}]
    for chart, kind in (
        (plots.surface(trained, 3), alt.LayerChart),
        (plots.surface_by_epoch(recorded, 3), alt.LayerChart),
        (plots.surface_multiples(recorded, 3), alt.FacetChart),
        (plots.learning_curve(history), alt.VConcatChart),
    ):
        assert type(chart) is kind
        assert "vega-lite" in chart.to_dict(validate=True)["$schema"]


def test_learning_curve_shows_its_history():
    history = [{"epoch": n, "accuracy": 1 / n, "loss": 2 / n} for n in range(1, 61)]
    for count, marked in ((1, True), (50, True), (60, False)):
        spec = plots.learning_curve(history[:count]).to_dict()
        assert data(spec) == history[:count]
        assert [panel["encoding"]["y"]["field"] for panel in spec["vconcat"]] == [
            "loss",
            "accuracy",
        ]
        assert all(panel["mark"]["point"] is marked for panel in spec["vconcat"])


def runs(*answers):
    return [dict(zip(recipe.POINTS, y, strict=True)) for y in answers]


def test_distributions_against_the_runs():
    rng = np.random.default_rng(0)
    answers = rng.normal([0.02, 0.5, 0.97, 0.3], [0.001, 0.1, 0.002, 0.2], (500, 4)).clip(0, 1)
    chart = plots.distributions([*runs(*answers), *runs([np.nan] * 4)])
    rows = data(chart.to_dict(validate=True))
    for point, y in zip(recipe.POINTS, answers.T, strict=True):
        bins = [row for row in rows if row["point"] == point and "runs" in row]
        assert sum(row["runs"] for row in bins) == 500
        assert 30 <= len(bins) <= 43
        for row in bins:
            assert row["runs"] == np.sum((y >= row["low"]) & (y < row["high"]))
            assert not row["low"] < 0.5 < row["high"]
    articles = {row["point"]: row["article"] for row in rows if "article" in row}
    assert articles == {"y_00": 0.01240, "y_01": 0.96797}
    assert "under 500 seeds" in chart.to_dict()["title"]["text"]


@pytest.mark.parametrize("y", [0.0, 0.01240, 0.5, 1.0])
def test_distributions_of_one_run(y, tmp_path):
    chart = plots.distributions(runs([y] * 4))
    bins = [row for row in data(chart.to_dict()) if row.get("runs")]
    assert [(row["point"], row["runs"]) for row in bins] == [(point, 1) for point in recipe.POINTS]
    assert all(row["low"] <= y <= row["high"] for row in bins)
    plots.save(chart, tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["surface", "multiples", "curve", "distributions"])
def test_saved_charts(trained, recorded, tmp_path, kind):
    history = [{"epoch": n, "accuracy": 1 - 1 / n, "loss": 1 / n} for n in range(1, 10_001)]
    chart, words, rows = {
        "surface": (plots.surface(trained, 20), ["x1", "x2", "probability", "0.9697"], 400),
        "multiples": (plots.surface_multiples(recorded, 9), ["epoch", "0", "10", "0.9697"], 648),
        "curve": (plots.learning_curve(history), ["epoch", "loss", "accuracy", "10,000"], 10_000),
        "distributions": (
            plots.distributions(runs([0.25] * 4, [0.5] * 4)),
            ["x1 = 0, x2 = 0 (the article: 0.01240)", "x1 = 1, x2 = 1", "probability", "runs"],
            4 * 40 + 2,
        ),
    }[kind]
    for suffix in ("png", "svg", "html", "json"):
        plots.save(chart, tmp_path / "new" / f"a.{suffix}")
    file = tmp_path / "new" / "a"

    picture = pixels(file.with_suffix(".png"))
    assert min(picture.shape[:2]) > 600
    assert 0.01 < np.mean(np.ptp(picture.astype(int), axis=2) > 50) < 0.9  # Its colours.

    texts = ElementTree.parse(file.with_suffix(".svg")).getroot().itertext()
    assert set(words) <= {text.strip() for text in texts}

    spec = json.loads(file.with_suffix(".json").read_text())
    assert len([row for row in data(spec) if "line" not in row]) == rows

    page = file.with_suffix(".html").read_text()
    assert chart.to_dict()["title"]["text"] in page
    assert not re.search(r"<script[^>]+src=", page)


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


def test_the_page_works_offline(recorded, tmp_path):
    if not (shutil.which(CHROMIUM) or os.environ.get("CI")):
        pytest.skip("there is no Chromium on this machine: install it to test the page too")
    file = tmp_path / "a.html"
    plots.save(plots.surface_by_epoch(recorded), file)
    file.write_text(file.read_text() + MOVE_THE_SLIDER)
    page = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom"),
            file.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    slider, last, first, middle, last_again = json.loads(re.search("<title>(.+)</title>", page)[1])
    assert slider == ["0", "10", "1"]
    assert last == last_again
    assert 0 < first < middle < last  # At first only the legend is vivid.
    assert last - first > 40_000


def test_charts_refuse_bad_arguments(trained, recorded, tmp_path):
    for resolution in (0, 1, 201, 10_000_000, 2.5, "x"):
        for draw, subject in (
            (plots.surface, trained),
            (plots.surface_by_epoch, recorded),
            (plots.surface_multiples, recorded),
        ):
            with pytest.raises(keras_xor.KerasXorError, match="resolution must be"):
                draw(subject, resolution)
    chart = plots.learning_curve([{"epoch": 1, "accuracy": 0.5, "loss": 0.7}])
    for name in ("a.pdf", "a", "a.PNG"):
        with pytest.raises(keras_xor.KerasXorError, match="to_file must end in"):
            plots.save(chart, tmp_path / name)
