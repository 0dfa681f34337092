"""The page of scripts/playground.py as people use it: a real server, and a real browser."""

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
import websockets.sync.client
from conftest import ROOT, check_files, one_line
from playwright.sync_api import expect, sync_playwright

import keras_xor
from keras_xor import Recipe, playground
from keras_xor.data import TRUTH_TABLE

SCRIPT = ROOT / "scripts" / "playground.py"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Of each control, by its name: the setting after a move, and the keys of that move.
MOVES = {
    "steps per epoch": ("steps_per_epoch=500", ["ArrowLeft"]),
    "epochs": ("epochs=5", ["ArrowLeft"]),
    "batch size": ("batch_size=16", ["ArrowLeft"]),
    "learning rate": ("learning_rate=0.02", ["ArrowRight"]),
    "momentum": ("momentum=0.05", ["ArrowRight"]),
    "seed": ("seed=1", ["ArrowRight"]),
    "units in layer 1": ("hidden_units=9", ["ArrowRight"]),
    "units in layer 2": ("hidden_units=9x2", ["ArrowRight", "ArrowRight"]),
    "units in layer 4": ("hidden_units=9x2x1", ["ArrowRight"]),
    "units in layer 3": ("hidden_units=9x2x1x1", ["ArrowRight"]),
}
CHOICES = {
    "activation": ("activation", "relu"),
    "kernel initializer": ("kernel_initializer", "he_normal"),
    "loss": ("loss", "mean_squared_error"),
    "optimizer": ("optimizer", "adam"),
}
POINTS = [*zip(*TRUTH_TABLE, strict=True)]


@contextlib.contextmanager
def serving(*options, no_browser=True):
    """Run the script; yield its process and the address that it printed."""
    command = [sys.executable, str(SCRIPT), *options, *(["--no-browser"] if no_browser else [])]
    with subprocess.Popen(
        command,
        env=os.environ | {"BROWSER": "false", "DISPLAY": "", "WAYLAND_DISPLAY": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, process.stdout.readline().removeprefix("page: ").strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address():
    with serving("--port", "0") as (_, address):
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
    return playground.parse_query(dict(query))


@functools.cache
def run_of(query):
    recipe, seed, problem = settings_in(f"?{query}")
    assert not problem
    return keras_xor.train_run(recipe, seed)


class Page:
    """The page in a tab of its own, with what it requests and reports."""

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
        expect(self.tab.locator(".xor td").first).to_be_visible(timeout=30_000)
        return self

    def control(self, label):
        return self.tab.locator("marimo-slider, marimo-dropdown, marimo-switch").filter(
            has_text=re.compile(f"^{label}")
        )

    def press(self, label, *keys):
        self.control(label).get_by_role("slider").focus()
        for key in keys:
            self.tab.keyboard.press(key)

    def probabilities(self):
        return [float(y) for y in self.tab.locator(".xor td:nth-child(3)").all_inner_texts()]

    def pixel(self, x1, x2):
        """The colour of the surface near a point."""
        return self.tab.evaluate(
            """([x, y]) => {
              const find = (root) => root.querySelector(".surface")
                ?? [...root.querySelectorAll("*")].map((e) => e.shadowRoot && find(e.shadowRoot))
                  .find(Boolean);
              const surface = find(document), context = surface.getContext("2d");
              const place = [x * (surface.width - 1), (1 - y) * (surface.height - 1)];
              return [...context.getImageData(...place.map(Math.round), 1, 1).data];
            }""",
            [0.02 + 0.96 * x1, 0.02 + 0.96 * x2],
        )

    def wait_for(self, query):
        """Wait until the page shows a run; return what it should show."""
        run = run_of(query)
        loss = short(run.history["loss"][-1])
        expect(self.tab.locator("figcaption")).to_contain_text(f"loss {loss},", timeout=20_000)
        return run

    def check(self, run):
        """Check that the page shows a run at its end, in text, address and pixels."""
        expect(self.outcome).to_have_text(playground.describe_outcome(run))
        expected = keras_xor.predict(run.model(), *TRUTH_TABLE)
        assert self.probabilities() == pytest.approx(expected.tolist(), abs=1.1e-5)
        self.tab.wait_for_url(lambda url: settings_in(url) == (run.recipe, run.seed, ""))
        for x1, x2, y in zip(*TRUTH_TABLE, expected, strict=True):
            red, _, blue, _ = self.pixel(x1, x2)
            if abs(y - 0.5) > 0.1:
                assert (red > blue) == (y > 0.5), (x1, x2, y)
        lines = self.tab.locator(".weight")
        expect(lines).to_have_count(sum(w[-1].size for w in run.weights[::2]))


@pytest.fixture(scope="module")
def context(browser):
    return browser.new_context(viewport={"width": 1280, "height": 900})


@pytest.fixture
def page(context, address):
    page = Page(context.new_page(), address)
    yield page
    hosts = {urllib.parse.urlsplit(url).netloc for url in page.requests}
    assert hosts - {""} == {urllib.parse.urlsplit(address).netloc}
    assert page.errors == []
    page.tab.close()


def test_the_first_page(page):
    page.open()
    run = page.wait_for("")
    page.check(run)
    expect(page.tab).to_have_title("Modeling XOR with a neural network")
    expect(page.outcome).to_have_text("Learned: all four points are right after 5,000 steps.")
    assert page.probabilities() == [0.03369, 0.93610, 0.93285, 0.08912]
    for section in ("The network", "Training data", "Training", "Predictions", "Was it luck?"):
        expect(page.tab.get_by_role("heading", name=section, exact=True)).to_be_visible()
    code = page.tab.locator(".cm-content")
    expect(code.filter(has_text="keras.layers.Dense")).to_be_visible()
    arranging = code.filter(has_text="playground.make_controls")
    expect(arranging).to_have_count(1)
    expect(arranging).to_be_hidden()
    expect(page.tab.get_by_text("Total params: 33")).to_be_visible()
    assert "access_token" not in page.tab.url


def test_every_slider_trains_anew(page):
    queries, settings = [], {}
    for query, _ in MOVES.values():
        settings |= dict([query.split("=")])
        queries.append(urllib.parse.urlencode(settings))
        run_of(queries[-1])  # Now, so that the page does not rest meanwhile, and study.
    page.open()
    for (label, (_, keys)), query in zip(MOVES.items(), queries, strict=True):
        page.press(label, *keys)
        page.check(page.wait_for(query))


def test_every_choice_trains_anew(page):
    queries = [urllib.parse.urlencode([*CHOICES.values()][: n + 1]) for n in range(len(CHOICES))]
    for query in queries:
        run_of(query)
    page.open()
    for (label, (_, value)), query in zip(CHOICES.items(), queries, strict=True):
        page.control(label).get_by_role("combobox").select_option(value)
        page.check(page.wait_for(query))


def test_the_truth_table_is_that_of_the_labels(page):
    query = "labels=0111&noise=0.1&data=shuffled"
    page.open(query)
    page.check(page.wait_for(query))
    marks = page.tab.locator(".xor td:nth-child(5)")
    assert marks.all_inner_texts() == ["\u2713"] * 4
    page.control("labels").get_by_role("combobox").select_option("NAND")
    page.check(page.wait_for(query.replace("0111", "1110")))
    assert marks.all_inner_texts() == ["\u2713"] * 4


def test_nesterov(page):
    page.open("momentum=0.9&steps_per_epoch=100")
    page.control("Nesterov").get_by_role("switch").click()
    page.check(page.wait_for("momentum=0.9&nesterov=on&steps_per_epoch=100"))


def test_rewinding_keeps_the_first_weights(page):
    page.open()
    last = page.probabilities()
    page.epoch.focus()
    page.tab.keyboard.press("Home")
    expect(page.tab.get_by_text("epoch 0 of 10")).to_be_visible()
    expect(page.tab.get_by_text("loss, accuracy before epoch 1")).to_be_visible()
    first, pixels = page.probabilities(), [page.pixel(*point) for point in POINTS]
    assert first != last
    model = keras_xor.build_model(seed=0)
    assert first == pytest.approx(keras_xor.predict(model, *TRUTH_TABLE).tolist(), abs=1.1e-5)
    page.press("learning rate", "ArrowRight")
    expect(page.tab).to_have_url(re.compile("learning_rate=0.02"))
    assert page.probabilities() == first
    assert [page.pixel(*point) for point in POINTS] == pixels


def test_every_epoch_is_shown_without_asking_again(page):
    page.open()
    run = page.wait_for("")
    expect(page.luck).to_contain_text("95 %", timeout=30_000)  # Until then, it may ask.
    asked = len(page.requests)
    page.epoch.focus()
    for epoch in range(9, -1, -1):
        page.tab.keyboard.press("ArrowLeft")
        expect(page.tab.get_by_text(f"epoch {epoch} of 10")).to_be_visible()
        assert page.probabilities() == pytest.approx(run.predictions[epoch].tolist(), abs=1e-5)
        if epoch:
            loss = f"loss {short(run.history['loss'][epoch - 1])},"
            expect(page.tab.locator("figcaption")).to_contain_text(loss)
    page.tab.get_by_role("button", name="play").click()
    seen = set()
    while page.tab.get_by_role("button", name="pause").count():
        seen.add(page.tab.locator("output").inner_text())
    assert len(seen) > 5
    page.check(run)
    assert len(page.requests) == asked


def test_figures_under_the_pointer_and_the_focus(page):
    page.open()
    run = page.wait_for("")
    kernel, bias, output_kernel, _ = (weight[-1] for weight in run.weights)
    readout = page.tab.locator(".readout")
    units = page.tab.locator(".unit")
    expect(units).to_have_count(2 + 8 + 1)
    units.nth(4).focus()
    weights = f"x1 {kernel[0, 2]:.3f}, x2 {kernel[1, 2]:.3f}"
    expect(readout).to_have_text(f"hidden unit 3: bias {bias[2]:.3f}, weights from {weights}")
    page.tab.locator(".hit").nth(16 + 5).dispatch_event("pointerenter")
    weight = f"weight from hidden unit 6 to y: {output_kernel[5, 0]:.3f}"
    expect(readout).to_have_text(weight)
    page.tab.locator(".surface").hover(position={"x": 246 * 0.25, "y": 246 * 0.5})
    y = keras_xor.predict(run.model(), 0.25, 0.5)
    expect(readout).to_have_text(f"x1 0.250, x2 0.500: prediction {y:.5f}")
    page.tab.locator("h1").hover()
    expect(readout).to_have_text(re.compile(r"^\s*$"))


def test_a_link_opens_the_same_page_in_another_tab(page):
    page.open("hidden_units=4&seed=4123456789&learning_rate=0.123&steps_per_epoch=100")
    link = page.tab.url
    other = Page(page.tab.context.new_page(), page.address)
    other.tab.goto(link)
    query = urllib.parse.urlsplit(link).query.replace("show-code=true", "")
    run = other.wait_for(query)
    other.check(run)
    page.check(run)
    page.press("seed", "Home")  # Each tab has settings of its own.
    page.check(page.wait_for(query.replace("4123456789", "0")))
    other.check(run)


def test_presets_are_links(page):
    page.open()
    page.tab.get_by_role("link", name="sigmoid units at a rate of 0.01").click()
    page.check(page.wait_for("activation=sigmoid"))
    expect(page.outcome).to_contain_text("It may only be slow: try a larger learning rate")
    page.tab.get_by_role("link", name="linear units at a rate of 10").click()
    expect(page.outcome).to_contain_text("Diverged: in epoch 1")
    expect(page.tab.get_by_text("The training diverged, so there is nothing").last).to_be_visible()
    expect(page.tab.locator("figcaption")).to_contain_text("loss not a number")
    assert page.tab.locator(".xor td:nth-child(3)").first.inner_text() == "not a number"
    expect(page.tab.locator("marimo-download").first).to_have_attribute("data-disabled", "true")
    expect(page.tab.get_by_text("An internal error")).to_have_count(0)
    page.tab.get_by_role("link", name="the guide's").click()
    page.check(page.wait_for(""))


def test_an_address_that_is_wrong(page):
    page.open("hidden_units=&learning_rate=<b>1</b>")
    expect(page.tab.get_by_text("hidden_units must be a whole number")).to_be_visible()
    page.check(page.wait_for(""))


def test_an_error_is_shown_and_overcome(page):
    page.open("steps_per_epoch=100&momentum=0.5")
    page.control("optimizer").get_by_role("combobox").select_option("adam")
    expect(page.outcome).to_have_text(
        "Adam has no momentum: leave it out, or use sgd, rmsprop or muon. "
        "Until then, this is the run before."
    )
    assert page.tab.locator(".panes").evaluate("(e) => getComputedStyle(e).opacity") == "0.35"
    page.control("optimizer").get_by_role("combobox").select_option("rmsprop")
    page.check(page.wait_for("steps_per_epoch=100&momentum=0.5&optimizer=rmsprop"))


def test_luck(page):
    page.open("hidden_units=2&learning_rate=0.1&seed=1")
    recipe = Recipe(hidden_units=2, learning_rate=0.1)
    expected = playground.describe_luck(
        keras_xor.train_run(recipe, 1), keras_xor.seed_study(recipe, 200)
    )
    expect(page.luck).to_have_text(expected, timeout=30_000)
    page.press("seed", "ArrowRight")
    expect(page.luck).to_have_text("")


def test_the_newest_setting_wins(page):
    page.open()
    page.press("seed", *["ArrowRight"] * 40)
    page.check(page.wait_for("seed=40"))


def test_take_it_along(page, tmp_path):
    page.open("steps_per_epoch=100&seed=3")
    run = page.wait_for("steps_per_epoch=100&seed=3")
    expect(page.tab.get_by_text("scripts/train.py --steps-per-epoch 100 --seed 3")).to_be_visible()
    expect(page.tab.get_by_text("recipe = keras_xor.Recipe(steps_per_epoch=100)")).to_be_visible()
    for name, label in playground.FILES.items():
        with page.tab.expect_download() as download:
            page.tab.locator("marimo-download").filter(has_text=label).locator("a").click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    check_files(tmp_path, run)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_legible(browser, address, scheme):
    context = browser.new_context(color_scheme=scheme, has_touch=True)
    page = Page(context.new_page(), address).open("hidden_units=16x16x16x16&steps_per_epoch=100")
    for width in (1280, 390):
        page.tab.set_viewport_size({"width": width, "height": 800})
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
        for part in (".network", ".surface", ".xor table", ".curve", ".outcome", ".player"):
            box = page.tab.locator(part).bounding_box()
            assert box["x"] >= 0, part
            assert box["x"] + box["width"] <= width, part
    color, behind = page.tab.locator(".outcome").evaluate(
        "(e) => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(color, behind) > 7
    for part, text in {
        page.tab.locator(".unit").nth(3): "unit 2 of layer 1: bias",
        page.tab.locator(".surface"): "prediction 0.",
    }.items():
        part.tap()
        expect(page.tab.locator(".readout")).to_contain_text(text)
    context.close()


def contrast(*colors):
    """The contrast of two colours, as the WCAG define it."""

    def luminance(color):
        shares = [float(share) for share in re.findall(r"[\d.]+", color.removeprefix("color(srgb"))]
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


def test_only_its_own_pages_are_answered(address):
    query = "/?" + urllib.parse.urlsplit(address).query + "&show-code=true"
    host = urllib.parse.urlsplit(address).netloc
    port = host.split(":")[1]
    assert answer(address, query) in (200, 303, 307)
    assert answer(address, query, Host=f"localhost:{port}") in (200, 303, 307)
    assert answer(address, query, Origin=f"http://{host}") in (200, 303, 307)
    for stranger in (f"example.com:{port}", "127.0.0.1:1", f"127.0.0.1.example.com:{port}"):
        assert answer(address, query, Host=stranger) == 403
        assert answer(address, query, Origin=f"http://{stranger}") == 403
        assert answer(address, "/", Host=stranger) == 403
    assert answer(address, query, Origin="null") == 403
    assert answer(address, query, Origin=f"https://{host}") == 403


def test_no_visitor_without_the_token(address):
    # marimo answers with its login page, or refuses.
    assert answer(address, "/?show-code=true") == 303
    assert answer(address, "/?show-code=true&access_token=x") == 303
    assert answer(address, "/api/status") in (401, 403)


@pytest.mark.parametrize(
    ("headers", "token", "admitted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"origin": "http://example.com"}, True, False),
        ({"origin": "null"}, True, False),
        ({"host": "example.com"}, True, False),
    ],
)
def test_the_websocket_admits_only_its_own_pages(address, headers, token, admitted):
    parts = urllib.parse.urlsplit(address)
    query = f"session_id=s_{os.urandom(3).hex()}" + (f"&{parts.query}" if token else "")
    url = f"ws://{parts.netloc}/ws?{query}"
    connection = None
    if host := headers.get("host"):
        connection = socket.create_connection((parts.hostname, parts.port))
        url = url.replace(parts.netloc, f"{host}:{parts.port}")
        headers = {}
    try:
        with websockets.sync.client.connect(
            url, sock=connection, additional_headers=headers
        ) as client:
            got = bool(client.recv(timeout=10))
    except websockets.exceptions.WebSocketException:
        got = False
    assert got == admitted


def test_it_listens_on_this_machine_only(address):
    port = urllib.parse.urlsplit(address).port
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as other:
        other.bind(("127.0.0.2", port))  # Taken if it listened on all addresses.


# How it starts and ends.


def test_a_second_server_and_ctrl_c(page):
    page.open("steps_per_epoch=100")
    with serving("--port", "0") as (process, address):
        long = "steps_per_epoch=2000&epochs=50"
        other = Page(page.tab.context.new_page(), address).open(long)
        for each, query in ((page, "steps_per_epoch=100"), (other, long)):
            each.press("seed", "ArrowRight")  # Each server has a cookie of its own.
            each.check(each.wait_for(f"{query}&seed=1"))
        expect(other.luck).to_contain_text("Trying 200 other seeds", timeout=20_000)
        # On Linux, where the system tells of processes that the server started.
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        assert "".join((task / "children").read_text() for task in tasks) == ""
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        other.tab.close()
    assert (process.returncode, errors) == (-signal.SIGINT, "")


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
def test_without_the_extra(package):
    code = (
        f"import runpy, sys; sys.modules[{package!r}] = None; sys.argv = [{str(SCRIPT)!r}]; "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert one_line(result.stderr) == (
        f"playground.py: the page needs {package}, which is not installed: run pip install -e "
        '".[notebook]"'
    )


def test_without_a_browser():
    with serving("--port", "0", no_browser=False) as (process, address):
        lines = [process.stdout.readline() for _ in range(2)]
    assert address.startswith("http://127.0.0.1:")
    assert lines == [
        "Ctrl-C ends it.\n",
        "There is no browser here: open the address in one.\n",
    ]


def test_the_guide_is_a_program(tmp_path):
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "guide.py"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert (result.returncode, result.stderr) == (0, "")
    *_, predictions, outcome, luck = result.stdout.splitlines()
    run = keras_xor.train_run()
    values = [float(y) for y in re.findall(r"[\d.]+", predictions)]
    assert values == pytest.approx(run.predictions[-1].tolist(), abs=1e-6)
    assert outcome == playground.describe_outcome(run)
    assert luck == playground.describe_luck(run, keras_xor.seed_study(seeds=200))


def test_the_guide_is_a_notebook():
    result = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", ROOT / "scripts" / "guide.py"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
