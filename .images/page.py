"""Take the README's picture of the page, or with --speed measure how fast it answers.

Needs Chromium, and the extra "dev".
"""

import contextlib
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "scripts" / "playground.py"
# Milliseconds from each key to the frame in which another run is drawn.
CLOCK = """() => {
  const root = [...document.querySelectorAll("marimo-anywidget")].at(-1).shadowRoot;
  const text = (part) => root.querySelector(part).textContent;
  const drawn = () => text("figcaption") + text("table") + root.querySelectorAll("canvas").length;
  window.times = [];
  document.addEventListener("keydown", () => {
    const start = performance.now(), before = drawn();
    const look = () => requestAnimationFrame(
      drawn() === before ? look : () => window.times.push(performance.now() - start));
    look();
  }, true);
}"""
DRAG = """() => {
  const root = [...document.querySelectorAll("marimo-anywidget")].at(-1).shadowRoot;
  window.drawnAt = [];
  document.addEventListener("keydown", () => window.pressedAt = performance.now(), true);
  new MutationObserver(() => window.drawnAt.push(performance.now()))
    .observe(root.querySelector("tbody"), {childList: true, characterData: true, subtree: true});
}"""
REPLAY = """() => new Promise((done) => {
  const root = [...document.querySelectorAll("marimo-anywidget")].at(-1).shadowRoot;
  const button = root.querySelector(".play"), surface = root.querySelector(".surface");
  const put = CanvasRenderingContext2D.prototype.putImageData;
  let pictures = 0;
  CanvasRenderingContext2D.prototype.putImageData = function (...image) {
    if (this.canvas === surface) pictures++;
    return put.apply(this, image);
  };
  const start = performance.now();
  button.click();
  const look = () => button.ariaLabel === "pause"
    ? setTimeout(look, 10) : done(1000 * pictures / (performance.now() - start));
  look();
})"""


@contextlib.contextmanager
def page(query=""):
    command = [sys.executable, SCRIPT, "--no-browser", "--port", "0"]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as playwright,
    ):
        try:
            address = next(line for line in server.stdout if "URL:" in line).split()[-1]
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            tab = browser.new_page(viewport={"width": 1280, "height": 800})
            tab.goto(f"{address}{query}")
            wait_for_luck(tab)
            yield tab
        finally:
            server.kill()


def wait_for_luck(tab):
    tab.locator(".luck", has_text="95 % interval").wait_for()


def times(tab, label, keys):
    """Milliseconds to the picture, for each key in turn on a control, with rests between."""
    control = tab.get_by_label(label, exact=True)
    tab.evaluate("window.times.length = 0")
    for number, key in enumerate(keys, start=1):
        control.focus()
        tab.keyboard.press(key)
        tab.wait_for_function(f"window.times.length === {number}")
        tab.wait_for_timeout(300)
    return tab.evaluate("window.times")


def drag(tab, label):
    """Press a key on a slider every 30 ms; print how many runs were drawn, and the last delay."""
    slider = tab.get_by_label(label, exact=True)
    slider.press("Home")
    tab.wait_for_timeout(1000)
    tab.evaluate(DRAG)
    slider.focus()
    for _ in range(60):
        tab.keyboard.press("ArrowRight")
        tab.wait_for_timeout(30)
    tab.wait_for_timeout(2000)
    drawn, lag = tab.evaluate("[window.drawnAt.length, window.drawnAt.at(-1) - window.pressedAt]")
    print(f"{'a drag of 60 moves':20} {drawn} runs, the last {lag:.0f} ms after the last move")


def speed():
    with page() as tab:
        tab.evaluate(CLOCK)
        measured = {
            "another seed": times(tab, "seed", ["ArrowRight"] * 30),
            "another rate": times(tab, "learning rate", ["ArrowRight", "ArrowLeft"] * 15),
            "a new shape": [],
            "a shape seen before": [],
        }
        up, down = ["ArrowRight"] * 8, ["ArrowLeft"] * 15  # From 8 units to 16, and to 1
        for activation in ("tanh", "relu"):
            tab.get_by_label("activation", exact=True).select_option(activation)
            wait_for_luck(tab)
            measured["a new shape"] += times(tab, "units in layer 1", up)
            back_and_on = times(tab, "units in layer 1", down)
            measured["a shape seen before"] += back_and_on[:8]
            measured["a new shape"] += back_and_on[8:]
            measured["a shape seen before"] += times(tab, "units in layer 1", up[:7])
        drag(tab, "seed")
        for what, milliseconds in measured.items():
            median = statistics.median(milliseconds)
            print(f"{what:20} {median:4.0f} ms, the median of {len(milliseconds)}")
        print(f"{'replay':20} {tab.evaluate(REPLAY):4.0f} pictures a second")


def picture():
    with page("&hidden_units=2&learning_rate=0.1&seed=2") as tab:  # The lesson "Stuck"
        tab.mouse.move(0, 0)
        tab.screenshot(path=HERE / "page.png")


if __name__ == "__main__":
    speed() if "--speed" in sys.argv else picture()
