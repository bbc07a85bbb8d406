// The row of colours: those of training pictures, any other, drawn ones, those of a picture.

import { Looks } from "./looks.js";

// `parts` are the elements; `onChange` hears of every choice. Its `look` is null where the model
// is to choose by itself; `foretold` is what it last said that it would.
export class Swatches {
  constructor(known, parts, onChange) {
    Object.assign(this, { parts, onChange, looks: new Looks(known), look: null, foretold: null });
    parts.group.hidden = parts.help.hidden = false;
    parts.untold.addEventListener("click", () => this.#choose(null, parts.untold));
    parts.another.addEventListener("click", () => {
      if (this.foretold) this.#choose(this.looks.drawAround(this.foretold), parts.another);
    });
    parts.colour.addEventListener("input", ({ target }) => {
      this.#choose(this.looks.inColour(target.value), target.parentElement);
    });
    parts.colour.parentElement.hidden = !this.looks.lab.length;
    for (const { colours, look } of known.swatches) this.#offer(colours, look);
    this.#mark(parts.untold);
  }

  // What the model is told: NaN is what it is to foretell.
  get told() {
    return this.look ?? this.looks.drawn[0].map(() => NaN);
  }

  // Take the colours of a picture, an ImageBitmap.
  like(picture) {
    const scale = Math.min(1, 1024 / Math.max(picture.width, picture.height));
    const size = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
    const context = new OffscreenCanvas(...size).getContext("2d");
    context.fillStyle = "white"; // what is transparent, as elsewhere on the page
    context.fillRect(0, 0, ...size);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, ...size);
    this.#choose(this.looks.like(context.getImageData(0, 0, ...size)), this.parts.like);
  }

  #offer(colours, look) {
    const button = document.createElement("button");
    const [first, second = first] = colours;
    button.style.background = `linear-gradient(135deg, ${first} 62%, ${second} 62%)`;
    button.ariaLabel = `Colours of a training picture: ${colours.join(", ")}`;
    button.title = colours.join(", ");
    button.addEventListener("click", () => this.#choose(look, button));
    this.parts.swatches.append(button);
  }

  #choose(look, by) {
    this.look = look;
    this.#mark(by);
    this.onChange();
  }

  #mark(chosen) {
    const { group, colour, like } = this.parts;
    for (const button of group.querySelectorAll("button"))
      button.ariaPressed = String(button === chosen);
    for (const label of [colour.parentElement, like])
      label.classList.toggle("chosen", label === chosen);
  }
}
