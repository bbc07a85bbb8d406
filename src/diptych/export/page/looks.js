// Looks: numbers that say how results are to be coloured, as `told` in Python finds them. Of every
// channel of the target, on [-1, 1], the mean over the picture, then the standard deviation.

const CHROMA = 110; // what 1 stands for in a and b of Lab

export class Looks {
  // `left`: what the looks of training targets had beyond what their sources foretold. `drawn` and
  // `wished`: the least and the most of each number, for looks drawn so and for wishes. `named`: looks
  // in whose neighbourhood wished colours are; `lab`: their main colour; `moves`: how the numbers
  // change with it; `nearest`: of how many a wish is made. `chroma`: targets are a and b of Lab.
  // `standsAlone`: they are things on a plain ground.
  constructor(known) {
    Object.assign(this, known);
  }

  // That of a picture, an ImageData.
  like(picture) {
    return this.standsAlone ? this.inColour(largestColour(picture)) : this.#overall(picture);
  }

  #overall({ data }) {
    const channels = this.chroma ? 2 : 3;
    const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
    for (let from = 0; from < data.length; from += 4) {
      const rgb = [data[from], data[from + 1], data[from + 2]];
      const values = this.chroma
        ? labOf(rgb).slice(1).map((value) => value / CHROMA)
        : rgb.map((level) => level / 127.5 - 1);
      values.forEach((value, i) => {
        sums[i] += value;
        squares[i] += value * value;
      });
    }
    const means = Array.from(sums, (sum) => (4 * sum) / data.length);
    const deviations = Array.from(squares, (sum, i) =>
      Math.sqrt(Math.max(0, (4 * sum) / data.length - means[i] ** 2)),
    );
    return bounded([...means, ...deviations], this.wished);
  }

  // Of a result whose largest colour is `#rrggbb`: the mean of those whose own are nearest, each
  // moved the rest of the way.
  inColour(colour) {
    const wished = labOf([1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
    const far = this.lab.map((own, i) => [Math.hypot(...own.map((value, k) => wished[k] - value)), i]);
    const nearest = far.sort(([a], [b]) => a - b).slice(0, this.nearest);
    const moved = nearest.map(([, i]) => {
      const apart = wished.map((value, k) => value - this.lab[i][k]);
      return this.named[i].map(
        (number, n) => number + apart.reduce((sum, value, k) => sum + value * this.moves[k][n], 0),
      );
    });
    const look = moved[0].map((_, n) => moved.reduce((sum, row) => sum + row[n], 0) / moved.length);
    return bounded(look, this.wished);
  }

  // As different from what a source foretells as that of a training pair was, each in its turn.
  drawAround(foretold) {
    if (!this.order?.length)
      this.order = this.left.map((row) => [Math.random(), row]).sort(([a], [b]) => a - b);
    const [, left] = this.order.pop();
    return bounded(foretold.map((number, i) => number + left[i]), this.drawn);
  }
}

const bounded = (look, [low, high]) =>
  look.map((number, i) => Math.min(high[i], Math.max(low[i], number)));

const APART = 12; // distance in Lab from which colours are two
const PLAIN = 0.6; // share of the border from which one colour is a background

// The largest colour of a picture as `#rrggbb`, a plain background left out.
function largestColour({ data, width, height }) {
  const step = Math.max(1, Math.floor(Math.max(width, height) / 64));
  const [pixels, border] = [[], []];
  for (let y = 0; y < height; y += step)
    for (let x = 0; x < width; x += step) {
      const rgb = [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
      const pixel = { rgb, lab: labOf(rgb) };
      pixels.push(pixel);
      if (!x || !y || x + step >= width || y + step >= height) border.push(pixel);
    }
  const middle = labOf([0, 1, 2].map((i) => median(border.map(({ rgb }) => rgb[i]))));
  const isGround = ({ lab }) => distance(lab, middle) < APART;
  const plain = border.filter(isGround).length >= PLAIN * border.length;
  const others = plain ? pixels.filter((pixel) => !isGround(pixel)) : [];
  const counted = others.length >= 0.05 * pixels.length ? others : pixels;
  // Where most lie close together.
  const bins = new Map();
  for (const { rgb } of counted) {
    const bin = rgb.map((level) => level >> 4).join();
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const [[fullest]] = [...bins].sort(([, a], [, b]) => b - a);
  let mean = fullest.split(",").map((level) => 16 * level + 8);
  for (let round = 0; round < 3; round++) {
    const near = counted.filter(({ lab }) => distance(lab, labOf(mean)) < 1.5 * APART);
    if (!near.length) break;
    mean = [0, 1, 2].map((i) => near.reduce((sum, { rgb }) => sum + rgb[i], 0) / near.length);
  }
  return `#${mean.map((level) => Math.round(level).toString(16).padStart(2, "0")).join("")}`;
}

const distance = (one, other) => Math.hypot(...one.map((value, i) => value - other[i]));
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

// sRGB in levels to CIE Lab under D65.
function labOf(rgb) {
  const [r, g, b] = rgb.map((level) => {
    const part = level / 255;
    return part > 0.04045 ? ((part + 0.055) / 1.055) ** 2.4 : part / 12.92;
  });
  const rows = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.072175],
    [0.0193339, 0.119192, 0.9503041],
  ];
  const [x, y, z] = rows.map(([red, green, blue]) => {
    const part = (red * r + green * g + blue * b) / (red + green + blue);
    const delta = 6 / 29;
    return part > delta ** 3 ? Math.cbrt(part) : part / (3 * delta * delta) + 4 / 29;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
