// Draws a run at any of its epochs, without asking the server.

const PALETTE = [
  [19, 75, 133], [47, 120, 179], [93, 162, 203], [157, 202, 225], [210, 229, 239], [242, 240, 235],
  [252, 224, 186], [251, 191, 116], [232, 147, 47], [197, 105, 13], [153, 74, 7],
];
const GREY = [128, 128, 128];  // Not a number
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

// What make_drawing returned. A moment is the number of a drawn epoch, or a blend of two of them.
class Drawing {
  constructor(data) {
    Object.assign(this, data);
    const floats = ({buffer, byteOffset, byteLength}) => (
      new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))
    );
    this.predictions = floats(data.predictions);
    this.kernels = data.kernels.map(floats);
    this.biases = data.biases.map(floats);
    this.pictures = data.pictures.map(({buffer, byteOffset, byteLength}) => (
      Float32Array.from(new Int8Array(buffer, byteOffset, byteLength), (n) => n === -128 ? NaN : n)
    ));
    this.last = this.epochs.length - 1;
    this.points = Math.sqrt(this.predictions.length / this.epochs.length);  // On each axis
    this.unitPoints = Math.sqrt(this.pictures[0].length / this.epochs.length / 2);
    this.drawn = this.biases.map((biases) => biases.length / this.epochs.length);
    this.drawn.unshift(2);
  }

  // The part of an array at a moment, as a function of the index.
  at(array, moment) {
    const length = array.length / this.epochs.length;
    const before = Math.floor(moment), after = Math.ceil(moment), share = moment - before;
    return (n) => array[before * length + n] * (1 - share) + array[after * length + n] * share;
  }

  predict(moment, x1, x2) {
    const row = Math.round((1 - x2) * (this.points - 1)), column = Math.round(x1 * (this.points - 1));
    return this.at(this.predictions, moment)(row * this.points + column);
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
function paintOutput(canvas, points, value) {
  const grid = Float64Array.from({length: points * points}, (_, n) => value(n));
  const values = new Float64Array(SIZE * SIZE), step = (points - 1) / (SIZE - 1);
  for (let row = 0; row < SIZE; row++) {
    const top = Math.min(Math.floor(row * step), points - 2), down = row * step - top;
    for (let column = 0; column < SIZE; column++) {
      const left = Math.min(Math.floor(column * step), points - 2), right = column * step - left;
      const n = top * points + left;
      const above = grid[n] * (1 - right) + grid[n + 1] * right;
      const below = grid[n + points] * (1 - right) + grid[n + points + 1] * right;
      values[row * SIZE + column] = above * (1 - down) + below * down;
    }
  }
  const crosses = (n) => n > SIZE && n % SIZE
    && (values[n] > 0.5 !== values[n - 1] > 0.5 || values[n] > 0.5 !== values[n - SIZE] > 0.5);
  const dash = (n) => (Math.floor(n / SIZE) + n % SIZE) % 9 < 6;
  paint(canvas, SIZE, (n) => crosses(n) && dash(n) ? BLACK : pixelOf(values[n]));
}

function paintUnit(canvas, points, value, unit) {
  paint(canvas, points, (n) => pixelOf(0.5 + value(unit * points * points + n) / 254));
}

// The network: a picture per unit, a line per weight, a square per bias.
class Network {
  constructor(drawing, tell) {
    this.drawing = drawing;
    const {drawn, units} = drawing, tallest = Math.max(...drawn);
    this.width = 100 * drawn.length;
    this.height = Math.max(240, 34 * tallest);
    this.lines = svg("svg", {viewBox: `0 0 ${this.width} ${this.height}`, preserveAspectRatio: "none"});
    this.element = html("div", {class: "network", style: `--height: ${this.height}px`}, this.lines);
    this.edges = drawing.kernels.flatMap((_, layer) => this.edgesAfter(layer, tell));
    this.units = drawn.flatMap((count, layer) => (
      Array.from({length: count}, (_, unit) => this.unit(layer, unit, tell))
    ));
    units.forEach((count, layer) => {
      if (count > drawn[layer]) {
        this.element.append(html("small", {class: "more", style: this.left(layer)}, `and ${count - drawn[layer]} more`));
      }
    });
  }

  x(layer) { return (layer + 0.5) * this.width / this.drawing.drawn.length; }

  left(layer) { return `left: ${this.x(layer) / this.width * 100}%`; }

  y(layer, unit) { return (unit + 0.5) * this.height / this.drawing.drawn[layer]; }

  name(layer, unit) {
    const layers = this.drawing.units.length;
    if (layer === 0) return `x${unit + 1}`;
    if (layer === layers - 1) return "y";
    return layers > 3 ? `unit ${unit + 1} of layer ${layer}` : `hidden unit ${unit + 1}`;
  }

  edgesAfter(layer, tell) {
    const [inputs, outputs] = this.drawing.drawn.slice(layer, layer + 2);
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
    const style = `${this.left(layer)}; top: ${this.y(layer, unit)}px`;
    const {unitPoints, drawn} = this.drawing, name = this.name(layer, unit);
    const canvas = html("canvas", {width: unitPoints, height: unitPoints});
    const bias = html("i", {class: "bias"});
    const element = html("div", {class: "unit", style, tabindex: 0, role: "img", "aria-label": name}, canvas);
    if (layer) element.append(bias);
    if (layer === 0 || layer === drawn.length - 1) element.append(html("b", {}, name));
    tell(element, (moment) => this.described(layer, unit, moment));
    this.element.append(element);
    return {canvas, bias, layer, unit};
  }

  weight(layer, moment) { return this.drawing.at(this.drawing.kernels[layer], moment); }

  bias(layer, moment) { return this.drawing.at(this.drawing.biases[layer - 1], moment); }

  described(layer, unit, moment) {
    const name = this.name(layer, unit);
    if (!layer) return `input ${name}`;
    const [inputs, outputs] = this.drawing.drawn.slice(layer - 1, layer + 1);
    const weights = Array.from({length: inputs}, (_, from) => (
      `${this.name(layer - 1, from)} ${figure(this.weight(layer - 1, moment)(from * outputs + unit))}`
    ));
    return `${name}: bias ${figure(this.bias(layer, moment)(unit))}, weights from ${weights.join(", ")}`;
  }

  draw(moment) {
    const weights = this.drawing.kernels.map((_, layer) => this.weight(layer, moment));
    for (const {line, layer, n} of this.edges) {
      const value = weights[layer](n);
      line.style.stroke = css(signed(value));
      line.style.strokeWidth = `${Math.min(0.4 + 1.3 * Math.abs(value), 7) || 1}px`;
    }
    const pictures = this.drawing.pictures.map((picture) => this.drawing.at(picture, moment));
    const biases = pictures.map((_, layer) => layer && this.bias(layer, moment));
    for (const {canvas, bias, layer, unit} of this.units) {
      paintUnit(canvas, this.drawing.unitPoints, pictures[layer], unit);
      if (layer) bias.style.background = css(signed(biases[layer](unit)));
    }
  }
}

// The share of a weight: its sign is seen even if it is small.
const signed = (value) => 0.5 + Math.sign(value) * (0.2 + 0.25 * Math.min(Math.abs(value) / 3, 1));

// Loss and accuracy by epoch, with a line at the epoch that is shown.
class Curve {
  constructor(drawing) {
    this.drawing = drawing;
    const {loss, accuracy, epochs: drawn} = drawing;
    const [width, height, epochs] = [250, 96, drawn.at(-1)];
    this.x = (epoch) => 4 + epoch / Math.max(epochs, 1) * (width - 8);
    const most = Math.max(...loss, 1e-9);
    const path = (values, most) => values.map((value, n) => (
      value === null ? "" : `${n && values[n - 1] !== null ? "L" : "M"}${this.x(n + 1)} ${height - 4 - value / most * (height - 8)}`
    )).join("");
    this.now = svg("line", {y1: 0, y2: height, class: "now"});
    const points = loss.length === 1 ? "point" : "";
    this.element = html("figure", {class: "curve"},
      svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Loss and accuracy by epoch"},
        this.now,
        svg("path", {d: path(accuracy, 1), class: `accuracy ${points}`}),
        svg("path", {d: path(loss, most), class: `loss ${points}`})),
      this.caption = html("figcaption"));
  }

  draw(epoch) {
    this.now.setAttribute("x1", this.x(epoch));
    this.now.setAttribute("x2", this.x(epoch));
    const text = (name) => epoch ? `${name} ${short(this.drawing[name][epoch - 1])}` : name;
    const [loss, accuracy] = ["loss", "accuracy"].map((name) => html("span", {class: name}, text(name)));
    this.caption.replaceChildren(loss, ", ", accuracy, epoch ? ` in epoch ${epoch}` : " before epoch 1");
  }
}

class View {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.moment = Infinity;
    this.outcome = html("p", {class: "outcome", role: "status"});
    this.luck = html("p", {class: "luck", role: "status"});
    this.button = html("button", {type: "button"});
    this.slider = html("input", {type: "range", min: 0, step: 1, "aria-label": "epoch"});
    this.epoch = html("output");
    this.readout = html("p", {class: "readout"});
    this.place = html("div", {class: "place"});
    this.curvePlace = html("div");
    const columns = ["x1", "x2", "prediction", "class", ""].map((name) => html("th", {}, name));
    this.rows = html("tbody");
    const table = html("table", {}, html("thead", {}, html("tr", {}, ...columns)), this.rows);
    this.surface = html("canvas", {width: SIZE, height: SIZE, class: "surface", role: "img",
      "aria-label": "The prediction: blue below 0.5, orange above"});
    this.button.onclick = () => this.playing ? this.pause() : this.play();
    this.slider.oninput = () => { this.pause(); this.show(this.slider.valueAsNumber); };
    this.tell(this.surface, (moment, event) => this.underPointer(moment, event));
    element.classList.add("xor");
    element.append(
      this.outcome,
      html("div", {class: "player"}, this.button, this.slider, this.epoch),
      html("div", {class: "panes"}, this.place,
        html("div", {class: "square"}, this.surface, ...this.marks()),
        html("div", {class: "side"}, table, this.curvePlace)),
      this.luck, this.readout);
    this.button.disabled = this.slider.disabled = true;
    this.pause();
  }

  // The names and ends of the axes, and the points of the truth table.
  marks() {
    const names = [
      ["x1", [0.5, -1]], ["0", [0, -1]], ["1", [1, -1]], ["x2", [-1, 0.5]], ["0", [-1, 0]], ["1", [-1, 1]],
    ];
    const at = ([x, y]) => (
      `left: ${x < 0 ? "0.5em" : `calc(1.5em + ${x * SIZE}px)`}; top: ${y < 0 ? `calc(${SIZE}px + 0.9em)` : `${(1 - y) * SIZE}px`}`
    );
    return [
      ...names.map(([name, place]) => html("span", {style: at(place)}, name)),
      ...CORNERS.map((corner) => html("span", {style: at(corner), class: "dot"})),
    ];
  }

  // Tells what an element is, while the pointer or the focus is on it. A touch leaves its text.
  tell(element, textAt) {
    const start = (event) => {
      this.told = (moment) => textAt(moment, event);
      this.toldOf = element;
      this.readout.textContent = this.told(this.moment);
    };
    const end = (event) => {
      if (event.pointerType === "touch" || this.toldOf !== element) return;
      this.told = null;
      this.readout.textContent = "";
    };
    const canFocus = element.hasAttribute("tabindex");  // Chromium would let a listener do so.
    const starts = ["pointerdown", "pointermove", "pointerenter", ...canFocus ? ["focus"] : []];
    for (const name of starts) element.addEventListener(name, start);
    for (const name of ["pointerleave", ...canFocus ? ["blur"] : []]) element.addEventListener(name, end);
  }

  underPointer(moment, event) {
    const place = this.surface.getBoundingClientRect(), steps = this.drawing.points - 1;
    const onGrid = (share) => Math.round(Math.min(Math.max(share, 0), 1) * steps) / steps;
    const x1 = onGrid((event.clientX - place.left) / place.width);
    const x2 = onGrid(1 - (event.clientY - place.top) / place.height);
    const y = this.drawing.predict(moment, x1, x2);
    return `x1 ${x1.toFixed(3)}, x2 ${x2.toFixed(3)}: prediction ${figure(y, 5)}`;
  }

  // Draws a new run, at the epoch that was shown of the one before, or at its end.
  take(drawing) {
    const before = this.drawing, wasAtEnd = !before || this.moment >= before.last;
    const epoch = before?.epochs[Math.round(Math.min(this.moment, before.last))];
    this.drawing = drawing;
    if (`${before?.units}` === `${drawing.units}`) {
      this.network.drawing = drawing;
    } else {
      this.network = new Network(drawing, (...what) => this.tell(...what));
      this.place.replaceChildren(this.network.element);
      this.told = null;
      this.readout.textContent = "";
    }
    this.curve = new Curve(drawing);
    this.curvePlace.replaceChildren(this.curve.element);
    this.slider.max = drawing.last;
    this.button.disabled = this.slider.disabled = false;
    if (this.playing) this.moment = Math.min(this.moment, drawing.last);
    else this.moment = wasAtEnd ? drawing.last : drawing.epochs.findLastIndex((drawn) => drawn <= epoch);
    this.draw();
    this.report();
  }

  report() {
    const [status, problem, luck] = ["status", "problem", "luck"].map((name) => this.model.get(name));
    const outcome = this.model.get("drawing").outcome || "Training ...";
    this.outcome.textContent = problem ? `${problem} Until then, this is the run before.` : status || outcome;
    this.outcome.classList.toggle("busy", Boolean(status));
    this.element.classList.toggle("problem", Boolean(problem));
    this.luck.ariaBusy = luck.endsWith("%");  // Else each percentage would be read aloud.
    this.luck.textContent = luck;
  }

  // An epoch takes 150 ms, but all of them take 2 to 6 s.
  play() {
    this.label("\u275a\u275a", "pause");
    if (this.moment >= this.drawing.last) this.moment = 0;
    let before = performance.now();
    const next = (now) => {
      const {last} = this.drawing, duration = Math.min(Math.max(150 * last, 2000), 6000);
      this.show(Math.min(this.moment + Math.max(now - before, 0) / duration * last, last));
      before = now;
      if (this.moment >= last) this.pause();
      else this.playing = requestAnimationFrame(next);
    };
    this.playing = requestAnimationFrame(next);
  }

  pause() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.label("\u25b6", "play");
  }

  label(sign, name) {
    this.button.textContent = sign;
    this.button.setAttribute("aria-label", name);
  }

  show(moment) {
    this.moment = moment;
    this.draw();
  }

  draw() {
    const {drawing, moment} = this, nearest = Math.round(moment), epoch = drawing.epochs[nearest];
    this.slider.value = nearest;
    this.epoch.textContent = `epoch ${epoch} of ${drawing.epochs[drawing.last]}`;
    this.network.draw(moment);
    this.curve.draw(epoch);
    paintOutput(this.surface, drawing.points, drawing.at(drawing.predictions, moment));
    this.rows.replaceChildren(...CORNERS.map(([x1, x2]) => this.row(x1, x2)));
    if (this.told) this.readout.textContent = this.told(moment);
  }

  row(x1, x2) {
    const y = this.drawing.predict(this.moment, x1, x2), predicted = y > 0.5 ? 1 : 0;
    const right = predicted === Number(this.drawing.labels[2 * x1 + x2]);
    const cells = [x1, x2, figure(y, 5), predicted, right ? "\u2713" : "\u2717"];
    return html("tr", {}, ...cells.map((cell) => html("td", {}, `${cell}`)));
  }
}

// Writes the settings into the address, when they have rested: Safari allows 100 changes in 30 s.
let writing;
function remember(settings) {
  clearTimeout(writing);
  writing = setTimeout(() => {
    const url = new URL(location);
    for (const [name, value] of Object.entries(settings)) {
      if (value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    history.replaceState(history.state, "", url);
  }, 300);
}

export default {
  render({model, el}) {
    const view = new View(model, el.appendChild(html("div")));
    const on = (name, use) => {
      const changed = () => use(model.get(name));
      model.on(`change:${name}`, changed);
      return () => model.off(`change:${name}`, changed);
    };
    const ends = [
      on("drawing", (data) => view.take(new Drawing(data))),
      ...["status", "problem", "luck"].map((name) => on(name, () => view.report())),
      on("address", remember),
    ];
    if (model.get("drawing").epochs) view.take(new Drawing(model.get("drawing")));
    remember(model.get("address"));
    view.report();
    return () => { view.pause(); ends.forEach((end) => end()); };
  },
};
