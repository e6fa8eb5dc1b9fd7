"use strict";

// The steps of a text: a heat map for every vector of the cell, redrawn at each step.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const slider = byId("step"), tip = document.querySelector(".tip");
const COLUMNS = 64, CELL = 8, OPEN = 0.9, CLOSED = 0.1;
let step = data.start;

function add(parent, name, text, className) {
  const child = document.createElement(name);
  if (text !== undefined) child.textContent = text;
  if (className) child.className = className;
  parent.append(child);
  return child;
}

function visible(text) {
  return text.replace(/\n/g, "⏎").replace(/\t/g, "→") || "∅";
}

function decode(vector) {
  const bytes = Uint8Array.from(atob(vector.values), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  vector.at = (t, i) => view.getInt16(2 * (t * vector.size + i), true) * vector.unit;
}

function numbers(vector) {
  const values = Array.from({ length: vector.size }, (_, i) => vector.at(step, i));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (!vector.isGate) {
    return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}, mean ${mean.toFixed(2)}`;
  }
  const share = (test) => Math.round(100 * values.filter(test).length / values.length);
  return `mean ${mean.toFixed(2)}, open ${share((v) => v > OPEN)}%, closed ${share((v) => v < CLOSED)}%`;
}

function draw(vector) {
  const context = vector.canvas.getContext("2d"), colours = getComputedStyle(document.documentElement);
  context.clearRect(0, 0, vector.canvas.width, vector.canvas.height);
  for (let i = 0; i < vector.size; i++) {
    const value = vector.at(step, i);
    const level = Math.max(-1, Math.min(1, vector.isGate ? 2 * value - 1 : value / vector.strongest));
    context.globalAlpha = Math.abs(level);
    context.fillStyle = colours.getPropertyValue(level > 0 ? "--curve-0" : "--curve-1");
    context.fillRect((i % COLUMNS) * CELL, Math.floor(i / COLUMNS) * CELL, CELL - 1, CELL - 1);
  }
  vector.numbers.textContent = `${vector.title}: ${numbers(vector)}`;
}

function show(target) {
  step = Math.max(0, Math.min(data.pieces.length - 1, target));
  slider.value = step;
  byId("place").textContent = `step ${step + 1 + data.skipped} of ${data.pieces.length + data.skipped}`;
  [...byId("text").children].forEach((span, index) => {
    span.className = index === step ? "here" : index > step ? "later" : "";
  });
  const next = byId("next");
  next.replaceChildren();
  for (const [text, probability] of data.next[step]) {
    add(next, "code", visible(text));
    add(next, "meter").value = probability;
    add(next, "span", `${(100 * probability).toFixed(1)}%`);
  }
  const entropy = data.entropy[step];
  add(next, "p", `Entropy ${entropy.toFixed(2)} bits, as of ${(2 ** entropy).toFixed(1)} equally probable tokens`, "entropy");
  for (const layer of data.layers) layer.vectors.forEach(draw);
}

function pointAt(vector, event) {
  const box = vector.canvas.getBoundingClientRect(), scale = vector.canvas.width / box.width;
  const column = Math.floor((event.clientX - box.left) * scale / CELL);
  const index = Math.floor((event.clientY - box.top) * scale / CELL) * COLUMNS + column;
  const isUnit = column >= 0 && column < COLUMNS && index >= 0 && index < vector.size;
  tip.classList.toggle("shown", isUnit);
  if (!isUnit) return;
  tip.textContent = `${vector.symbol}, unit ${index + 1}: ${vector.at(step, index).toFixed(4)}`;
  tip.style.left = `${Math.min(event.clientX + 12, innerWidth - 180)}px`;
  tip.style.top = `${event.clientY + 14}px`;
}

data.pieces.forEach((piece, index) => {
  add(byId("text"), "span", visible(piece)).addEventListener("click", () => show(index));
});
for (const layer of data.layers) {
  add(byId("layers"), "h2", layer.title);
  for (const vector of layer.vectors) {
    decode(vector);
    const row = add(byId("layers"), "div", undefined, "vector"), label = add(row, "div");
    add(label, "p", `${vector.symbol} = ${vector.equation}`);
    vector.numbers = add(label, "p", "", "numbers");
    vector.canvas = add(row, "canvas");
    vector.canvas.width = COLUMNS * CELL;
    vector.canvas.height = Math.ceil(vector.size / COLUMNS) * CELL;
    vector.canvas.addEventListener("pointermove", (event) => pointAt(vector, event));
    vector.canvas.addEventListener("pointerleave", () => tip.classList.remove("shown"));
  }
}
slider.max = data.pieces.length - 1;
slider.addEventListener("input", () => show(Number(slider.value)));
byId("back").addEventListener("click", () => show(step - 1));
byId("on").addEventListener("click", () => show(step + 1));
document.addEventListener("keydown", (event) => {
  if (event.target === slider || event.ctrlKey || event.altKey || event.metaKey) return;
  const moves = { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: data.pieces.length - 1 };
  if (event.key in moves) {
    event.preventDefault();
    show(moves[event.key]);
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(step));
show(step);
