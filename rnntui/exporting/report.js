"use strict";

// Values of a chart's curves at the pointer, or at the position that the arrow keys move.
function formatNumber(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(6)));
}

function formatPosition(value, chart) {
  if (chart.unit !== "seconds") return chart.axis + " " + Math.round(value).toLocaleString("en");
  const seconds = Math.round(value);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return chart.axis + " " + parts.map((part) => String(part).padStart(2, "0")).join(":");
}

function nearest(positions, left) {
  let low = 0, high = positions.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (positions[middle] < left) low = middle; else high = middle;
  }
  return left - positions[low] <= positions[high] - left ? low : high;
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function showValues(figure) {
  const chart = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector("svg"), tip = figure.querySelector(".tip");
  const [, , width] = svg.getAttribute("viewBox").split(" ").map(Number);
  const marks = element("g", {});
  svg.append(marks);
  let at = chart.right;

  function show(left) {
    at = Math.min(Math.max(left, chart.left), chart.right);
    const filled = chart.curves.filter((curve) => curve.left.length);
    if (!filled.length) return;
    const places = filled.map((curve) => nearest(curve.left, at));
    const closest = filled
      .map((curve, index) => ({ left: curve.left[places[index]], x: curve.x[places[index]] }))
      .reduce((a, b) => (Math.abs(b.left - at) < Math.abs(a.left - at) ? b : a));
    marks.replaceChildren(
      element("path", { d: `M${closest.left} ${chart.top}V${chart.bottom}`, stroke: "var(--muted)", "stroke-dasharray": "3 3" }),
    );
    tip.replaceChildren();
    const heading = document.createElement("div");
    heading.textContent = formatPosition(closest.x, chart);
    tip.append(heading);
    filled.forEach((curve, index) => {
      const place = places[index], colour = `var(--curve-${curve.colour % 8})`;
      marks.append(element("circle", { cx: curve.left[place], cy: curve.top[place], r: 4, fill: colour }));
      const row = document.createElement("div");
      row.style.color = colour;
      row.textContent = `${curve.name} ${formatNumber(curve.y[place])}`;
      tip.append(row);
    });
    tip.classList.add("shown");
    const scale = svg.getBoundingClientRect().width / width;
    const isRight = closest.left > (chart.left + chart.right) / 2;
    tip.style.top = `${chart.top * scale + 8}px`;
    tip.style.left = `${closest.left * scale + (isRight ? -tip.offsetWidth - 12 : 12)}px`;
  }

  function hide() {
    tip.classList.remove("shown");
    marks.replaceChildren();
  }

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    show(((event.clientX - box.left) / box.width) * width);
  });
  svg.addEventListener("pointerleave", hide);
  figure.addEventListener("blur", hide);
  figure.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (event.key === "Escape") hide();
    if (steps === undefined) return;
    event.preventDefault();
    show(at + (steps * (chart.right - chart.left)) / 100);
  });
}

// One sample at a time, chosen by a slider; without JavaScript, all are there.
function chooseSamples(section) {
  const samples = [...section.querySelectorAll("article")], control = section.querySelector(".steps");
  const slider = control.querySelector("input"), label = control.querySelector("output");
  slider.max = samples.length - 1;
  function choose() {
    samples.forEach((sample, index) => sample.classList.toggle("hidden", index !== Number(slider.value)));
    label.textContent = samples[slider.value].querySelector("h3").textContent;
  }
  slider.value = slider.max;
  slider.addEventListener("input", choose);
  control.classList.add("shown");
  choose();
}

document.querySelectorAll("figure.chart").forEach(showValues);
document.querySelectorAll("section.samples").forEach((section) => {
  if (section.querySelectorAll("article").length > 1) chooseSamples(section);
});
