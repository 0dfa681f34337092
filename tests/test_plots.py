import os
import shutil
import unicodedata
from xml.etree import ElementTree

import numpy as np
import pypdf
import pytest
import tensorflow as tf

import keras_xor
from keras_xor import plots

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
