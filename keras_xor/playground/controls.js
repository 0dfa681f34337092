// The controls of the page: a slider for numbers, a list for names.

function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function makeSlider({name, options}, value, change) {
  const slider = html("input", {
    type: "range", id: name, min: 0, max: options.length - 1, "aria-describedby": `${name}-meaning`,
  });
  const text = html("span", {class: "value", "aria-hidden": true});
  const show = () => {
    text.textContent = options[slider.value];
    slider.setAttribute("aria-valuetext", text.textContent);  // Else the number of the step is read.
  };
  slider.value = options.indexOf(value);
  slider.oninput = () => {
    show();
    change(options[slider.value]);
  };
  show();
  return [slider, text];
}

function makeList({name, options}, value, change) {
  const list = html("select", {id: name, "aria-describedby": `${name}-meaning`},
    ...options.map((option) => html("option", {}, option)));
  list.value = value;
  list.onchange = () => change(list.value);
  return [list];
}

export default {
  render({model, el}) {
    const values = {...model.get("values")};
    const make = (control) => {
      const {name, label, meaning, options} = control;
      const change = (value) => {
        values[name] = value;
        model.set("values", {...values});
        model.save_changes();
      };
      const parts = (typeof options[0] === "number" ? makeSlider : makeList)(control, values[name], change);
      return html("div", {class: "control"},
        html("label", {for: name}, label), html("div", {class: "parts"}, ...parts),
        html("small", {id: `${name}-meaning`}, meaning));
    };
    const all = model.get("controls").map(make);
    const details = html("details", {}, html("summary", {}, "More settings"),
      html("div", {class: "controls"}, ...all.slice(4)));
    details.open = model.get("is_open");
    el.append(html("div", {class: "controls first"}, ...all.slice(0, 4)), details);
  },
};
