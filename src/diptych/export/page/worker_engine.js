// The engine of a page without a server: a worker of the browser that holds the model.

export class Engine {
  // `onProgress` hears which part of the model and its runtime has arrived.
  constructor({ model, halves, looks, runtimes }, onProgress) {
    const absolute = (file) => ({ ...file, url: new URL(file.url, document.baseURI).href });
    const { webgpu, wasm } = runtimes;
    this.onProgress = onProgress;
    this.files = {
      model: absolute(model),
      halves,
      looks: looks?.drawn[0].length,
      runtimes: {
        webgpu: { script: absolute(webgpu.script), wasm: absolute(webgpu.wasm) },
        wasm: { script: absolute(wasm.script), wasm: absolute(wasm.wasm) },
      },
    };
  }

  async start() {
    // From a blob, so that the page's Content-Security-Policy holds in the worker too.
    const code = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
    const blob = new Blob([code], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(blob), { type: "module" });
    const { ready } = await this.#ask(this.files);
    return `on your ${ready}`;
  }

  async work({ canvas, look }) {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const made = await this.#ask({ width, height, pixels: data, look });
    const image = new ImageData(made.pixels, made.width, made.height);
    return { ...made, image };
  }

  #ask(question) {
    return new Promise((resolve, reject) => {
      this.worker.onerror = () => reject(new Error("The model's part of the page did not start."));
      this.worker.onmessage = ({ data }) => {
        if ("progress" in data) this.onProgress(data.progress);
        else if (data.error) reject(new Error(data.error));
        else resolve(data);
      };
      this.worker.postMessage(question);
    });
  }
}
