// The model, on a thread of its own, so that the page never freezes.
//
// It is told once where the files lie, {model, halves, runtimes}, and how many numbers a look has,
// {looks}; says {progress}, then {ready};
// and from then on answers {width, height, pixels} (RGBA) with {width, height, pixels,
// milliseconds}, or with {error}, what went wrong. A model that takes a look is told one, {look}, NaN
// where it is to be foretold, and answers with the one that the picture foretells, {foretold}.

let session, Tensor;

self.onmessage = async ({ data }) => {
  try {
    if (data.model) await start(data);
    else await translate(data);
  } catch (error) {
    self.postMessage({ error: String(error.message ?? error) });
  }
};

async function start({ model, halves, looks, runtimes }) {
  const graphics = await hasGraphics(halves);
  const files = [model, ...Object.values(graphics ? runtimes.webgpu : runtimes.wasm)];
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let done = 0;
  const report = (length) => self.postMessage({ progress: Math.min(1, (done += length) / total) });
  const weights = await bytesOf(model, report);
  if (graphics) {
    try {
      await open(weights, runtimes.webgpu, "webgpu", looks, report);
      self.postMessage({ ready: "graphics processor" });
      return;
    } catch (error) {
      console.warn(`without WebGPU: ${error.message ?? error}`);
    }
  }
  await open(weights, runtimes.wasm, "wasm", looks, report);
  self.postMessage({ ready: "processor" });
}

// A real one, not WebGPU computed by the processor, and one that knows the model's numbers. The
// runtime for it needs a WebAssembly that can wait (JSPI); the one without is twice as large.
async function hasGraphics(halves) {
  if (!("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter || adapter.info?.isFallbackAdapter) return false;
  return !halves || adapter.features.has("shader-f16");
}

async function open(weights, runtime, provider, looks, report) {
  const code = new Blob([await bytesOf(runtime.script, report)], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(code));
  ort.env.logLevel = "error"; // what goes wrong is raised
  ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
  ort.env.wasm.wasmBinary = (await bytesOf(runtime.wasm, report)).buffer;
  Tensor = ort.Tensor;
  session = await ort.InferenceSession.create(weights, { executionProviders: [provider] });
  const pixels = new Uint8ClampedArray(64 * 64 * 4).fill(255);
  const look = looks && Array(looks).fill(NaN);
  await run({ width: 64, height: 64, pixels, look }); // what this machine cannot do shows here
}

async function bytesOf(file, report) {
  const reply = await fetch(file.url, { integrity: file.integrity ?? "" });
  if (!reply.ok) throw new Error(`${file.url}: ${reply.status} ${reply.statusText}`);
  const bytes = new Uint8Array(file.bytes);
  let length = 0;
  for (const reader = reply.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value, length); // throws where the file is longer than it was
    length += value.length;
    report(value.length);
  }
  if (length < bytes.length) throw new Error(`${file.url}: ${length} bytes, not ${bytes.length}`);
  return bytes;
}

async function translate(picture) {
  const begun = performance.now();
  const made = await run(picture);
  self.postMessage({ ...made, milliseconds: performance.now() - begun }, [made.pixels.buffer]);
}

// RGBA in and out; the model knows no transparency, and the page's pictures have none.
async function run({ width, height, pixels, look }) {
  const colours = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    colours[to] = pixels[from];
    colours[to + 1] = pixels[from + 1];
    colours[to + 2] = pixels[from + 2];
  }
  const source = new Tensor("uint8", colours, [1, height, width, 3]);
  const told = look ? { look: new Tensor("float32", Float32Array.from(look), [1, look.length]) } : {};
  const { translated, foretold } = await session.run({ source, ...told });
  const [, rows, columns] = translated.dims;
  const made = new Uint8ClampedArray(rows * columns * 4).fill(255);
  for (let from = 0, to = 0; to < made.length; from += 3, to += 4) {
    made[to] = translated.data[from];
    made[to + 1] = translated.data[from + 1];
    made[to + 2] = translated.data[from + 2];
  }
  translated.dispose();
  return { width: columns, height: rows, pixels: made, foretold: foretold && [...foretold.data] };
}
