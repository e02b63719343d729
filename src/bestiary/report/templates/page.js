"use strict";
// Draws every figure from the data in the page, in the colours of the page, and nothing else.
const root = document.documentElement;
const darkMode = matchMedia("(prefers-color-scheme: dark)");
const shown = (id) => document.getElementById(id);
const PRINTED = 310; // CSS pixels, two beside each other on A4 and on letter paper
let plots = {};

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(shown(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

function themed() {
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: colour("--grid"), linecolor: colour("--line"), color: colour("--soft") };
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    "font.color": colour("--soft"),
    "font.family": style.getPropertyValue("--sans"),
    "font.size": 12,
    "hoverlabel.bgcolor": colour("--card"),
    "hoverlabel.bordercolor": colour("--line"),
    "hoverlabel.font.color": colour("--ink"),
  };
  for (const name of ["xaxis", "yaxis"]) {
    for (const key in axis) layout[`${name}.${key}`] = axis[key];
  }
  return layout;
}

// A plot follows its frame whatever changes it: the window, the print layout, a rotated phone.
const fitted = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const drawn = target._fullLayout;
    if (drawn && contentRect.width > 0 && Math.abs(drawn.width - contentRect.width) > 1) {
      Plotly.Plots.resize(target);
    }
  }
});

async function draw() {
  const library = document.createElement("script");
  library.textContent = await unpacked("plotly");
  document.head.append(library);
  plots = JSON.parse(await unpacked("plots"));
  for (const [id, figure] of Object.entries(plots)) {
    await Plotly.newPlot(id, figure.data, figure.layout, { displayModeBar: false });
    await Plotly.relayout(id, themed());
    fitted.observe(shown(id));
  }
  root.dataset.drawn = Object.keys(plots).length;
}

function recolour() {
  const layout = themed();
  for (const id in plots) Plotly.relayout(id, layout);
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : darkMode.matches;
}

shown("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  recolour();
});
darkMode.addEventListener("change", recolour);

// Paper is white and its panels have a width that no observer reports in time.
const onScreen = {};
addEventListener("beforeprint", () => {
  onScreen.theme = root.dataset.theme;
  root.dataset.theme = "light";
  const layout = { ...themed(), width: PRINTED };
  for (const id in plots) Plotly.relayout(id, layout);
});
addEventListener("afterprint", () => {
  if (onScreen.theme) root.dataset.theme = onScreen.theme;
  else delete root.dataset.theme;
  const layout = { ...themed(), width: null, autosize: true };
  for (const id in plots) Plotly.relayout(id, layout);
});

const buttons = [...document.querySelectorAll("[data-optimizer]")];
const isPressed = (button) => button.getAttribute("aria-pressed") === "true";

function press(some, pressed) {
  for (const button of some) button.setAttribute("aria-pressed", pressed);
  const seen = Object.fromEntries(buttons.map((one) => [one.dataset.optimizer, isPressed(one)]));
  for (const [id, figure] of Object.entries(plots)) {
    const visible = figure.data.map((trace) => seen[trace.meta] ?? true);
    const names = figure.layout.annotations ?? [];
    const annotations = names.map((one) => ({ ...one, visible: seen[one.name] ?? true }));
    Plotly.update(id, { visible }, { annotations });
  }
}

for (const button of buttons) {
  button.addEventListener("click", () => press([button], !isPressed(button)));
}
shown("every")?.addEventListener("click", () => press(buttons, !buttons.some(isPressed)));

// A table that is wider than its frame says so; not before the next frame, as that changes sizes.
const widths = new ResizeObserver((entries) => requestAnimationFrame(() => {
  for (const { target } of entries) {
    target.toggleAttribute("data-wider", target.scrollWidth > target.clientWidth + 1);
  }
}));
for (const one of document.querySelectorAll(".scroll")) widths.observe(one);

const record = shown("record").textContent;
shown("download").href = URL.createObjectURL(new Blob([record], { type: "application/json" }));
draw();
