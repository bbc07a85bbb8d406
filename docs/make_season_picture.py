"""Make the picture of a continent in other light: a map translated in the colours of two tiles.

python docs/make_season_picture.py [runs/earth-back] [data/earth]

The run is of the recipe `earth`, `--direction 'map -> satellite' --set generator.look=told`; it has
seen neither the continent nor its colours.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import diptych
from diptych.datasets.earth import CONTINENT, CONTINENT_FILE
from diptych.images.rgb import read_image
from diptych.images.writing import save_image

GAP = 8
LIKE = ("24N-004E.png", "72N-044W.png")  # the Sahara, Greenland


def main(run: str = "runs/earth-back", data: str = "data/earth") -> None:
    """The map, as the model has it by itself, like each tile."""
    translator = diptych.load(run)
    source = read_image(Path(data) / CONTINENT / "map" / CONTINENT_FILE)
    tiles = [read_image(Path(data) / "train" / "satellite" / name) for name in LIKE]
    results = [translator(source), *(translator(source, like=tile) for tile in tiles)]
    pictures = [np.asarray(picture)[::2, ::2] for picture in (source, *results)]
    height, width = pictures[0].shape[:2]
    sheet = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (i * (width + GAP), 0))
    save_image(sheet, Path(__file__).parent / "images" / "seasons.jpg")


if __name__ == "__main__":
    main(*sys.argv[1:])
