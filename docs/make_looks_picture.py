"""Make the picture of looks from a run of emoji that is told them: held-out drawings in colours.

python docs/make_looks_picture.py [runs/emoji] [data/openmoji]
"""

import sys
from pathlib import Path

from PIL import Image

import diptych
from diptych.config import recipe_from
from diptych.data.layouts import find_pairs
from diptych.images.writing import save_image

ROWS, GAP = 4, 4
COLOURS = ("#c22f2f", "#e8a020", "#3a8f3a", "#2f9fb0", "#2f4fc2", "#8a3fb0", "#e87fa8")


def main(run: str = "runs/emoji", data: str = "data/openmoji") -> None:
    """Rows: a drawing, as the model would colour it by itself, and in each of the colours."""
    translator = diptych.load(run)
    recipe = recipe_from(translator.header.recipe, run)
    pairs = find_pairs(Path(data), recipe).splits["test"]
    chosen = [pairs[i * len(pairs) // ROWS] for i in range(ROWS)]
    drawings = [Image.fromarray(pair.source.read()) for pair in chosen]
    rows = [
        [drawing, translator(drawing)]
        + [translator(drawing, colors=[colour]) for colour in COLOURS]
        for drawing in drawings
    ]
    width, height = drawings[0].size
    across = len(rows[0]) * (width + GAP) + GAP
    sheet = Image.new("RGB", (across, ROWS * (height + GAP) + GAP), "white")
    for j, row in enumerate(rows):
        for i, picture in enumerate(row):
            sheet.paste(picture, (GAP + i * (width + GAP), GAP + j * (height + GAP)))
    save_image(sheet, Path(__file__).parent / "images" / "looks.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
