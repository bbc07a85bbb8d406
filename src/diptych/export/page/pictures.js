// Pictures that a visitor brings: opened, dropped or pasted. `onPicture` is given each as an
// ImageBitmap, upright, or as null where the browser cannot open it; and its file.

async function take(file, onPicture) {
  onPicture(await createImageBitmap(file).catch(() => null), file);
}

const firstPicture = (items) => [...items].find((file) => file.type.startsWith("image/"));

export function listenForOpened(input, onPicture) {
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0], onPicture);
    input.value = ""; // so that the same file can be opened again
  });
}

export function listenForPasted(onPicture) {
  addEventListener("paste", (event) => {
    const file = firstPicture(event.clipboardData.files);
    if (file) take(file, onPicture);
  });
}

// `zones` are [element, onPicture]: the first that holds the place of a drop gets the picture, the
// last one what was dropped elsewhere.
export function listenForDropped(zones) {
  const holds = (element, target) => target instanceof Node && element.contains(target);
  const zoneOf = ({ target }) =>
    zones.find(([element]) => holds(element, target)) ?? zones.at(-1);
  const mark = (zone) => {
    for (const [element] of zones) element.classList.toggle("dropping", element === zone?.[0]);
  };
  addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(zoneOf(event));
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(null);
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    const { files } = event.dataTransfer;
    const file = firstPicture(files) ?? files[0];
    if (file) take(file, zoneOf(event)[1]);
  });
}
