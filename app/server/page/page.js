"use strict";

const at = (id) => document.getElementById(id);
const FOR = [230, 159, 0], AGAINST = [0, 114, 178]; // as in spotimes/explanation/overlay.py
const DENSEST = 0.8; // opacity where a map is at its largest
let latest = 0; // of several pictures in a row, the last one's answer counts
let answered = null; // its file
let maps = []; // of each class that is explained, its name and the map

async function describe() {
  const model = await asked("model");
  const { width, height } = model.input;
  at("model").textContent =
    `Which of ${model.classes.length} classes is it? A model of ` +
    `${(model.bytes / 1000).toFixed(1)} KB answers, on this server's CPU alone.`;
  at("seen-caption").textContent = `as the model sees it, ${width} × ${height}`;
  const { samples, titles } = await asked("samples");
  for (const name of samples) {
    const address = `samples/${encodeURIComponent(name)}`;
    const title = titles[name];
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = address;
    image.alt = `Sample: ${title}`;
    button.type = "button";
    button.title = title;
    button.append(image);
    button.addEventListener("click", () => {
      classify(async () => (await reached(address)).blob(), title);
    });
    const item = document.createElement("li");
    item.append(button);
    at("sample-list").append(item);
  }
  at("samples").hidden = samples.length === 0;
}

async function reached(address, options) {
  const response = await fetch(address, options).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  if (response.ok) return response;
  const reason = await response.json().then(({ error }) => error, () => null);
  throw new Error(reason ?? `The server answers with status ${response.status} and gives no reason.`);
}

async function asked(address, options) {
  const response = await reached(address, options);
  return response.json().catch(() => {
    throw new Error("The server's answer cannot be read.");
  });
}

async function classify(read, name) {
  const mine = ++latest;
  at("problem").textContent = "";
  at("status").textContent = "Working\u2026";
  try {
    const blob = await read();
    const answer = await asked("predict?seen=1", { method: "POST", body: blob });
    if (mine === latest) show(answer, blob, name);
  } catch (error) {
    if (mine === latest) refuse(error.message);
  }
}

function refuse(message) {
  latest++; // a pending answer is not to replace this message
  at("answer").hidden = true;
  at("status").textContent = "";
  at("problem").textContent = message;
}

function show(answer, blob, name) {
  const [first] = answer.predictions;
  URL.revokeObjectURL(at("picture").src);
  at("picture").src = URL.createObjectURL(blob);
  at("picture-caption").textContent = `${name}, ${answer.width} × ${answer.height}`;
  at("seen").src = answer.seen;
  at("classes").replaceChildren(...answer.predictions.map(row));
  at("latency").textContent = `The network took ${answer.milliseconds.toFixed(2)} ms.`;
  answered = blob;
  at("map-figure").hidden = true;
  at("explain").hidden = false;
  at("answer").hidden = false;
  at("problem").textContent = "";
  const nearest = `${first.label}, ${percent(first.probability)}`;
  const title = answer.unknown ? `Unknown; nearest is ${nearest}` : nearest;
  at("unknown").hidden = !answer.unknown;
  at("answer-title").textContent = title;
  at("status").textContent = title;
}

async function explain() {
  const mine = latest;
  at("explain").disabled = true;
  try {
    const { explanation } = await asked("predict?explain=1", { method: "POST", body: answered });
    if (mine !== latest) return;
    maps = explanation.classes;
    at("map-class").replaceChildren(...maps.map(({ label }) => new Option(label)));
    at("map-figure").hidden = false;
    at("explain").hidden = true;
    draw();
    at("map-class").focus();
  } catch (error) {
    if (mine === latest) refuse(error.message);
  } finally {
    at("explain").disabled = false;
  }
}

function draw() {
  const { label, map } = maps[at("map-class").selectedIndex];
  const largest = Math.max(...maps.flatMap((each) => each.map.flat().map(Math.abs))) || 1;
  const rows = map.length, columns = map[0].length;
  const colours = new ImageData(columns, rows);
  map.flat().forEach((value, index) => {
    const opacity = 255 * DENSEST * Math.abs(value) / largest;
    colours.data.set([...(value > 0 ? FOR : AGAINST), opacity], 4 * index);
  });
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  small.getContext("2d").putImageData(colours, 0, 0);
  const { naturalWidth, naturalHeight } = at("seen");
  const factor = Math.ceil(256 / Math.max(naturalWidth, naturalHeight));
  const canvas = at("map");
  canvas.width = factor * naturalWidth;
  canvas.height = factor * naturalHeight;
  canvas.setAttribute("aria-label", `What speaks for ${label}, and what against it`);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.filter = "grayscale(1)";
  context.drawImage(at("seen"), 0, 0, canvas.width, canvas.height);
  context.filter = "none";
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

at("explain").addEventListener("click", explain);
at("map-class").addEventListener("change", draw);

function row({ label, probability }, index) {
  const line = document.createElement("tr");
  line.classList.toggle("first", index === 0);
  const heading = document.createElement("th");
  heading.scope = "row";
  heading.textContent = label;
  const cell = document.createElement("td");
  const bar = document.createElement("div");
  bar.className = "bar";
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("aria-hidden", "true");
  const filled = document.createElementNS(space, "rect");
  filled.setAttribute("width", `${100 * probability}%`);
  filled.setAttribute("height", "100%");
  drawing.append(filled);
  const share = document.createElement("span");
  share.textContent = percent(probability);
  bar.append(drawing, share);
  cell.append(bar);
  line.append(heading, cell);
  return line;
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;

function given(files) {
  const file = [...files].find((each) => each.type.startsWith("image/")) ?? files[0];
  if (file) classify(() => whole(file), file.name || "the picture");
}

async function whole(file) {
  const bytes = await file.arrayBuffer().catch(() => {
    throw new Error(`${file.name} cannot be read.`);
  });
  return new Blob([bytes], { type: file.type });
}

at("file").addEventListener("change", () => {
  given(at("file").files);
  at("file").value = ""; // so that the same file can be chosen again
});

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  if (event.dataTransfer.files.length) given(event.dataTransfer.files);
  else refuse("That was not a file. Drop a picture file.");
});
document.addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  if (files.length) given(files);
  else refuse("There is no picture in the clipboard.");
});

let stream = null;
at("camera").addEventListener("click", async () => {
  if (!navigator.mediaDevices) {
    refuse("Browsers allow the camera only to pages over HTTPS or from this machine.");
    return;
  }
  at("camera").disabled = true;
  at("shoot").disabled = true; // until there is a picture to take
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      endFilming();
      at("camera").focus();
      refuse("The camera has stopped.");
    });
    at("video").srcObject = stream;
    at("filming").hidden = false;
    await at("video").play();
  } catch (error) {
    const stopped = stream === null && !at("camera").disabled; // by the button, while it began
    if (!stopped) {
      endFilming();
      at("camera").focus();
      refuse(`The camera cannot be used: ${error.message}`);
    }
    return;
  }
  at("shoot").disabled = false;
  at("shoot").focus();
});
at("shoot").addEventListener("click", () => {
  const video = at("video");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const taken = new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  classify(() => taken, "the camera's picture");
});
at("stop").addEventListener("click", () => {
  endFilming();
  at("camera").focus();
});

function endFilming() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  at("video").srcObject = null;
  at("filming").hidden = true;
  at("camera").disabled = false;
}

describe().catch((error) => {
  if (latest === 0) refuse(error.message); // else an answer or an error is shown already
});
