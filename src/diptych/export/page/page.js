// The page: what is drawn or brought goes to the model, and what comes back is shown beside it.

import { offerCamera } from "./camera.js";
import { Drawing } from "./drawing.js";
import { listenForDropped, listenForOpened, listenForPasted } from "./pictures.js";
import { Swatches } from "./swatches.js";
import { Translator } from "./translator.js";

const PAUSE = 40; // milliseconds in which changes are gathered
const SEEN = 1024; // pixels of a side that are shown of what a server translates
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
let file = null; // its file
let timer = 0;
let seed = 0; // of noise

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

const [{ Engine }, batch] = await Promise.all([
  import(settings.engine),
  settings.batch && import("./batch.js"),
]);
const engine = new Engine(settings, (part) => {
  the("progress").value = part;
  say(part < 1 ? `Loading the model, ${Math.round(100 * part)} %` : "Starting the model …");
});
the("progress").hidden = false;
say("Loading the model …");
let where = "";
const translator = new Translator(engine, {
  onReady(words) {
    where = words;
    the("progress").hidden = true;
    if (isBlank()) say("Ready.");
  },
  onResult: show,
  onError: fail,
});

// Nothing drawn and nothing brought.
function isBlank() {
  return drawing.isBlank && !file;
}

function changed(ongoing) {
  the("hint").hidden = !isBlank();
  the("undo").disabled = !drawing.strokes.length;
  the("clear").disabled = isBlank();
  if (ongoing && translator.milliseconds > SLOW) return;
  timer ||= setTimeout(request, PAUSE);
}

function request() {
  timer = 0;
  const { width, height } = drawing;
  before.width = width;
  before.height = height;
  drawing.paint(before.getContext("2d", { willReadFrequently: true }), 1);
  if (isBlank()) {
    after.getContext("2d").clearRect(0, 0, after.width, after.height);
    the("download").disabled = true;
    return;
  }
  the("result").ariaBusy = "true";
  translator.translate({
    canvas: before,
    file: drawing.strokes.length ? null : file,
    unseen: !drawing.picture,
    fit: Boolean(settings.fits) && the("side").value === "fit",
    look: swatches?.told,
    seed,
  });
}

let result = null; // the last, for those who take it away

function show(made) {
  the("result").ariaBusy = String(Boolean(translator.waiting));
  if (swatches) swatches.foretold = made.foretold;
  if (isBlank()) return;
  result = made;
  const { image } = made;
  if (made.before) begin(made.before.width, made.before.height, made.before, true);
  after.width = image.width;
  after.height = image.height;
  const context = after.getContext("2d");
  if (image instanceof ImageData) context.putImageData(image, 0, 0);
  else context.drawImage(image, 0, 0);
  the("download").disabled = false;
  say(`${made.width}×${made.height} in ${Math.round(made.milliseconds)} ms, ${where}`);
}

// Sizes.

// `shown`: it is what was translated already.
function begin(width, height, picture, shown = false) {
  for (const id of ["source", "result"]) the(id).style.setProperty("--ratio", width / height);
  if (shown) {
    drawing.begin(width, height, picture, true);
    before.width = width;
    before.height = height;
    drawing.paint(before.getContext("2d"), 1);
  } else drawing.begin(width, height, picture);
}

function refuse({ name }) {
  fail(`${name}: not a picture that this browser can open.`);
}

function bring(picture, brought = null) {
  if (!picture && !settings.server) {
    refuse(brought);
    return;
  }
  original = picture;
  file = settings.server ? brought : null;
  the("sides").hidden = the("side").length < 2;
  if (!picture) {
    begin(...settings.size, null); // until there is something to see of it
    return;
  }
  const { width, height } = picture;
  const most = settings.server ? SEEN : Number(the("side").value);
  const fitting = most / Math.max(width, height);
  const scale = settings.enlarge && !settings.server ? fitting : Math.min(1, fitting);
  begin(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)), picture);
}

if (settings.fits) {
  const side = Math.min(...settings.size);
  the("side").add(new Option(`at ${side} px, as it learned, and back`, "fit"));
  the("side").add(new Option("at the picture's own size", "own"));
} else if (!settings.server)
  for (const times of [1, 2, 4]) {
    const side = times * settings.side;
    const trained = settings.enlarge && times === 1 ? ", as trained" : "";
    the("side").add(new Option(`${side} px${trained}`, side));
  }
the("side").addEventListener("change", () => {
  if (settings.server) changed(false);
  else if (original) bring(original);
});

// Drawing.

function blank() {
  original = file = null;
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
listenForOpened(the("file"), bring);
listenForPasted(bring);
const zones = [[document.documentElement, bring]];
if (swatches) {
  const like = (picture, brought) => {
    if (picture) swatches.like(picture);
    else refuse(brought);
  };
  listenForOpened(the("like"), like);
  zones.unshift([document.querySelector(".result"), like]);
} else if (settings.noise) {
  the("looks").hidden = false;
  for (const part of ["untold", "colour-label", "like-label"]) the(part).hidden = true;
  the("another").addEventListener("click", () => {
    seed += 1;
    changed(false);
  });
}
listenForDropped(zones);
batch?.offerBatch(settings.batch, the, say, save);

settings.samples.forEach(({ url, small }, i) => {
  const picture = new Image();
  picture.src = small;
  picture.alt = `Sample ${i + 1}`;
  const button = document.createElement("button");
  button.append(picture);
  button.addEventListener("click", async () => {
    const blob = await (await fetch(url)).blob();
    const name = url.slice(url.lastIndexOf("/") + 1);
    bring(await createImageBitmap(blob).catch(() => null), new File([blob], name));
  });
  the("samples").append(button);
});
the("samples").hidden = !settings.samples.length;

// The result.

the("compare").addEventListener("input", ({ target }) => {
  the("result").style.setProperty("--before", `${target.value}%`);
  target.ariaValueText = `${target.value} %`;
});
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

the("download").addEventListener("click", () => {
  if (result.file) save(result.file, result.name);
  else after.toBlob((blob) => save(blob, `${the("target-name").textContent}.png`));
});

blank();
