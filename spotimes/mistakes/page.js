"use strict";

const at = (id) => document.getElementById(id);
const { classes, pictures, tiles, maps } = JSON.parse(at("data").textContent);
const AT_ONCE = 60;
const FOR = [230, 159, 0], AGAINST = [0, 114, 178]; // as in spotimes/explanation/overlay.py
const DENSEST = 0.8;

const sheet = new Image();
const values = Int8Array.from(atob(maps.content), (character) => character.charCodeAt(0));
let shown = AT_ONCE;

for (const id of ["actual", "answer"]) {
  classes.forEach((name, index) => at(id).append(new Option(name, index)));
}

function matching() {
  const which = at("which").value, actual = at("actual").value, answer = at("answer").value;
  return pictures.filter((picture) => {
    const correct = picture.actual === picture.answer;
    const fits = {
      wrong: !correct,
      correct,
      changed: picture.fp32 !== picture.answer,
      all: true,
    }[which];
    return fits && (!actual || picture.actual === +actual) && (!answer || picture.answer === +answer);
  });
}

function show() {
  const found = matching();
  const listed = found.slice(0, shown);
  at("count").textContent = `${found.length.toLocaleString("en")} pictures` +
    (listed.length < found.length ? `, the first ${listed.length}` : "");
  at("pictures").replaceChildren(...listed.map(card));
  at("more").hidden = listed.length === found.length;
}

function card(picture) {
  const item = document.createElement("li");
  const canvas = document.createElement("canvas");
  canvas.role = "img";
  canvas.ariaLabel = `A picture of ${classes[picture.actual]}`;
  draw(canvas, picture);
  const answer = document.createElement("strong");
  answer.textContent = `${classes[picture.answer]} ${(100 * picture.probability).toFixed(1)}%`;
  const lines = [
    [answer],
    picture.actual === picture.answer ? ["which it is"] : ["is ", classes[picture.actual]],
    picture.fp32 === picture.answer ? [] : ["FP32: ", classes[picture.fp32]],
    [picture.name],
  ];
  item.append(canvas, ...lines.filter((parts) => parts.length).map((parts) => {
    const line = document.createElement("p");
    line.append(...parts);
    return line;
  }));
  return item;
}

function draw(canvas, picture) {
  const { width, height, stepX, stepY, columns } = tiles;
  const factor = Math.ceil(144 / Math.max(width, height));
  canvas.width = factor * width;
  canvas.height = factor * height;
  const context = canvas.getContext("2d");
  const left = (picture.tile % columns) * stepX, top = Math.floor(picture.tile / columns) * stepY;
  context.imageSmoothingEnabled = false;
  context.filter = at("maps").checked ? "grayscale(1)" : "none";
  context.drawImage(sheet, left, top, width, height, 0, 0, canvas.width, canvas.height);
  if (!at("maps").checked) return;
  context.filter = "none";
  context.imageSmoothingEnabled = true;
  context.drawImage(map(picture.tile), 0, 0, canvas.width, canvas.height);
}

function map(number) {
  const small = new OffscreenCanvas(maps.columns, maps.rows);
  const pixels = new ImageData(maps.columns, maps.rows);
  const size = maps.columns * maps.rows;
  values.subarray(number * size, (number + 1) * size).forEach((value, index) => {
    const opacity = 255 * DENSEST * Math.abs(value) / 127;
    pixels.data.set([...(value > 0 ? FOR : AGAINST), opacity], 4 * index);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}

function restart() {
  shown = AT_ONCE;
  show();
}

for (const id of ["which", "actual", "answer", "maps"]) at(id).addEventListener("change", restart);
at("more").addEventListener("click", () => {
  const before = at("pictures").children.length;
  shown += AT_ONCE;
  show();
  const next = at("pictures").children[before];
  next.tabIndex = -1;
  next.focus();
});
for (const button of document.querySelectorAll("button[data-actual]")) {
  button.addEventListener("click", () => {
    at("which").value = "wrong";
    at("actual").value = button.dataset.actual;
    at("answer").value = button.dataset.answer;
    restart();
    at("pictures-title").scrollIntoView();
  });
}
sheet.addEventListener("load", show);
sheet.src = tiles.content;
