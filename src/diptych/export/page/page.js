// The page: what is drawn or brought goes to the model, and what comes back is shown beside it.

import { offerCamera } from "./camera.js";
import { Drawing } from "./drawing.js";
import { listenForDropped, listenForOpened, listenForPasted } from "./pictures.js";
import { Swatches } from "./swatches.js";
import { Translator } from "./translator.js";

const PAUSE = 40; // milliseconds in which changes are gathered
const SLOW = 400; // from here on a stroke is translated once it is drawn, not while it is

const the = (id) => document.getElementById(id);
const settings = JSON.parse(the("settings").textContent);
const [before, after] = [the("before"), the("after")];
const say = (text, wrong = false) => {
  the("status").textContent = text;
  the("status").classList.toggle("wrong", wrong);
};
const fail = (text) => {
  the("progress").hidden = true;
  the("result").ariaBusy = "false";
  say(text, true);
};

let original = null; // the picture that was brought, at its own size
let timer = 0;
let engine = "";

const pen = settings.pen ?? { paper: "#ffffff", ink: "#000000", width: 1 };
const drawing = new Drawing(the("paper"), pen, changed);

const swatches =
  settings.looks &&
  new Swatches(
    settings.looks,
    {
      group: the("looks"),
      help: the("looks-help"),
      untold: the("untold"),
      another: the("another"),
      colour: the("colour"),
      like: the("like-label"),
      swatches: the("swatches"),
    },
    () => changed(false),
  );

const absolute = (file) => ({ ...file, url: new URL(file.url, document.baseURI).href });
const { webgpu, wasm } = settings.runtimes;
const translator = new Translator(
  {
    model: absolute(settings.model),
    halves: settings.halves,
    looks: settings.looks?.drawn[0].length,
    runtimes: {
      webgpu: { script: absolute(webgpu.script), wasm: absolute(webgpu.wasm) },
      wasm: { script: absolute(wasm.script), wasm: absolute(wasm.wasm) },
    },
  },
  {
    onProgress(part) {
      the("progress").value = part;
      say(part < 1 ? `Loading the model, ${Math.round(100 * part)} %` : "Starting the model …");
    },
    onReady(where) {
      engine = where;
      the("progress").hidden = true;
      if (drawing.isBlank) say("Ready.");
    },
    onResult: show,
    onError: fail,
  },
);

function changed(ongoing) {
  the("hint").hidden = !drawing.isBlank;
  the("undo").disabled = !drawing.strokes.length;
  the("clear").disabled = drawing.isBlank;
  if (ongoing && translator.milliseconds > SLOW) return;
  timer ||= setTimeout(request, PAUSE);
}

function request() {
  timer = 0;
  const { width, height } = drawing;
  before.width = width;
  before.height = height;
  const context = before.getContext("2d", { willReadFrequently: true });
  drawing.paint(context, 1);
  if (drawing.isBlank) {
    after.getContext("2d").clearRect(0, 0, after.width, after.height);
    the("download").disabled = true;
    return;
  }
  the("result").ariaBusy = "true";
  translator.translate(context.getImageData(0, 0, width, height), swatches?.told);
}

function show({ width, height, pixels, foretold, milliseconds }) {
  if (swatches) swatches.foretold = foretold;
  the("result").ariaBusy = String(Boolean(translator.waiting));
  if (drawing.isBlank) return;
  after.width = width;
  after.height = height;
  after.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  the("download").disabled = false;
  say(`${width}×${height} in ${Math.round(milliseconds)} ms, on your ${engine}`);
}

// Sizes.

function begin(width, height, picture) {
  for (const id of ["source", "result"]) the(id).style.setProperty("--ratio", width / height);
  drawing.begin(width, height, picture);
}

function bring(picture) {
  original = picture;
  const { width, height } = picture;
  const fitting = Number(the("side").value) / Math.max(width, height);
  const scale = settings.enlarge ? fitting : Math.min(1, fitting);
  the("sides").hidden = false;
  begin(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)), picture);
}

for (const times of [1, 2, 4]) {
  const side = times * settings.side;
  const trained = settings.enlarge && times === 1 ? ", as trained" : "";
  the("side").add(new Option(`${side} px${trained}`, side));
}
the("side").addEventListener("change", () => original && bring(original));

// Drawing.

function blank() {
  original = null;
  the("sides").hidden = true;
  begin(...settings.size, null);
}

if (settings.pen) {
  the("tools").hidden = the("keys").hidden = false;
  the("paper").classList.add("drawn");
  the("paper").tabIndex = 0;
  the("paper").role = "application"; // it takes the arrows for itself
  the("hint").textContent = "Draw here";
  drawing.listen();
} else the("hint").textContent = "Open a picture";
for (const tool of document.querySelectorAll("[name=tool]"))
  tool.addEventListener("change", () => (drawing.erases = the("eraser").checked));
the("width").addEventListener("input", ({ target }) => (drawing.factor = Number(target.value)));
the("undo").addEventListener("click", () => drawing.undo());
the("clear").addEventListener("click", blank);
addEventListener("keydown", (event) => {
  const takesBack = (event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey;
  if (!takesBack || the("undo").disabled || the("tools").hidden) return;
  event.preventDefault();
  drawing.undo();
});

// Pictures.

const camera = {
  button: the("camera"),
  stop: the("stop"),
  video: the("viewfinder"),
  canvas: the("paper"),
};
offerCamera(camera, bring, fail);
listenForOpened(the("file"), bring, fail);
listenForPasted(bring, fail);
const zones = [[document.documentElement, bring]];
if (swatches) {
  const like = (picture) => swatches.like(picture);
  listenForOpened(the("like"), like, fail);
  zones.unshift([document.querySelector(".result"), like]);
}
listenForDropped(zones, fail);

settings.samples.forEach((url, i) => {
  const picture = new Image();
  picture.src = url;
  picture.alt = `Sample ${i + 1}`;
  const button = document.createElement("button");
  button.append(picture);
  button.addEventListener("click", async () => bring(await createImageBitmap(picture)));
  the("samples").append(button);
});
the("samples").hidden = !settings.samples.length;

// The result.

the("compare").addEventListener("input", ({ target }) => {
  the("result").style.setProperty("--before", `${target.value}%`);
  target.ariaValueText = `${target.value} %`;
});
the("download").addEventListener("click", () => {
  after.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${the("target-name").textContent}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
});

the("progress").hidden = false;
say("Loading the model …");
blank();
