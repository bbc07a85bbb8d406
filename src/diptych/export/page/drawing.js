// A drawing: strokes over a picture or blank paper, in the source's own pixels, so that the page
// shows it sharp and the model gets it at its size.

export class Drawing {
  // `pen` is {paper, ink, width}; `onChange(ongoing)` hears of every change, a stroke's parts too.
  constructor(canvas, pen, onChange) {
    Object.assign(this, { canvas, pen, onChange });
    this.strokes = [];
    this.picture = null;
    this.erases = false;
    this.factor = 1; // of its width
  }

  // Start anew, on a picture or on blank paper; `quietly`, without telling of it.
  begin(width, height, picture = null, quietly = false) {
    Object.assign(this, { width, height, picture, strokes: [] });
    this.scale = Math.max(1, Math.round(1024 / Math.max(width, height)));
    this.canvas.width = width * this.scale;
    this.canvas.height = height * this.scale;
    this.cursor = { x: width / 2, y: height / 2, down: false, shown: false };
    if (quietly) this.paint(this.canvas.getContext("2d"), this.scale);
    else this.changed(false);
  }

  get isBlank() {
    return !this.picture && !this.strokes.length;
  }

  undo() {
    this.strokes.pop();
    this.cursor.down = false;
    this.changed(false);
  }

  changed(ongoing) {
    const context = this.canvas.getContext("2d");
    this.paint(context, this.scale);
    if (this.cursor.shown) this.#paintCursor(context);
    this.onChange(ongoing);
  }

  // Onto a canvas of the source's size times `scale`.
  paint(context, scale) {
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = this.pen.paper;
    context.fillRect(0, 0, this.width, this.height);
    context.imageSmoothingQuality = "high";
    if (this.picture) context.drawImage(this.picture, 0, 0, this.width, this.height);
    context.lineCap = context.lineJoin = "round";
    for (const { points, width, erases } of this.strokes) {
      context.strokeStyle = erases ? this.pen.paper : this.pen.ink;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...points[0]);
      // Curves through the middles of what the hand gave, which has corners.
      for (let i = 1; i < points.length - 1; i++) {
        const [x, y] = points[i];
        context.quadraticCurveTo(x, y, (x + points[i + 1][0]) / 2, (y + points[i + 1][1]) / 2);
      }
      const [x, y] = points.at(-1);
      context.lineTo(x, y + 0.001); // a line without any length is no dot
      context.stroke();
    }
  }

  #paintCursor(context) {
    const { x, y, down } = this.cursor;
    context.lineWidth = 2 / this.scale;
    context.strokeStyle = down ? "#c2410c" : "#2d6a8e";
    context.beginPath();
    context.arc(x, y, Math.max(4 / this.scale, this.#width / 2), 0, 2 * Math.PI);
    context.stroke();
  }

  get #width() {
    return this.pen.width * this.factor * (this.erases ? 2.5 : 1);
  }

  #start(point) {
    this.strokes.push({ points: [point], width: this.#width, erases: this.erases });
  }

  // Let a hand draw: by pointer, or with arrows and Space.
  listen() {
    const { canvas } = this;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      const across = (event.clientX - box.left) / box.width;
      return [across * this.width, ((event.clientY - box.top) / box.height) * this.height];
    };
    let pointer = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button) return;
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
      this.cursor.shown = this.cursor.down = false;
      this.#start(place(event));
      this.changed(true);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) return;
      const all = event.getCoalescedEvents?.() ?? [];
      this.strokes.at(-1).points.push(...(all.length ? all : [event]).map(place));
      this.changed(true);
    });
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, (event) => {
        if (event.pointerId !== pointer) return;
        pointer = null;
        this.changed(false);
      });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => {
      if (!this.cursor.shown) return;
      this.cursor.shown = this.cursor.down = false;
      this.changed(false);
    });
  }

  #key(event) {
    const { cursor } = this;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = step[event.key];
    if ((!way && event.key !== " ") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    cursor.shown = true;
    if (way) {
      const far = Math.max(this.width, this.height) / 64;
      cursor.x = Math.min(this.width, Math.max(0, cursor.x + way[0] * far));
      cursor.y = Math.min(this.height, Math.max(0, cursor.y + way[1] * far));
      if (cursor.down) this.strokes.at(-1).points.push([cursor.x, cursor.y]);
    } else {
      cursor.down = !cursor.down;
      if (cursor.down) this.#start([cursor.x, cursor.y]);
    }
    this.changed(cursor.down);
  }
}
