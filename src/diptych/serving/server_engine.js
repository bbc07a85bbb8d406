// The engine of a page that a server shows: each picture is sent there.

export class Engine {
  constructor({ server, looks }) {
    Object.assign(this, { server, looks });
  }

  async start() {
    return "on the server";
  }

  // The file as it was brought, or what was drawn. `unseen`: this browser cannot open the file.
  async work({ canvas, file, unseen, fit, look, seed }) {
    const begun = performance.now();
    const picture = file ?? (await new Promise((done) => canvas.toBlob(done, "image/png")));
    const asked = new URLSearchParams({ called: file?.name ?? "drawing.png" });
    // What was drawn has the size that the model learned at.
    if (fit) asked.set("fit", "");
    if (look && !look.every(Number.isNaN)) asked.set("look", look.join(","));
    if (seed) asked.set("seed", seed);
    if (file && unseen) asked.set("before", "");
    const reply = await fetch(`${this.server}?${asked}`, { method: "POST", body: picture });
    const told = await reply.json().catch(() => ({ error: `${reply.status} ${reply.statusText}` }));
    if (!reply.ok) throw new Error(told.error);
    const bitmap = (text) => createImageBitmap(new Blob([bytesOf(text)], { type: "image/png" }));
    return {
      ...told,
      image: await bitmap(told.after),
      before: told.before && (await bitmap(told.before)),
      file: new Blob([bytesOf(told.file)], { type: told.kind }),
      milliseconds: performance.now() - begun,
    };
  }
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
