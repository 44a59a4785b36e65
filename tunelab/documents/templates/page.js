// Sorting, searching and drawing for pages made by tunelab/documents/html.py. No network; every figure's data is in the page.
"use strict";

function sortTable(header) {
  const table = header.closest("table"), body = table.tBodies[0], column = header.cellIndex;
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = (a, b) => {
    const x = Number(key(a)), y = Number(key(b));
    const both = key(a) !== "" && key(b) !== "" && !Number.isNaN(x) && !Number.isNaN(y);
    return both ? x - y : key(a).localeCompare(key(b), "ko");
  };
  const filled = [...body.rows].filter((row) => key(row) !== ""), empty = [...body.rows].filter((row) => key(row) === "");
  filled.sort((a, b) => (ascending ? compare(a, b) : compare(b, a)));
  body.append(...filled, ...empty); // cells without a value stay last either way
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function filterItems(input) {
  const words = input.value.toLowerCase().normalize("NFC").split(/\s+/).filter(Boolean);
  const root = document.getElementById(input.dataset.filter);
  let shown = 0;
  for (const item of root.querySelectorAll("[data-item]")) {
    const group = item.closest("details")?.querySelector("summary")?.textContent ?? "";
    const text = (item.textContent + " " + group).toLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
    shown += item.hidden ? 0 : 1;
  }
  for (const group of root.querySelectorAll("details")) {
    const items = [...group.querySelectorAll("[data-item]")];
    group.hidden = items.length > 0 && items.every((item) => item.hidden);
    if (words.length) group.open = !group.hidden;
  }
  const count = document.getElementById(input.dataset.filter + "-count");
  if (count) count.textContent = words.length ? `${count.dataset.found}: ${shown}` : "";
}

const ON_DARK = { "#0072b2": "#2f8fd6", "#8c6bb1": "#b094d6" }; // those of the palette that are too dim on a dark page

function coloured(text) {
  if (!matchMedia("(prefers-color-scheme: dark)").matches) return text;
  return Object.entries(ON_DARK).reduce((found, [dim, bright]) => found.replaceAll(dim, bright), text);
}

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  const copy = structuredClone(layout);
  copy.font = { ...copy.font, color: ink };
  copy.paper_bgcolor = copy.plot_bgcolor = "rgba(0,0,0,0)";
  copy.modebar = { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink };
  // on a phone a legend at the side goes under the figure, where it takes no width
  if (innerWidth < 640 && copy.legend?.orientation !== "h") copy.legend = { ...copy.legend, orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" };
  for (const name of Object.keys(copy)) {
    if (/^[xy]axis\d*$/.test(name)) copy[name] = { ...copy[name], gridcolor: line, zerolinecolor: line, linecolor: line };
  }
  return copy;
}

function drawFigures() {
  // where nothing hovers, the toolbar would always cover a part of the figure
  const toolbar = matchMedia("(hover: none)").matches ? false : "hover";
  const options = { responsive: true, displaylogo: false, displayModeBar: toolbar };
  for (const holder of document.querySelectorAll(".plot")) {
    const figure = JSON.parse(coloured(document.getElementById(holder.id + "-data").textContent));
    Plotly.react(holder, figure.data, themed(figure.layout), options);
  }
}

async function loadPlotly() {
  const packed = document.getElementById("plotly-gz");
  if (!packed) return;
  try {
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    drawFigures();
  } catch (error) {
    for (const holder of document.querySelectorAll(".plot")) {
      holder.style.height = "auto";
      holder.textContent = packed.dataset.failed.replace("REASON", () => error.message);
    }
    return;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawFigures);
  // a figure inside a closed <details> has no width until it opens
  document.addEventListener("toggle", (event) => {
    for (const holder of event.target.querySelectorAll?.(".plot") ?? []) Plotly.Plots.resize(holder);
  }, true);
}

document.addEventListener("click", (event) => {
  const header = event.target.closest?.("th[data-sort]");
  if (header) sortTable(header);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("th[data-sort]")) sortTable(event.target);
});
document.addEventListener("input", (event) => {
  if (event.target.dataset?.filter) filterItems(event.target);
});
loadPlotly();
