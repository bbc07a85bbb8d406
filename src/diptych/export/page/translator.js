// Hands pictures to an engine: one at a time, and of those that wait only the newest, so that the
// page keeps up with whoever draws.

export class Translator {
  // `engine` has `start()`, which resolves to where it computes, in words, and `work(question)`, to
  // a result with its `milliseconds`. `hears` has onReady(where), onResult(result), onError(text).
  constructor(engine, hears) {
    Object.assign(this, { engine, hears });
    this.milliseconds = 0; // that the last picture took
    this.ready = this.busy = false;
    this.waiting = null; // the newest question that the engine has not been given
    this.#start();
  }

  translate(question) {
    this.waiting = question;
    this.#next();
  }

  async #start() {
    try {
      const where = await this.engine.start();
      this.ready = true;
      this.hears.onReady(where);
      this.#next();
    } catch (error) {
      this.hears.onError(error.message);
    }
  }

  async #next() {
    if (!this.ready || this.busy || !this.waiting) return;
    this.busy = true;
    const question = this.waiting;
    this.waiting = null;
    try {
      const result = await this.engine.work(question);
      this.milliseconds = result.milliseconds;
      this.hears.onResult(result);
    } catch (error) {
      this.hears.onError(error.message);
    }
    this.busy = false;
    this.#next();
  }
}
