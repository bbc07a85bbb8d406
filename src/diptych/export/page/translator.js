// Talks to the worker that holds the model: one picture at a time, and of those that wait only the
// newest, so that the page keeps up with whoever draws.

export class Translator {
  // `hears` has onProgress(part), onReady(engine), onResult(result) and onError(text).
  constructor(files, hears) {
    this.hears = hears;
    this.milliseconds = 0; // that the last picture took
    this.ready = this.busy = false;
    this.waiting = null; // the newest picture that the worker has not been given
    // From a blob, so that the page's Content-Security-Policy holds in the worker too.
    const code = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
    const blob = new Blob([code], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(blob), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#heard(data);
    this.worker.onerror = () => hears.onError("The model's part of the page did not start.");
    this.worker.postMessage(files);
  }

  // An ImageData, and the numbers of a look, where one is chosen.
  translate({ width, height, data }, look) {
    this.waiting = { width, height, pixels: data, look };
    this.#next();
  }

  #next() {
    if (!this.ready || this.busy || !this.waiting) return;
    this.busy = true;
    this.worker.postMessage(this.waiting);
    this.waiting = null;
  }

  #heard(data) {
    if ("progress" in data) {
      this.hears.onProgress(data.progress);
      return;
    }
    this.busy = false;
    if (data.error) this.hears.onError(data.error);
    else if (data.ready) {
      this.ready = true;
      this.hears.onReady(data.ready);
    } else {
      this.milliseconds = data.milliseconds;
      this.hears.onResult(data);
    }
    this.#next();
  }
}
