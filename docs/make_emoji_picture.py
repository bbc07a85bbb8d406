"""Make the picture of emoji from a run of their recipe: evenly spread ones held out, none chosen.

python docs/make_emoji_picture.py [runs/emoji] [data/openmoji]
"""

import sys
from pathlib import Path

from PIL import Image

import diptych
from diptych.config import recipe_from
from diptych.data.layouts import find_pairs
from diptych.images.writing import save_image

COLUMNS, GAP = 9, 4


def main(run: str = "runs/emoji", data: str = "data/openmoji") -> None:
    """Rows: drawing, translated, real."""
    translator = diptych.load(run)
    recipe = recipe_from(translator.header.recipe, run)
    pairs = find_pairs(Path(data), recipe).splits["test"]
    shown = [pairs[i * len(pairs) // COLUMNS] for i in range(COLUMNS)]
    both = [[Image.fromarray(side.read()) for side in (one.source, one.target)] for one in shown]
    rows = [[source, translator(source), target] for source, target in both]
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (COLUMNS * (width + GAP) + GAP, 3 * (height + GAP) + GAP), "white")
    for i, column in enumerate(rows):
        for j, picture in enumerate(column):
            sheet.paste(picture, (GAP + i * (width + GAP), GAP + j * (height + GAP)))
    save_image(sheet, Path(__file__).parent / "images" / "tasks" / "emoji.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
