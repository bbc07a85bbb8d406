// Pictures that a visitor brings: opened, dropped or pasted. Each becomes an ImageBitmap, upright.

export function listenForPictures(input, onPicture, onError) {
  const take = async (file) => {
    try {
      onPicture(await createImageBitmap(file));
    } catch {
      onError(`${file.name}: not a picture that this browser can open.`);
    }
  };
  const first = (items) => [...items].find((file) => file.type.startsWith("image/"));
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = ""; // so that the same file can be opened again
  });
  addEventListener("paste", (event) => {
    const file = first(event.clipboardData.files);
    if (file) take(file);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const file = first(event.dataTransfer.files) ?? event.dataTransfer.files[0];
    if (file) take(file);
  });
}
