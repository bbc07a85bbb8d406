const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d", { willReadFrequently: true });
const strokes = [];

function paint() {
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.lineWidth = 10;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    pen.beginPath();
    stroke.forEach(([x, y]) => pen.lineTo(x, y));
    pen.lineTo(...stroke[0].map((v, i) => (stroke.length === 1 ? v + 0.1 : stroke.at(-1)[i])));
    pen.stroke();
  }
}

function tell() {
  props.value = strokes.length ? canvas.toDataURL("image/png") : "";  // a change, which is told
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  strokes.push([place(event)]);
  paint();
});
canvas.addEventListener("pointermove", (event) => {
  if (!canvas.hasPointerCapture(event.pointerId)) return;
  strokes.at(-1).push(place(event));
  paint();
});
canvas.addEventListener("pointerup", tell);
element.querySelector("[data-undo]").addEventListener("click", () => {
  strokes.pop();
  paint();
  tell();
});
element.querySelector("[data-clear]").addEventListener("click", () => {
  strokes.length = 0;
  paint();
  tell();
});
paint();
