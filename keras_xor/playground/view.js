// Draws a run at any of its epochs, without asking the server.

const PALETTE = [
  [19, 75, 133], [47, 120, 179], [93, 162, 203], [157, 202, 225], [210, 229, 239], [242, 240, 235],
  [252, 224, 186], [251, 191, 116], [232, 147, 47], [197, 105, 13], [153, 74, 7],
];
const GREY = [128, 128, 128];  // Not a number
const OUTPUT = 41, UNIT = 17;  // Points on each axis, as in drawing.py
const SIZE = 246;  // Of the picture of the output, in pixels
const CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]];

function color(share) {
  if (Number.isNaN(share)) return GREY;
  const place = Math.min(Math.max(share, 0), 1) * (PALETTE.length - 1);
  const low = Math.min(Math.floor(place), PALETTE.length - 2);
  return PALETTE[low].map((value, n) => value + (place - low) * (PALETTE[low + 1][n] - value));
}

const css = (share) => `rgb(${color(share).map(Math.round).join(" ")})`;
const pixel = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
const PIXELS = Uint32Array.from({length: 256}, (_, n) => pixel(color(n / 255)));
const BLACK = pixel([0, 0, 0]), NAN = pixel(GREY);
const pixelOf = (share) => Number.isNaN(share) ? NAN : PIXELS[Math.round(255 * share)];

function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const figure = (value, digits = 3) => Number.isNaN(value) ? "not a number" : value.toFixed(digits);

// Four digits, as in Python: 0.0322, 3.2e-6.
function short(value) {
  if (value === null) return "not a number";
  return value && (value < 1e-4 || value >= 1e6) ? value.toExponential(2) : value.toPrecision(4);
}

// A run, with its arrays at a moment: an epoch drawn, or a blend of two of them.
class Run {
  constructor(data) {
    Object.assign(this, data);
    const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    this.output = floats(data.output);
    this.kernels = data.kernels.map(floats);
    this.biases = data.biases.map(floats);
    this.pictures = data.pictures.map((view) => new Int8Array(view.buffer, view.byteOffset, view.byteLength));
    this.last = this.epochs.length - 1;
    this.drawn = this.biases.map((biases) => biases.length / this.epochs.length);
    this.drawn.unshift(2);
  }

  // The part of an array at a moment, as a function of the index.
  at(array, moment) {
    const length = array.length / this.epochs.length;
    const before = Math.floor(moment), after = Math.ceil(moment), share = moment - before;
    return (n) => array[before * length + n] * (1 - share) + array[after * length + n] * share;
  }

  probability(moment, x1, x2) {
    const row = Math.round((1 - x2) * (OUTPUT - 1)), column = Math.round(x1 * (OUTPUT - 1));
    return this.at(this.output, moment)(row * OUTPUT + column);
  }
}

// Paints a square canvas, pixel by pixel.
function paint(canvas, size, pixelAt) {
  const context = canvas.getContext("2d"), image = context.createImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  for (let n = 0; n < pixels.length; n++) pixels[n] = pixelAt(n);
  context.putImageData(image, 0, 0);
}

// Paints the grid of an output; a dashed line shows where it is 0.5.
function paintOutput(canvas, value) {
  const grid = Float64Array.from({length: OUTPUT * OUTPUT}, (_, n) => value(n));
  const values = new Float64Array(SIZE * SIZE), step = (OUTPUT - 1) / (SIZE - 1);
  for (let row = 0; row < SIZE; row++) {
    const top = Math.min(Math.floor(row * step), OUTPUT - 2), down = row * step - top;
    for (let column = 0; column < SIZE; column++) {
      const left = Math.min(Math.floor(column * step), OUTPUT - 2), right = column * step - left;
      const n = top * OUTPUT + left;
      const above = grid[n] * (1 - right) + grid[n + 1] * right;
      const below = grid[n + OUTPUT] * (1 - right) + grid[n + OUTPUT + 1] * right;
      values[row * SIZE + column] = above * (1 - down) + below * down;
    }
  }
  const crosses = (n) => n > SIZE && n % SIZE
    && (values[n] > 0.5 !== values[n - 1] > 0.5 || values[n] > 0.5 !== values[n - SIZE] > 0.5);
  const dash = (n) => (Math.floor(n / SIZE) + n % SIZE) % 9 < 6;
  paint(canvas, SIZE, (n) => crosses(n) && dash(n) ? BLACK : pixelOf(values[n]));
}

function paintUnit(canvas, value, unit) {
  paint(canvas, UNIT, (n) => {
    const said = value(unit * UNIT * UNIT + n);
    return pixelOf(said < -127 ? NaN : 0.5 + said / 254);
  });
}

// The network: a picture per unit, a line per weight, a square per bias.
class Network {
  constructor(run, tell) {
    this.run = run;
    const tallest = Math.max(...run.drawn);
    this.width = 100 * run.drawn.length;
    this.height = Math.max(240, 34 * tallest);
    this.lines = svg("svg", {viewBox: `0 0 ${this.width} ${this.height}`, preserveAspectRatio: "none"});
    this.element = html("div", {class: "network", style: `--height: ${this.height}px`}, this.lines);
    this.edges = run.kernels.flatMap((_, layer) => this.edgesAfter(layer, tell));
    this.units = run.drawn.flatMap((count, layer) => (
      Array.from({length: count}, (_, unit) => this.unit(layer, unit, tell))
    ));
    run.units.forEach((units, layer) => {
      if (units > run.drawn[layer]) {
        const style = `left: ${this.x(layer) / this.width * 100}%`;
        this.element.append(html("small", {class: "more", style}, `and ${units - run.drawn[layer]} more`));
      }
    });
  }

  x(layer) { return (layer + 0.5) * this.width / this.run.drawn.length; }

  y(layer, unit) { return (unit + 0.5) * this.height / this.run.drawn[layer]; }

  name(layer, unit) {
    const layers = this.run.units.length;
    if (layer === 0) return `x${unit + 1}`;
    if (layer === layers - 1) return "y";
    return layers > 3 ? `unit ${unit + 1} of layer ${layer}` : `hidden unit ${unit + 1}`;
  }

  edgesAfter(layer, tell) {
    const [inputs, outputs] = this.run.drawn.slice(layer, layer + 2);
    return Array.from({length: inputs * outputs}, (_, n) => {
      const from = Math.floor(n / outputs), to = n % outputs;
      const [x1, y1, x2, y2] = [this.x(layer), this.y(layer, from), this.x(layer + 1), this.y(layer + 1, to)];
      const middle = (x1 + x2) / 2;
      const d = `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
      const line = svg("path", {d, class: "weight"}), hit = svg("path", {d, class: "hit"});
      const names = `weight from ${this.name(layer, from)} to ${this.name(layer + 1, to)}`;
      tell(hit, (moment) => `${names}: ${figure(this.weight(layer, moment)(n))}`);
      this.lines.append(line, hit);
      return {line, layer, n};
    });
  }

  unit(layer, unit, tell) {
    const style = `left: ${this.x(layer) / this.width * 100}%; top: ${this.y(layer, unit)}px`;
    const canvas = html("canvas", {width: UNIT, height: UNIT});
    const bias = html("i", {class: "bias"});
    const label = layer === 0 || layer === this.run.drawn.length - 1 ? [html("b", {}, this.name(layer, unit))] : [];
    const element = html("div", {class: "unit", style, tabindex: "0"}, canvas, ...label);
    if (layer) element.append(bias);
    element.setAttribute("aria-label", this.name(layer, unit));
    tell(element, (moment) => this.described(layer, unit, moment));
    this.element.append(element);
    return {canvas, bias, layer, unit};
  }

  weight(layer, moment) { return this.run.at(this.run.kernels[layer], moment); }

  bias(layer, moment) { return this.run.at(this.run.biases[layer - 1], moment); }

  described(layer, unit, moment) {
    const name = this.name(layer, unit);
    if (!layer) return `input ${name}`;
    const [inputs, outputs] = this.run.drawn.slice(layer - 1, layer + 1);
    const weights = Array.from({length: inputs}, (_, from) => (
      `${this.name(layer - 1, from)} ${figure(this.weight(layer - 1, moment)(from * outputs + unit))}`
    ));
    return `${name}: bias ${figure(this.bias(layer, moment)(unit))}, weights from ${weights.join(", ")}`;
  }

  draw(moment) {
    const weights = this.run.kernels.map((_, layer) => this.weight(layer, moment));
    for (const {line, layer, n} of this.edges) {
      const value = weights[layer](n);
      line.style.stroke = css(signed(value));
      line.style.strokeWidth = `${Math.min(0.4 + 1.3 * Math.abs(value), 7) || 1}px`;
    }
    const pictures = this.run.pictures.map((picture) => this.run.at(picture, moment));
    for (const {canvas, bias, layer, unit} of this.units) {
      paintUnit(canvas, pictures[layer], unit);
      if (layer) bias.style.background = css(signed(this.bias(layer, moment)(unit)));
    }
  }
}

// The share of a weight: its sign is seen even if it is small.
const signed = (value) => 0.5 + Math.sign(value) * (0.2 + 0.25 * Math.min(Math.abs(value) / 3, 1));

// Loss and accuracy by epoch, with a line at the epoch that is shown.
class Curve {
  constructor(run) {
    const [width, height, epochs] = [250, 96, run.epochs[run.last]];
    this.x = (epoch) => 4 + epoch / Math.max(epochs, 1) * (width - 8);
    const losses = run.loss.filter((loss) => loss !== null);
    const most = Math.max(...losses, 1e-9);
    const path = (values, most) => values.map((value, n) => (
      value === null ? "" : `${n && values[n - 1] !== null ? "L" : "M"}${this.x(n + 1)} ${height - 4 - value / most * (height - 8)}`
    )).join("");
    this.now = svg("line", {y1: 0, y2: height, class: "now"});
    const points = run.loss.length === 1 ? "point" : "";
    this.element = html("figure", {class: "curve"},
      svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Loss and accuracy by epoch"},
        this.now,
        svg("path", {d: path(run.accuracy, 1), class: `accuracy ${points}`}),
        svg("path", {d: path(run.loss, most), class: `loss ${points}`})),
      this.caption = html("figcaption"));
    this.run = run;
  }

  draw(epoch) {
    this.now.setAttribute("x1", this.x(epoch));
    this.now.setAttribute("x2", this.x(epoch));
    this.caption.replaceChildren(...(epoch === 0 ? ["before the first epoch"] : [
      html("span", {class: "loss"}, `loss ${short(this.run.loss[epoch - 1])}`), ", ",
      html("span", {class: "accuracy"}, `accuracy ${short(this.run.accuracy[epoch - 1])}`), ` in epoch ${epoch}`,
    ]));
  }
}

class Page {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.moment = Infinity;
    this.outcome = html("p", {class: "outcome", role: "status"});
    this.luck = html("p", {class: "luck", role: "status"});
    this.button = html("button", {type: "button"});
    this.slider = html("input", {type: "range", min: 0, step: 1, "aria-label": "epoch"});
    this.epoch = html("output");
    this.readout = html("p", {class: "readout"}, "\u00a0");
    this.network = html("div", {class: "place"});
    this.curve = html("div");
    this.table = html("table");
    this.surface = html("canvas", {width: SIZE, height: SIZE, class: "surface", role: "img",
      "aria-label": "The probability that x1 xor x2 is 1: blue below 0.5, orange above"});
    this.tell(this.surface, (moment, event) => this.underPointer(moment, event), "pointermove");
    this.button.onclick = () => this.playing ? this.pause() : this.play();
    this.slider.oninput = () => { this.pause(); this.show(this.slider.valueAsNumber); };
    element.classList.add("xor");
    element.append(
      this.outcome,
      html("div", {class: "player"}, this.button, this.slider, this.epoch),
      html("div", {class: "panes"}, this.network,
        html("div", {class: "square"}, this.surface, html("span", {class: "x1"}, "x1"), html("span", {class: "x2"}, "x2")),
        html("div", {class: "side"}, this.table, this.curve)),
      this.readout, this.luck);
    this.pause();
  }

  // While the pointer or the focus is on an element, show what it is.
  tell(element, text, event = "pointerenter") {
    const start = (event) => { this.told = (moment) => text(moment, event); this.draw(); };
    const end = () => { this.told = null; this.readout.textContent = "\u00a0"; };
    element.addEventListener(event, start);
    element.addEventListener("focus", start);
    element.addEventListener("pointerleave", end);
    element.addEventListener("blur", end);
  }

  underPointer(moment, event) {
    const place = this.surface.getBoundingClientRect();
    const share = (value) => Math.min(Math.max(value, 0), 1);
    const grid = (value) => Math.round(share(value) * (OUTPUT - 1)) / (OUTPUT - 1);
    const x1 = grid((event.clientX - place.left) / place.width);
    const x2 = grid(1 - (event.clientY - place.top) / place.height);
    return `x1 ${x1.toFixed(3)}, x2 ${x2.toFixed(3)}: probability ${figure(this.run.probability(moment, x1, x2), 5)}`;
  }

  take(run) {
    const atEnd = !this.run || this.moment >= this.run.last;
    const epoch = this.run?.epochs[Math.round(Math.min(this.moment, this.run.last))];
    this.run = run;
    this.parts = [new Network(run, (...what) => this.tell(...what)), new Curve(run)];
    this.network.replaceChildren(this.parts[0].element);
    this.curve.replaceChildren(this.parts[1].element);
    this.slider.max = run.last;
    const same = run.epochs.findLastIndex((drawn) => drawn <= epoch);
    this.show(this.playing ? Math.min(this.moment, run.last) : atEnd ? run.last : same);
    this.status();
  }

  status() {
    const status = this.model.get("status");
    this.outcome.textContent = status || this.model.get("drawing").outcome || "Training ...";
    this.outcome.classList.toggle("busy", Boolean(status));
    this.luck.textContent = this.model.get("luck");
  }

  play() {
    this.button.textContent = "\u275a\u275a";
    this.button.setAttribute("aria-label", "pause");
    const from = this.moment >= this.run.last ? 0 : this.moment, began = performance.now();
    const speed = Math.max(this.run.last / 6000, Math.min(this.run.last / 2000, 1 / 150));  // Per ms
    const next = (now) => {
      const moment = from + (now - began) * speed;
      this.show(Math.min(moment, this.run.last));
      if (moment >= this.run.last) this.pause();
      else this.playing = requestAnimationFrame(next);
    };
    this.playing = requestAnimationFrame(next);
  }

  pause() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.button.textContent = "\u25b6";
    this.button.setAttribute("aria-label", "play");
  }

  show(moment) {
    this.moment = moment;
    this.draw();
  }

  draw() {
    if (!this.run) return;
    const nearest = Math.round(this.moment), epoch = this.run.epochs[nearest];
    this.slider.value = nearest;
    this.epoch.textContent = `epoch ${epoch} of ${this.run.epochs[this.run.last]}`;
    this.parts[0].draw(this.moment);
    this.parts[1].draw(epoch);
    paintOutput(this.surface, this.run.at(this.run.output, this.moment));
    this.table.replaceChildren(
      html("tr", {}, ...["x1", "x2", "probability", "class", ""].map((name) => html("th", {}, name))),
      ...CORNERS.map(([x1, x2]) => this.row(x1, x2)));
    if (this.told) this.readout.textContent = this.told(this.moment);
  }

  row(x1, x2) {
    const y = this.run.probability(this.moment, x1, x2), said = y > 0.5 ? 1 : 0;
    const cells = [x1, x2, figure(y, 5), said, said === (x1 ^ x2) ? "\u2713" : "\u2717"];
    return html("tr", {}, ...cells.map((cell) => html("td", {}, `${cell}`)));
  }
}

function remember(settings) {
  const url = new URL(location);
  for (const [name, value] of Object.entries(settings)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(history.state, "", url);
}

export default {
  render({model, el}) {
    const page = new Page(model, el.appendChild(html("div")));
    const on = (name, use) => {
      const changed = () => use(model.get(name));
      model.on(`change:${name}`, changed);
      return () => model.off(`change:${name}`, changed);
    };
    const ends = [
      on("drawing", (run) => page.take(new Run(run))),
      on("status", () => page.status()),
      on("luck", () => page.status()),
      on("address", remember),
    ];
    if (model.get("drawing").epochs) page.take(new Run(model.get("drawing")));
    remember(model.get("address"));
    page.status();
    return () => { page.pause(); ends.forEach((end) => end()); };
  },
};
