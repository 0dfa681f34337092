// Draws a run at any of its epochs, without asking the server.

const PALETTE = [
  [19, 75, 133], [47, 120, 179], [93, 162, 203], [157, 202, 225], [210, 229, 239], [242, 240, 235],
  [252, 224, 186], [251, 191, 116], [232, 147, 47], [197, 105, 13], [153, 74, 7],
];
const GREY = [128, 128, 128];  // Not a number
const SIZE = 320;  // Of the picture of the output, in pixels
const CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]];

function color(share) {
  if (Number.isNaN(share)) return GREY;
  const place = Math.min(Math.max(share, 0), 1) * (PALETTE.length - 1);
  const low = Math.min(Math.floor(place), PALETTE.length - 2);
  return PALETTE[low].map((value, n) => value + (place - low) * (PALETTE[low + 1][n] - value));
}

const pixel = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
const PIXELS = Uint32Array.from({length: 256}, (_, n) => pixel(color(n / 255)));
const BLACK = pixel([0, 0, 0]), NAN = pixel(GREY);
const CLASSES = ["rgb(31 95 159)", "rgb(186 93 8)"];  // The colours of 0 and 1
const pixelOf = (share) => Number.isNaN(share) ? NAN : PIXELS[Math.round(255 * share)];

function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children = []) {
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
    for (const name of ["predictions", "hidden", "borders"]) this[name] = floats(data[name]);
    for (const name of ["kernels", "biases"]) this[name] = data[name].map(floats);
    this.pictures = data.pictures.map(({buffer, byteOffset, byteLength}) => (
      Float32Array.from(new Int8Array(buffer, byteOffset, byteLength), (n) => n === -128 ? NaN : n)
    ));
    this.last = this.epochs.length - 1;
    this.points = Math.sqrt(this.predictions.length / this.epochs.length);  // On each axis
    this.unitPoints = Math.sqrt(this.pictures[0].length / this.epochs.length / 2);
    this.drawn = [2, ...this.biases.map((biases) => biases.length / this.epochs.length)];
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

// Paints the grid of an output; a line shows where it is 0.5, with dashes along its direction.
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
  const rises = (n) => (values[n] - values[n - 1]) * (values[n] - values[n - SIZE]) > 0;
  const dash = (n) => (Math.floor(n / SIZE) + (rises(n) ? SIZE - n % SIZE : n % SIZE)) % 14 < 9;
  paint(canvas, SIZE, (n) => crosses(n) && dash(n) ? BLACK : pixelOf(values[n]));
}

// The network: a picture per unit, a line per weight, a square per bias.
class Network {
  constructor(drawing, tell) {
    this.drawing = drawing;
    const {drawn, units} = drawing;
    this.width = 100 * drawn.length;
    this.height = Math.max(240, 34 * Math.max(...drawn));
    this.lines = svg("svg", {viewBox: `0 0 ${this.width} ${this.height}`, preserveAspectRatio: "none"});
    this.element = html("div", {class: "network", role: "group", style: `--height: ${this.height}px`,
      "aria-label": "The network: arrow keys go from unit to unit"}, this.lines);
    this.edges = drawing.kernels.flatMap((_, layer) => this.edgesAfter(layer, tell));
    const unitsOf = (count, layer) => Array.from({length: count}, (_, unit) => this.unit(layer, unit, tell));
    this.units = drawn.flatMap(unitsOf);
    this.units.at(-1).element.tabIndex = 0;
    this.element.addEventListener("keydown", (event) => this.move(event));
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
    const style = `${this.left(layer)}; top: ${this.y(layer, unit) / this.height * 100}%`;
    const {unitPoints, drawn} = this.drawing, name = this.name(layer, unit);
    const canvas = html("canvas", {width: unitPoints, height: unitPoints});
    const bias = html("i", {class: "bias"});
    const element = html("div", {class: "unit", style, tabindex: -1, role: "img", "aria-label": name,
      "aria-describedby": "readout"}, canvas, layer ? bias : "");
    if (layer === 0 || layer === drawn.length - 1) element.append(html("b", {}, name));
    tell(element, (moment) => this.described(layer, unit, moment), layer === 1 ? unit : null);
    this.element.append(element);
    return {element, canvas, bias, layer, unit};
  }

  // One unit is a tab stop; arrow keys go to the next one in its layer, or to the next layer.
  move(event) {
    const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    const from = this.units.find(({element}) => element === event.target), step = steps[event.key];
    if (!from || !step) return;
    event.preventDefault();
    const layer = from.layer + step[0];
    const unit = Math.min(from.unit + step[1], this.drawing.drawn[layer] - 1);
    const to = this.units.find((other) => other.layer === layer && other.unit === unit) ?? from;
    from.element.tabIndex = -1;
    to.element.tabIndex = 0;
    to.element.focus();
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
      line.classList.toggle("negative", value < 0);
      line.style.strokeWidth = `${Math.min(0.4 + 1.3 * Math.abs(value), 7) || 1}px`;
    }
    const size = this.drawing.unitPoints;
    const pictures = this.drawing.pictures.map((picture) => this.drawing.at(picture, moment));
    const biases = pictures.map((_, layer) => layer && this.bias(layer, moment));
    for (const {canvas, bias, layer, unit} of this.units) {
      paint(canvas, size, (n) => pixelOf(0.5 + pictures[layer](unit * size * size + n) / 254));
      if (layer) bias.classList.toggle("negative", biases[layer](unit) < 0);
    }
  }
}

// Draws the line a * x + b * y + c = 0 within a square of 240, if it goes through.
function drawLine(line, a, b, c) {
  const sides = [0, 240].flatMap((end) => [[end, -(a * end + c) / b], [-(b * end + c) / a, end]]);
  const ends = sides.filter((point) => point.every((place) => place >= 0 && place <= 240));
  const [first, last] = [ends[0], ends.find(([x, y]) => x !== ends[0][0] || y !== ends[0][1])];
  line.style.display = last ? "" : "none";
  if (last) fill(line, {x1: first[0], y1: first[1], x2: last[0], y2: last[1]});
  return line;
}

const makeText = ([text, x, y]) => svg("text", {x, y, "text-anchor": "middle"}, text);

// What lies on the square: the axes, the four points, and the lines of units of the first layer,
// where their sums are 0: of up to three, or of the one that is told.
class Overlay {
  constructor() {
    const names = [
      ["x1", 120, 257], ["0", 0, 257], ["1", 240, 257], ["x2", -14, 124], ["0", -14, 245], ["1", -14, 5],
    ];
    this.dots = CORNERS.map(([x1, x2]) => svg("circle", {class: "corner", cx: 240 * x1, cy: 240 * (1 - x2), r: 7}));
    this.lines = svg("g");
    this.element = svg("svg", {viewBox: "0 0 240 240", "aria-hidden": true}, this.lines, ...this.dots, ...names.map(makeText));
  }

  draw(drawing, moment, told) {
    const [kernel, bias] = [drawing.kernels, drawing.biases].map(([first]) => drawing.at(first, moment));
    const units = drawing.drawn[1];
    const shown = units > 3 ? [told].filter((unit) => unit !== null) : [...Array(units).keys()];
    this.lines.replaceChildren(...shown.map((unit) => {
      const line = svg("line", {class: unit === told ? "told" : ""}), b = kernel(units + unit);
      return drawLine(line, kernel(unit), -b, 240 * (b + bias(unit)));
    }));
    this.dots.forEach((dot, n) => dot.setAttribute("fill", CLASSES[drawing.labels[n]]));
  }
}

// What the last hidden layer makes of the square, and the line on which the prediction is 0.5.
class HiddenSpace {
  constructor() {
    this.grid = svg("path", {class: "grid"});
    this.border = svg("line", {class: "border"});
    this.dots = CORNERS.map(() => svg("circle", {class: "corner"}));
    this.names = CORNERS.map(() => makeText(["", 0, 0]));
    this.all = svg("g", {}, this.grid, this.border, ...this.dots, ...this.names);
    this.element = html("figure", {class: "hiddenspace"},
      svg("svg", {viewBox: "0 0 240 240", role: "img", "aria-label": "What the hidden units see"}, this.all),
      this.caption = html("figcaption"));
  }

  draw(drawing, moment) {
    const size = drawing.unitPoints, units = drawing.units.at(-2);
    const [hidden, border] = [drawing.hidden, drawing.borders].map((array) => drawing.at(array, moment));
    const points = Array.from({length: size * size}, (_, n) => [120 + 96 * hidden(2 * n), 120 - 96 * hidden(2 * n + 1)]);
    const isFinite = points[0].every(Number.isFinite), steps = [...Array(size).keys()];
    this.caption.textContent = `The square as ${units > 1 ? `${units} hidden units see` : "the hidden unit sees"} it`;
    this.all.style.display = isFinite ? "" : "none";
    if (!isFinite) return;
    const path = (numbers) => `M${numbers.map((n) => points[n].map((x) => x.toFixed(1))).join("L")}`;
    this.grid.setAttribute("d", steps.filter((n) => n % 2 === 0).flatMap((n) => (
      [path(steps.map((m) => n * size + m)), path(steps.map((m) => m * size + n))]
    )).join(""));
    const [a, b, c] = [0, 1, 2].map(border);
    drawLine(this.border, a, -b, 96 * c - 120 * (a - b));
    const places = CORNERS.map(([x1, x2]) => points[(1 - x2) * (size - 1) * size + x1 * (size - 1)]);
    places.forEach(([x, y], n) => {
      const together = places.flatMap((other, m) => Math.hypot(x - other[0], y - other[1]) < 8 ? m : []);
      const rank = together.indexOf(n);  // Those that lie together are drawn within each other.
      fill(this.dots[n], {cx: x, cy: y, r: 9 - 2.2 * rank, fill: CLASSES[drawing.labels[n]]});
      fill(this.names[n], {x, y: y + (n % 2 ? 22 : -12)});
      this.names[n].textContent = rank ? "" : together.map((m) => CORNERS[m].join(" ")).join(", ");
    });
  }
}

// Loss and accuracy by epoch, with a line at the epoch that is shown, and the loss of the run before.
class Curve {
  constructor(drawing, before) {
    this.drawing = drawing;
    const {loss, accuracy, epochs: drawn} = drawing;
    const [width, height, epochs] = [250, 96, drawn.at(-1)];
    const ghost = (before?.loss ?? []).slice(0, epochs);
    this.x = (epoch) => 4 + epoch / Math.max(epochs, 1) * (width - 8);
    const most = Math.max(...loss, ...ghost, 1e-9);
    const path = (values, most) => values.map((value, n) => (
      value === null ? "" : `${n && values[n - 1] !== null ? "L" : "M"}${this.x(n + 1)} ${height - 4 - value / most * (height - 8)}`
    )).join("");
    this.now = svg("line", {y1: 0, y2: height, class: "now"});
    const points = loss.length === 1 ? "point" : "";
    const legend = ghost.length ? html("span", {class: "ghost"}, "the run before") : "";
    this.element = html("figure", {class: "curve"},
      html("small", {}, `loss up to ${short(most)}`, legend),
      svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Loss and accuracy by epoch"},
        this.now,
        svg("path", {d: path(ghost, most), class: "ghost"}),
        svg("path", {d: path(accuracy, 1), class: `accuracy ${points}`}),
        svg("path", {d: path(loss, most), class: `loss ${points}`})),
      this.caption = html("figcaption"));
  }

  draw(epoch) {
    this.now.setAttribute("x1", this.x(epoch));
    this.now.setAttribute("x2", this.x(epoch));
    const text = (name) => epoch ? `${name} ${short(this.drawing[name][epoch - 1])}` : name;
    const [loss, accuracy] = ["loss", "accuracy"].map((name) => html("span", {class: name}, text(name)));
    this.caption.replaceChildren(loss, ", ", accuracy);
  }
}

// The predictions at the four points, with a switch for the label of each.
class TruthTable {
  constructor(model) {
    this.labels = CORNERS.map((corner, n) => {
      const name = `label of ${corner.join(", ")}`;
      const label = html("button", {type: "button", role: "switch", "aria-label": name});
      label.onclick = () => {
        const flip = (label, m) => m === n ? 1 - label : label;
        model.set("labels", [...model.get("labels")].map(flip).join(""));
        model.save_changes();
      };
      return label;
    });
    const row = (cells, tag, options) => html("tr", {}, ...cells.map((cell) => html(tag, options, cell)));
    this.rows = CORNERS.map(([x1, x2], n) => row([x1, x2, this.labels[n], "", "", ""], "td", {}));
    const header = row(["x1", "x2", "label", "prediction", "class", "right"], "th", {scope: "col"});
    this.element = html("table", {"aria-label": "The truth table"},
      html("thead", {}, header), html("tbody", {}, ...this.rows));
  }

  draw(drawing, moment) {
    CORNERS.forEach(([x1, x2], n) => {
      const label = drawing.labels[n], y = drawing.predict(moment, x1, x2), predicted = y > 0.5 ? "1" : "0";
      fill(this.labels[n], {"aria-checked": label === "1", style: `background: ${CLASSES[label]}`});
      this.labels[n].textContent = label;
      const texts = [figure(y, 5), predicted, predicted === label ? "\u2713" : "\u2717"];
      texts.forEach((text, column) => { this.rows[n].cells[3 + column].textContent = text; });
    });
  }
}

class View {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.moment = Infinity;
    this.outcome = html("p", {class: "outcome", role: "status"});
    this.luck = html("p", {class: "luck", role: "status"});
    this.button = html("button", {type: "button", class: "play"});
    this.slider = html("input", {type: "range", min: 0, step: 1, "aria-label": "epoch"});
    this.epoch = html("span", {class: "epoch", "aria-hidden": true});
    this.readout = html("p", {class: "readout", id: "readout"});
    this.networkPlace = html("div", {class: "place"});
    this.table = new TruthTable(model);
    this.side = html("div", {class: "side"}, this.table.element);
    this.overlay = new Overlay();
    this.hidden = new HiddenSpace();
    this.surface = html("canvas", {width: SIZE, height: SIZE, class: "surface", role: "img",
      "aria-label": "The prediction: blue below 0.5, orange above"});
    this.button.onclick = () => this.playing ? this.pause() : this.play();
    this.slider.oninput = () => { this.pause(); this.show(this.slider.valueAsNumber); };
    this.tell(this.surface, (moment, event) => this.underPointer(moment, event));
    element.classList.add("xor");
    element.append(
      this.outcome,
      html("div", {class: "player"}, this.button, this.slider, this.epoch),
      html("div", {class: "panes"}, this.networkPlace,
        html("div", {class: "square"}, this.surface, this.overlay.element),
        this.hidden.element, this.side),
      this.luck, this.readout);
    this.button.disabled = this.slider.disabled = true;
    this.pause();
  }

  // Tells what an element is, while the pointer or the focus is on it. A touch leaves its text.
  tell(element, textAt, unit = null) {
    const start = (event) => {
      this.told = {element, unit, text: (moment) => textAt(moment, event)};
      this.drawTold();
    };
    const end = (event) => {
      if (event.pointerType === "touch" || this.told?.element !== element) return;
      this.told = null;
      this.drawTold();
    };
    const canFocus = element.hasAttribute("tabindex");  // Chromium would let a listener do so.
    const starts = ["pointerdown", "pointermove", "pointerenter", ...canFocus ? ["focus"] : []];
    for (const name of starts) element.addEventListener(name, start);
    for (const name of ["pointerleave", ...canFocus ? ["blur"] : []]) element.addEventListener(name, end);
  }

  drawTold() {
    this.readout.textContent = this.told?.text(this.moment) ?? "";
    this.overlay.draw(this.drawing, this.moment, this.told?.unit ?? null);
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
      this.networkPlace.replaceChildren(this.network.element);
      this.told = null;
    }
    this.curve?.element.remove();
    this.curve = new Curve(drawing, before);
    this.side.append(this.curve.element);
    this.slider.max = drawing.last;
    this.button.disabled = this.slider.disabled = false;
    const same = wasAtEnd ? drawing.last : drawing.epochs.findLastIndex((drawn) => drawn <= epoch);
    this.show(this.playing ? Math.min(this.moment, drawing.last) : same);
    this.report();
  }

  report() {
    const [status, problem, luck] = ["status", "problem", "luck"].map((name) => this.model.get(name));
    const outcome = status || this.model.get("drawing").outcome || "Training ...";
    this.outcome.textContent = problem ? `${problem} Until then, this is the run before.` : outcome;
    this.outcome.classList.toggle("busy", Boolean(status));
    this.element.classList.toggle("problem", Boolean(problem));
    this.luck.ariaBusy = luck.endsWith("%");  // Else each percentage would be read aloud.
    this.luck.textContent = luck;
  }

  // An epoch takes 150 ms, but all of them take 2 to 6 s; or 500 ms, as one still picture.
  play() {
    this.label("\u275a\u275a", "pause");
    if (this.moment >= this.drawing.last) this.moment = 0;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let before = performance.now(), {moment} = this;
    const next = (now) => {
      const {last} = this.drawing, duration = still ? 500 * last : Math.min(Math.max(150 * last, 2000), 6000);
      moment = Math.min(moment + Math.max(now - before, 0) / duration * last, last);
      before = now;
      this.show(still ? Math.floor(moment) : moment);
      if (moment >= last) this.pause();
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
    this.button.ariaLabel = name;
  }

  show(moment) {
    const {drawing} = this, nearest = Math.round(moment), epoch = drawing.epochs[nearest];
    this.moment = moment;
    this.slider.value = nearest;
    this.epoch.textContent = `epoch ${epoch} of ${drawing.epochs[drawing.last]}`;
    this.slider.setAttribute("aria-valuetext", this.epoch.textContent);
    this.network.draw(moment);
    this.curve.draw(epoch);
    this.hidden.draw(drawing, moment);
    paintOutput(this.surface, drawing.points, drawing.at(drawing.predictions, moment));
    this.table.draw(drawing, moment);
    this.drawTold();
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
    const changed = {
      drawing: () => view.take(new Drawing(model.get("drawing"))),
      address: () => remember(model.get("address")),
      ...Object.fromEntries(["status", "problem", "luck"].map((name) => [name, () => view.report()])),
    };
    for (const name in changed) model.on(`change:${name}`, changed[name]);
    if (model.get("drawing").epochs) changed.drawing();
    changed.address();
    view.report();
    return () => {
      view.pause();
      for (const name in changed) model.off(`change:${name}`, changed[name]);
    };
  },
};
