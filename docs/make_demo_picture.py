"""Make the pictures of the demo from finished ones: a continent that no model has seen, both ways.

python docs/make_demo_picture.py [runs/demo] [runs/demo-back] [data/earth]

Each shows source | translated | target as one row; the first also stands in the README. Of that the
film, from the first step on, is copied.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image

from diptych.datasets.earth import CONTINENT, CONTINENT_FILE
from diptych.experiments.demo import continent_file, film_file
from diptych.images.rgb import read_image
from diptych.images.writing import save_image
from diptych.model_file import read_header
from diptych.model_place import model_path

GAP = 8
IMAGES = Path(__file__).parent / "images"


def main(there: str = "runs/demo", back: str = "runs/demo-back", data: str = "data/earth") -> None:
    """Write `demo.jpg`, `demo-back.jpg` and `demo-film.webp`."""
    save_image(row(Path(there), Path(data)), IMAGES / "demo.jpg")
    save_image(row(Path(back), Path(data)), IMAGES / "demo-back.jpg")
    shutil.copyfile(film_file(Path(there)), IMAGES / "demo-film.webp")


def row(run: Path, data: Path) -> Image.Image:
    """Source, translated and target beside each other, on white."""
    header = read_header(model_path(run))
    source, target = (
        data / CONTINENT / side.name / CONTINENT_FILE for side in (header.source, header.target)
    )
    pictures = [read_image(path) for path in (source, continent_file(run), target)]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (3 * width + 2 * GAP, height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i * (width + GAP), 0))
    return sheet


if __name__ == "__main__":
    main(*sys.argv[1:])
