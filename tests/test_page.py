"""The page of scripts/playground.py as people use it: a real server, and a real browser."""

import base64
import contextlib
import functools
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

import contourpy
import numpy as np
import pytest
import websockets.sync.client
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, check_border, check_files, logit, one_line
from forked import run_script
from playwright.sync_api import expect, sync_playwright

import keras_xor
from keras_xor import playground
from keras_xor.cli import write_command
from keras_xor.data import POINTS, TRUTH_TABLE
from keras_xor.outcomes import describe_outcome
from keras_xor.playground import presets

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# The control of each setting but the labels, with the setting after a move: a number of keys to
# the right on a slider, or one of a list.
MOVES = {
    "units in layer 1": (1, "hidden_units=9"),
    "activation": ("relu", "activation=relu"),
    "learning rate": (1, "learning_rate=0.02"),
    "seed": (1, "seed=1"),
    "units in layer 2": (2, "hidden_units=9x2"),
    "units in layer 4": (1, "hidden_units=9x2x1"),
    "units in layer 3": (3, "hidden_units=9x2x3x1"),
    "kernel initializer": ("he_normal", "kernel_initializer=he_normal"),
    "loss": ("mean_squared_error", "loss=mean_squared_error"),
    "optimizer": ("muon", "optimizer=muon"),
    "momentum": (3, "momentum=0.15"),
    "nesterov": ("on", "nesterov=on"),
    "batch size": (-1, "batch_size=16"),
    "steps per epoch": (-3, "steps_per_epoch=100"),
    "epochs": (-1, "epochs=5"),
    "data": ("shuffled", "data=shuffled"),
    "noise": (2, "noise=0.1"),
}
pytestmark = pytest.mark.xdist_group("page")  # One server and one browser for all
# Violations of the accessibility rules in what marimo draws around the page.
MARIMOS = {
    "aria-input-field-name",  # Its read-only code
    "button-name",  # Its menu, and the button to enlarge an output
    "region",  # It has no landmarks.
}


@contextlib.contextmanager
def serving():
    """Run the script; yield its process and the address that it printed."""
    with tempfile.TemporaryDirectory() as folder:
        process = run_script("playground.py", "--no-browser", "--port", 0, cwd=folder)
        try:
            process.wait_until(lambda: "access_token" in process.output)
            line = next(line for line in process.output.splitlines() if "URL:" in line)
            # The browser may take localhost for another address.
            yield process, line.split()[-1].replace("localhost", "127.0.0.1").replace("?", "/?")
        finally:
            if process.is_running():
                process.send_signal(signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="module")
def address():
    with serving() as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM and not os.environ.get("CI"):  # In CI a missing browser is a failure.
        pytest.skip("there is no chromium on this machine: install it to test the page")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def short(loss):
    return f"{loss:.2e}".replace("e-0", "e-") if loss < 1e-4 else f"{loss:#.4g}"


def settings_in(url):
    query = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True)
    return playground.parse_query({n: text for n, text in query if n != "access_token"})


@functools.cache
def run_of(query):
    recipe, seed, problem = settings_in(f"?{query}")
    assert not problem
    return keras_xor.train_run(recipe, seed)


class Page:
    """The page in a tab, with what it requests and reports."""

    def __init__(self, tab, address):
        self.tab, self.address = tab, address
        self.requests, self.errors = [], []
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.on("websocket", lambda socket: self.requests.append(socket.url))
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.outcome = tab.locator(".outcome")
        self.luck = tab.locator(".luck")
        self.epoch = tab.get_by_role("slider", name="epoch", exact=True)

    def open(self, query=""):
        self.tab.goto(f"{self.address}&{query}")
        return self.wait_for(query)

    def control(self, label):
        return self.tab.get_by_label(label, exact=True)

    def press(self, label, *keys):
        self.control(label).focus()
        for key in keys:
            self.tab.keyboard.press(key)

    def choose(self, label, option):
        self.control(label).select_option(option)

    def column(self, number):
        return self.tab.locator(f".xor td:nth-child({number})").all_inner_texts()

    def probabilities(self):
        return [float(y) for y in self.column(4)]

    def pixels(self):
        """The picture of the predictions, of shape (rows, columns, 4)."""
        content = self.tab.locator(".surface").evaluate(
            """(e) => {
              const {data} = e.getContext("2d").getImageData(0, 0, e.width, e.height);
              return btoa(data.reduce((text, byte) => text + String.fromCharCode(byte), ""));
            }"""
        )
        values = np.frombuffer(base64.b64decode(content), np.uint8)
        return values.reshape(math.isqrt(len(values) // 4), -1, 4)

    def hidden_space(self):
        """The places of the four points as the hidden units see them, and the ends of the line.

        Both are distances from the middle, of which 1.25 leads to the frame. A line that is not
        drawn has no ends.
        """
        numbers = "(e, names) => names.map((name) => Number(e.getAttribute(name)))"
        dots = self.tab.locator(".hiddenspace circle").all()
        line = self.tab.locator(".hiddenspace line")
        places = np.array([dot.evaluate(numbers, ["cx", "cy"]) for dot in dots])
        ends = np.reshape(line.evaluate(numbers, ["x1", "y1", "x2", "y2"]), (2, 2))
        is_drawn = line.evaluate("(e) => getComputedStyle(e).display") != "none"
        return (places - 120) / 96, (ends[: 2 * is_drawn] - 120) / 96

    def wait_for(self, query):
        """Wait until the page shows a run; return what it should show."""
        run = run_of(query)
        loss = f"loss {short(run.history['loss'][-1])},"
        expect(self.tab.locator(".curve figcaption")).to_contain_text(loss, timeout=30_000)
        expect(self.outcome).to_have_text(describe_outcome(run))
        return run

    def check(self, run):
        """Check that the page shows a run at its end, in text, address and pictures."""
        expected = run.predictions[-1]
        assert self.probabilities() == pytest.approx(expected.tolist(), abs=1.1e-5)
        marks = ["\u2713" if right else "\u2717" for right in run.right[-1]]
        assert self.column(6) == marks
        assert self.column(3) == [*run.recipe.labels]
        self.tab.wait_for_url(lambda url: settings_in(url) == (run.recipe, run.seed, ""))
        check_hidden_space(*self.hidden_space(), expected)
        pixels = self.pixels()
        for (x1, x2), y in zip(POINTS, expected, strict=True):
            end = len(pixels) - 1
            red, _, blue, _ = pixels[end - 4 if x2 == 0 else 4, end - 4 if x1 else 4]
            if abs(y - 0.5) > 0.1:
                assert (red > blue) == (y > 0.5), (x1, x2, y)
        assert self.column(5) == ["1" if y > 0.5 else "0" for y in expected]
        check_network(self.tab, run)
        check_square(self.tab, run)
        check_curve(self.tab, run)


def is_orange(color):
    red, _, blue, *_ = map(float, re.findall(r"[\d.]+", color.removeprefix("color(srgb")))
    return red > blue


def check_network(tab, run):
    """Check that weights and biases are orange above 0, and thicker the larger they are."""
    weights = np.concatenate([kernel[-1].ravel() for kernel in run.weights[::2]])
    lines = tab.locator(".weight").evaluate_all(
        "(all) => all.map((e) => [getComputedStyle(e).stroke, parseFloat(e.style.strokeWidth)])"
    )
    assert [is_orange(color) for color, _ in lines] == (weights >= 0).tolist()
    widths = np.array([width for _, width in lines])[np.argsort(abs(weights))]
    assert (np.diff(widths) >= 0).all()
    biases = np.concatenate([bias[-1] for bias in run.weights[1::2]])
    read = "(all) => all.map((e) => getComputedStyle(e).backgroundColor)"
    assert [*map(is_orange, tab.locator(".bias").evaluate_all(read))] == (biases >= 0).tolist()
    labels = [label == "1" for label in run.recipe.labels]
    assert [*map(is_orange, tab.locator(".xor td button").evaluate_all(read))] == labels
    for unit, (x, y) in enumerate([(16, 8), (8, 0)]):  # On the right x1 is 1, at the top x2.
        red, _, blue, _ = (
            tab.locator(".unit canvas")
            .nth(unit)
            .evaluate(
                "(e, place) => [...e.getContext('2d').getImageData(...place, 1, 1).data]", [x, y]
            )
        )
        assert red > blue


def check_square(tab, run):
    """Check where the points and the names of the axes are, and the colours of the labels."""
    dots = tab.locator(".square circle").evaluate_all(
        "(all) => all.map((e) => ['cx', 'cy'].map((name) => Number(e.getAttribute(name))).concat("
        "getComputedStyle(e).fill))"
    )
    expected = [
        [240 * x1, 240 - 240 * x2, label == "1"]
        for (x1, x2), label in zip(POINTS, run.recipe.labels, strict=True)
    ]
    assert [[x, y, is_orange(color)] for x, y, color in dots] == expected
    read = "(e) => [Number(e.getAttribute('x')), Number(e.getAttribute('y'))]"
    names = tab.locator(".square text")
    assert names.filter(has_text="x1").evaluate(read)[1] > 240  # Below
    assert names.filter(has_text="x2").evaluate(read)[0] < 0  # On the left


def check_curve(tab, run):
    """Check the heights and places of the curves, and that the legend has their colours."""
    epochs = run.recipe.epochs
    for name in ("loss", "accuracy"):
        path = tab.locator(f".curve path.{name}")
        places = re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get_attribute("d"))
        x, y = np.array(places, float).T
        np.testing.assert_allclose(x, 4 + 242 * np.arange(1, epochs + 1) / epochs)
        heights, values = (92 - y) / 88, np.array(run.history[name])
        most = 1 if name == "accuracy" else values[0] / heights[0]
        np.testing.assert_allclose(heights, values / most, atol=1e-6)
        color = path.evaluate("(e) => getComputedStyle(e).stroke")
        expect(tab.locator(f".curve figcaption .{name}")).to_have_css("border-bottom-color", color)


def check_hidden_space(dots, ends, predictions):
    """Check the line, and that it is drawn if it crosses the picture."""
    plane = check_border(dots, ends, predictions)
    frame = [[across, up, 1] for across in (-1.25, 1.25) for up in (-1.25, 1.25)] @ plane
    if np.ptp(logit(predictions.astype(float))) > 1e-6:  # Otherwise, it is the same everywhere.
        assert len(ends) == (2 if min(frame) < 0 < max(frame) else 0)


@pytest.fixture(scope="module")
def context(browser):
    return browser.new_context(viewport={"width": 1280, "height": 900})


@contextlib.contextmanager
def new_page(context, address):
    page = Page(context.new_page(), address)
    yield page
    hosts = {urllib.parse.urlsplit(url).netloc for url in page.requests}
    assert hosts - {""} == {urllib.parse.urlsplit(address).netloc}
    assert page.errors == []
    page.tab.close()


@pytest.fixture
def page(context, address):
    with new_page(context, address) as page:
        yield page


@pytest.fixture(scope="module")
def guide(context, address):
    """The guide's recipe, in one tab for all tests that leave the settings as they are."""
    with new_page(context, address) as page:
        page.open()
        yield page


def test_the_first_page(guide):
    page, run = guide, run_of("")
    page.check(run)
    expect(page.tab).to_have_title("Modeling XOR with a neural network")
    expect(page.outcome).to_have_text("Learned: all four points are right after 5,000 steps.")
    assert page.probabilities() == [0.03369, 0.93610, 0.93285, 0.08912]
    expected = keras_xor.predict(run.model(), *TRUTH_TABLE).tolist()
    assert page.probabilities() == pytest.approx(expected, abs=1e-5)
    for label in ("units in layer 1", "activation", "learning rate", "seed"):
        expect(page.control(label)).to_be_visible()
    expect(page.control("epochs")).to_be_hidden()
    for section in ("The network", "Training data", "Training", "Predictions", "Was it luck?"):
        expect(page.tab.get_by_role("heading", name=section, exact=True)).to_be_visible()
    code = page.tab.locator(".cm-content")
    expect(code.filter(has_text="keras.layers.Dense")).to_be_visible()
    arranging = code.filter(has_text="playground.View")
    expect(arranging).to_have_count(1)
    expect(arranging).to_be_hidden()
    expect(page.tab.get_by_text("Total params: 33")).to_be_visible()
    assert "access_token" not in page.tab.url
    # The same page at each epoch, without asking the server
    page.epoch.focus()
    expect(page.luck).to_contain_text("95 %", timeout=30_000)  # Until then, it may ask.
    asked = len(page.requests)
    for epoch in range(9, -1, -1):
        page.tab.keyboard.press("ArrowLeft")
        expect(page.epoch).to_have_attribute("aria-valuetext", f"epoch {epoch} of 10")
        assert page.probabilities() == pytest.approx(run.predictions[epoch].tolist(), abs=1e-5)
        if epoch:
            loss = f"loss {short(run.history['loss'][epoch - 1])},"
            expect(page.tab.locator(".curve figcaption")).to_contain_text(loss)
    page.tab.get_by_role("button", name="play").click()
    seen = set()
    while page.tab.get_by_role("button", name="pause").count():
        seen.add(page.epoch.get_attribute("aria-valuetext"))
        page.tab.wait_for_timeout(100)
    assert len(seen) > 5
    page.check(run)
    assert len(page.requests) == asked


def test_every_control_trains_anew_and_is_in_the_address(page):
    settings = {}
    page.open()
    page.tab.get_by_text("More settings").click()
    for label, (move, setting) in MOVES.items():
        settings |= dict([setting.split("=")])
        if isinstance(move, int):
            page.press(label, *["ArrowRight" if move > 0 else "ArrowLeft"] * abs(move))
            value = page.control(label).get_attribute("aria-valuetext")  # Read by a screen reader
            assert value in re.split("[=x]", setting)
        else:
            page.choose(label, move)
    run = page.wait_for(urllib.parse.urlencode(settings))
    page.check(run)
    other = Page(page.tab.context.new_page(), page.address)
    other.tab.goto(page.tab.url)
    other.wait_for(urllib.parse.urlencode(settings))
    page.press("seed", "ArrowLeft")  # Each tab has settings of its own.
    page.check(page.wait_for(urllib.parse.urlencode(settings | {"seed": 0})))
    other.check(run)
    other.tab.close()


def find_together(dots):
    """Pairs of points that lie on top of each other."""
    return [(a, b) for a in range(4) for b in range(a) if math.dist(dots[a], dots[b]) < 0.08]


def test_lessons(page):
    queries = {
        title: "&".join([*settings.split(), f"seed={seed}"])
        for title, (settings, seed, _) in playground.LESSONS.items()
    }
    one = page.open(queries["One line"])
    page.check(one)
    assert one.steps_to_learn
    links = page.tab.get_by_role("navigation", name="Lessons").get_by_role("link")
    assert links.all_inner_texts() == [*playground.LESSONS, "the guide's recipe"]
    assert links.last.bounding_box()["y"] < 300

    expect(page.tab.locator(".square line")).to_have_count(1)
    for point in ("0, 1", "1, 0", "1, 1"):  # From AND to XOR
        page.tab.get_by_role("switch", name=f"label of {point}").click()
    page.check(page.wait_for("hidden_units=1&learning_rate=0.1"))
    expect(page.outcome).to_contain_text("One unit draws one straight line, and XOR needs two")
    switch = page.tab.get_by_role("switch", name="label of 1, 1")
    expect(switch).not_to_be_checked()
    page.tab.keyboard.press("Space")  # It still has the focus.
    expect(switch).to_be_checked()
    expect(page.tab).to_have_url(re.compile("labels=0111"))
    expect(switch).to_be_focused()
    expect(switch).to_have_css("outline-style", "solid")

    links.filter(has_text="Stuck").click()
    page.check(page.wait_for(queries["Stuck"]))
    expect(page.tab.get_by_text(playground.LESSONS["Stuck"][-1])).to_be_visible()
    recipe = presets.make_recipe(playground.LESSONS["Stuck"][0])
    expect(page.tab.get_by_text(write_command(recipe, 2), exact=True)).to_be_visible()
    expect(page.outcome).to_contain_text("(0, 1) and (1, 1) get the same answer: the hidden units")
    assert find_together(page.hidden_space()[0]) == [(3, 1)]
    assert page.tab.locator(".hiddenspace text").all_text_contents() == [
        "0 0",
        "0 1, 1 1",
        "1 0",
        "",
    ]
    colors = [dot.get_attribute("fill") for dot in page.tab.locator(".hiddenspace circle").all()]
    assert colors[0] == colors[3] != colors[1] == colors[2]
    page.press("seed", "ArrowLeft")
    run = page.wait_for("hidden_units=2&learning_rate=0.1&seed=1")
    page.check(run)
    assert run.steps_to_learn
    assert find_together(page.hidden_space()[0]) == [(3, 0)]  # Both have the label 0.
    check_dashed_line(page, run)
    expected = playground.describe_luck(run, keras_xor.seed_study(run.recipe, 200))
    expect(page.luck).to_have_text(expected, timeout=30_000)
    page.press("seed", *["ArrowRight"] * 9)
    expect(page.luck).to_have_text("")
    page.check(page.wait_for("hidden_units=2&learning_rate=0.1&seed=10"))  # The newest setting


def check_dashed_line(page, run):
    """Check that it follows the predictions of 0.5 in any direction."""
    size = len(page.pixels())
    axis = np.linspace(0, 1, 33)
    values = keras_xor.predict(run.model(), *np.meshgrid(axis, axis)).reshape(33, 33)
    (line, *_) = sorted(
        contourpy.contour_generator(axis, axis, values).lines(0.5), key=len, reverse=True
    )
    black = ~page.pixels()[::-1, :, :3].any(axis=-1)
    steps = np.linspace(0, len(line) - 1, 400)
    places = [np.interp(steps, range(len(line)), line[:, n]) * (size - 1) for n in (0, 1)]
    near = np.array(
        [
            black[max(int(y) - 2, 0) : int(y) + 3, max(int(x) - 2, 0) : int(x) + 3].any()
            for x, y in zip(*places, strict=True)
        ]
    )
    for part in near.reshape(10, -1):  # Everywhere along the line, dashes and gaps
        assert 0.3 < part.mean() <= 1


def test_figures_under_the_pointer_and_the_focus(guide):
    page, run = guide, run_of("")
    kernel, bias, output_kernel, _ = (weight[-1] for weight in run.weights)
    readout = page.tab.locator(".readout")
    units = page.tab.locator(".unit")
    expect(units).to_have_count(2 + 8 + 1)
    stops = page.tab.locator(".network [tabindex='0']")
    expect(stops).to_have_count(1)
    stops.focus()
    expect(readout).to_contain_text("y: bias")
    expect(page.tab.locator(".square line")).to_have_count(0)
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown"):
        page.tab.keyboard.press(key)
    expect(units.nth(4)).to_be_focused()
    page.tab.keyboard.press("ArrowUp")
    expect(units.nth(3)).to_be_focused()
    page.tab.keyboard.press("ArrowDown")
    expect(stops).to_have_count(1)
    weights = f"x1 {kernel[0, 2]:.3f}, x2 {kernel[1, 2]:.3f}"
    text = f"hidden unit 3: bias {bias[2]:.3f}, weights from {weights}"
    expect(readout).to_have_text(text)
    expect(units.nth(4)).to_have_accessible_description(text)
    line = page.tab.locator(".square line")  # The line of this unit
    x1, y1 = (float(line.get_attribute(name)) / 240 for name in ("x1", "y1"))
    assert kernel[:, 2] @ [x1, 1 - y1] + bias[2] == pytest.approx(0, abs=1e-4)
    page.tab.locator(".hit").nth(16 + 5).dispatch_event("pointerenter")
    weight = f"weight from hidden unit 6 to y: {output_kernel[5, 0]:.3f}"
    expect(readout).to_have_text(weight)
    box = page.tab.locator(".surface").bounding_box()
    place = {"x": box["width"] * 0.25, "y": box["height"] * 0.5}
    page.tab.locator(".surface").hover(position=place)
    y = keras_xor.predict(run.model(), 0.25, 0.5)
    expect(readout).to_have_text(f"x1 0.250, x2 0.500: prediction {y:.5f}")
    page.tab.locator("h1").hover()
    expect(readout).to_have_text(re.compile(r"^\s*$"))


def test_problems_are_told_and_overcome(page):
    page.tab.goto(f"{page.address}&hidden_units=&learning_rate=<b>1</b>")
    expect(page.tab.get_by_text("hidden_units must be a whole number")).to_be_visible()
    page.check(page.wait_for(""))
    check_the_run_before(page, run_of(""))

    page.tab.get_by_text("More settings").click()
    page.press("learning rate", "Home")
    page.press("momentum", "End")
    page.choose("optimizer", "adam")
    expect(page.outcome).to_have_text(
        "Adam has no momentum: leave it out, or use sgd, rmsprop or muon. "
        "Until then, this is the run before."
    )
    assert page.tab.locator(".panes").evaluate("(e) => getComputedStyle(e).opacity") == "0.35"
    page.choose("optimizer", "sgd")
    page.press("momentum", "Home")
    page.press("seed", "ArrowRight")
    page.check(page.wait_for("learning_rate=0.0001&seed=1"))

    page.choose("activation", "linear")
    page.press("learning rate", "End")
    expect(page.outcome).to_contain_text("Diverged: in epoch 1", timeout=20_000)
    expect(page.tab.get_by_text("The training diverged, so there is nothing").last).to_be_visible()
    expect(page.tab.locator(".curve figcaption")).to_contain_text("loss not a number")
    assert page.column(4)[0] == "not a number"
    expect(page.tab.locator(".hiddenspace circle").first).to_be_hidden()
    expect(page.tab.locator("marimo-download").first).to_have_attribute("data-disabled", "true")
    expect(page.tab.get_by_text("An internal error")).to_have_count(0)


def check_the_run_before(page, before):
    """Check that the curve of a run stays, in grey, when there is another."""
    curve = page.tab.locator(".curve")
    expect(curve.locator("path.ghost")).to_have_attribute("d", "")
    # At epoch 0, another rate leaves the first weights as they are.
    page.epoch.focus()
    page.tab.keyboard.press("Home")
    first, pixels = page.probabilities(), page.pixels()
    model = keras_xor.build_model(seed=0)
    assert first == pytest.approx(keras_xor.predict(model, *TRUTH_TABLE).tolist(), abs=1.1e-5)
    page.press("learning rate", "ArrowRight")
    expect(page.tab).to_have_url(re.compile("learning_rate=0.02"))
    assert page.probabilities() == first
    np.testing.assert_array_equal(page.pixels(), pixels)
    page.tab.keyboard.press("ArrowLeft")
    expect(page.tab).not_to_have_url(re.compile("learning_rate"))
    page.epoch.focus()
    page.tab.keyboard.press("End")
    # Another rate draws the run before as a grey curve, on the same scale.
    page.press("learning rate", "End")
    run = page.wait_for("learning_rate=50")
    most = max(run.history["loss"])
    expect(curve).to_contain_text(f"loss up to {short(most)}")
    heights = re.findall(r" ([\d.]+)", curve.locator("path.ghost").get_attribute("d"))
    expected = [92 - 88 * loss / most for loss in before.history["loss"]]
    assert [float(height) for height in heights] == pytest.approx(expected, abs=0.01)


def test_take_it_along(guide, tmp_path):
    page, run = guide, run_of("")
    expect(page.tab.get_by_text("python scripts/train.py", exact=True)).to_be_visible()
    expect(page.tab.get_by_text("recipe = keras_xor.Recipe()")).to_be_visible()
    for name, label in playground.FILES.items():
        with page.tab.expect_download() as download:
            page.tab.locator("marimo-download").filter(has_text=label).locator("a").click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    check_files(tmp_path, run)


def test_it_fits_and_is_legible(browser, address):
    context = browser.new_context(color_scheme="light", has_touch=True)
    page = Page(context.new_page(), address)
    page.open("hidden_units=2&learning_rate=0.1&seed=2")
    for width, height in ((1920, 1000), (1280, 800), (640, 400), (390, 844)):  # 640: at 200 %
        page.tab.set_viewport_size({"width": width, "height": height})
        check_sizes(page, width, height)
    for part, text in {
        page.tab.locator(".unit").nth(3): "hidden unit 2: bias",
        page.tab.locator(".surface"): "prediction 0.",
    }.items():
        part.tap()
        expect(page.tab.locator(".readout")).to_contain_text(text)
    page.tab.set_viewport_size({"width": 1280, "height": 900})
    page.tab.get_by_text("More settings").click()
    for scheme in ("light", "dark"):
        page.tab.emulate_media(color_scheme=scheme)
        check_colors(page, scheme)
    check_layout(page)
    check_media(page)
    context.close()


def check_sizes(page, width, height):
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    parts = (".network", ".surface", ".hiddenspace", ".xor table", ".curve", ".player")
    boxes = {part: page.tab.locator(part).bounding_box() for part in parts}
    for part, box in boxes.items():
        assert box["x"] >= 0, part
        assert box["x"] + box["width"] <= width, part
    if width == 1920:
        assert max(box["x"] + box["width"] for box in boxes.values()) > 0.9 * width
    control = page.control("units in layer 1").bounding_box()
    surface = boxes[".surface"]  # In view while the control moves
    assert surface["y"] + surface["height"] - control["y"] < height


def check_colors(page, scheme):
    read = "(e) => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    expect(page.tab.locator("body")).to_have_css("color-scheme", scheme)
    color, behind = page.outcome.evaluate(read)
    assert contrast(color, behind) > 7
    for line in page.tab.locator(".weight").all():
        assert contrast(line.evaluate("(e) => getComputedStyle(e).stroke"), behind) > 3
    violations = Axe().run(page.tab).response["violations"]
    assert {violation["id"] for violation in violations} == MARIMOS


def check_layout(page):
    """Check that nothing moves when a sentence gets longer or shorter."""
    places = set()
    for seed in ("ArrowLeft", "ArrowRight"):
        page.press("seed", seed)
        for label, key in ((None, None), ("units in layer 1", "Home")):
            if label:
                page.press(label, key)
            page.tab.wait_for_timeout(400)
            parts = [
                ".player",
                ".surface",
                ".hiddenspace",
                ".xor table",
                ".curve",
                ".luck",
                ".readout",
            ]
            places.add(tuple(round(page.tab.locator(part).bounding_box()["y"]) for part in parts))
    assert len(places) == 1


def check_media(page):
    """Check what people set in their system: less motion, and colours of their own."""
    page.tab.emulate_media(reduced_motion="reduce", forced_colors="active")
    page.tab.get_by_role("button", name="play").click()
    drawn = set()
    while page.tab.get_by_role("button", name="pause").count():
        drawn.add(page.tab.locator(".curve .now").get_attribute("x1"))
        page.tab.wait_for_timeout(50)
    assert len(drawn) <= 11  # One picture for each epoch, and none between them
    for part in (".bias", ".corner"):
        style = page.tab.locator(part).first.evaluate(
            "(e) => getComputedStyle(e).forcedColorAdjust"
        )
        assert style == "none"


def contrast(*colors):
    """The contrast of two colours, as the WCAG define it."""

    def luminance(color):
        shares = [float(share) for share in re.findall(r"[\d.]+", color.removeprefix("color(srgb"))]
        shares = [share / 255 for share in shares] if color.startswith("rgb") else shares
        linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares[:3]]
        return np.dot((0.2126, 0.7152, 0.0722), linear)

    dark, light = sorted(map(luminance, colors))
    return (light + 0.05) / (dark + 0.05)


# Who may visit it.


def answer(address, path="/", **headers):
    """The status of a request with other headers."""
    host = urllib.parse.urlsplit(address).netloc
    lines = {"Host": host, "Connection": "close"} | headers
    name, port = host.split(":")
    with socket.create_connection((name, int(port))) as connection:
        request = [f"GET {path} HTTP/1.1", *(f"{name}: {v}" for name, v in lines.items()), "", ""]
        connection.sendall("\r\n".join(request).encode())
        return int(connection.makefile().readline().split()[1])


def test_no_visitor_without_the_token(address):
    # marimo answers with its login page, or refuses.
    assert answer(address, "/") == 303
    assert answer(address, "/?access_token=x") == 303
    assert answer(address, "/api/status") in (401, 403)
    port = urllib.parse.urlsplit(address).port
    for stranger in (f"example.com:{port}", f"127.0.0.1.example.com:{port}", "127.0.0.1:1"):
        # A site can let its own name lead here, but the browser keeps the cookie from it.
        assert answer(address, "/", Host=stranger) == 303
        assert answer(address, "/api/status", Host=stranger) in (401, 403)
        assert answer(address, "/", Origin=f"http://{stranger}") == 303


@pytest.mark.parametrize("token", [True, False])
def test_the_websocket_takes_the_token(address, token):
    parts = urllib.parse.urlsplit(address)
    query = f"session_id=s_{os.urandom(3).hex()}" + (f"&{parts.query}" if token else "")
    try:
        with websockets.sync.client.connect(
            f"ws://{parts.netloc}/ws?{query}", close_timeout=0.1
        ) as client:
            got = bool(client.recv(timeout=10))
    except websockets.exceptions.WebSocketException:
        got = False
    assert got == token


def test_a_page_of_another_site_cannot_read_or_drive_it(guide):
    page = guide  # The browser has the cookie.
    own = urllib.parse.urlsplit(page.address).netloc
    stranger = page.tab.context.new_page()
    stranger.route("http://example.com/", lambda route: route.fulfill(body="another site"))
    stranger.goto("http://example.com/")
    fetch = "(url) => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')"
    assert page.tab.evaluate(fetch, f"http://{own}/") == "read"
    assert stranger.evaluate(fetch, f"http://{own}/") == "refused"
    post = fetch.replace("{cred", "{method: 'POST', body: '{}', cred")
    assert stranger.evaluate(post, f"http://{own}/api/kernel/interrupt") == "refused"
    connect = """(url) => new Promise((done) => {
      const socket = new WebSocket(url);
      socket.onmessage = () => done("read");
      socket.onclose = () => done("refused");
    })"""
    assert stranger.evaluate(connect, f"ws://{own}/ws?session_id=s_abcdef") == "refused"
    stranger.close()


def test_it_listens_on_this_machine_only(address):
    port = urllib.parse.urlsplit(address).port
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as other:
        other.bind(("127.0.0.2", port))  # Taken if it listened on all addresses.


# How it starts and ends.


def test_a_second_server_and_ctrl_c(guide):
    page, query = guide, "learning_rate=0.123&epochs=100"  # Its study takes some seconds.
    with serving() as (process, address):
        other = Page(page.tab.context.new_page(), address)
        other.check(other.open(f"{query}&seed=4123456789"))  # Between those of the sliders
        page.press("seed", "ArrowRight")  # Each server has a cookie of its own.
        page.check(page.wait_for("seed=1"))
        other.press("seed", "Home")
        other.check(other.wait_for(query))
        page.press("seed", "ArrowLeft")
        expect(other.luck).to_contain_text("Trying 200 other seeds", timeout=20_000)
        # On Linux, where the system tells of processes that the server started.
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        assert "".join((task / "children").read_text() for task in tasks) == ""
        process.send_signal(signal.SIGINT)
        status, _, errors = process.wait()
        other.tab.close()
    assert (status, errors) == (0, "")


def test_a_port_in_use(script, address):
    port = urllib.parse.urlsplit(address).port
    status, output, errors = script("playground.py", "--no-browser", "--port", port)
    assert (status, output) == (1, "")
    assert f"cannot listen on port {port} (Address already in use): choose" in one_line(errors)


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_no_such_port(script, port):
    status, _, errors = script("playground.py", "--port", port)
    assert status == 2
    assert "--port: must be a whole number from 0 to 65535" in one_line(errors)


@pytest.mark.parametrize("package", ["marimo", "anywidget"])
def test_without_the_extra(tmp_path, package):
    missing = f"import sys; sys.modules[{package!r}] = None"
    status, _, errors = run_script("playground.py", cwd=tmp_path, before=missing).wait()
    assert status == 1
    assert one_line(errors) == (
        f"playground.py: the page needs {package}, which is not installed: run pip install -e "
        '".[notebook]"'
    )


def test_the_guide_is_a_program(tmp_path):
    status, output, errors = run_script("guide.py", cwd=tmp_path).wait()
    assert (status, errors) == (0, "")
    *_, predictions, outcome, luck = output.splitlines()
    run = keras_xor.train_run()
    values = [float(y) for y in re.findall(r"[\d.]+", predictions)]
    assert values == pytest.approx(run.predictions[-1].tolist(), abs=1e-6)
    assert outcome == describe_outcome(run)
    assert luck.startswith("Of 200 other seeds, 100.0 % learn (95 % interval 98.1 to 100.0 %). ")


def test_the_guide_is_a_notebook():
    result = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", ROOT / "scripts" / "guide.py"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
