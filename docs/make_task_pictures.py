"""Make the pictures of the task pages from finished runs: source | translated | original.

python docs/make_task_pictures.py RUNS_FOLDER

Where RUNS_FOLDER holds a run named as its task, the picture goes to docs/images/tasks/NAME.png.
Only free photos are shown: two that come with scikit-image, the same crops for every task, none
chosen by its result. Tasks whose sources are labels, maps or webcams have no free source here.
"""

import sys
from pathlib import Path

import numpy as np
from skimage import data

import diptych
from diptych.config import recipe_from
from diptych.data.derive import DERIVATIONS, derive
from diptych.images.sheet import as_large, sheet
from diptych.images.writing import save_image

TASKS = ("restore", "superres", "denoise", "colorize", "inpaint", "sketch")
SIDE = 256
# Both CC0: coffee by Rachel Michetti, Chelsea by Stefan van der Walt. Top and left of the crop.
PHOTOS = ((data.coffee, 72, 172), (data.chelsea, 24, 100))
OUT = Path(__file__).parent / "images" / "tasks"


def draw(run: Path, photos: np.ndarray) -> None:
    """Write the picture of one run."""
    translator = diptych.load(run)
    settings = recipe_from(translator.header.recipe, str(run)).derive
    sources = derive(photos, settings, np.random.default_rng(0))
    source, target = DERIVATIONS[settings.kind].domains
    columns = [
        (source, as_large(sources, photos)),
        ("translated", translator.translate(sources)),
        (f"{target}: the original", photos),
    ]
    save_image(sheet(columns), OUT / f"{run.name}.png")


def main(runs: str) -> None:
    """Draw every task that has a run, and say which have none."""
    photos = np.stack(
        [photo()[top : top + SIDE, left : left + SIDE] for photo, top, left in PHOTOS]
    )
    for task in TASKS:
        run = Path(runs) / task
        if (run / "model.safetensors").is_file():
            draw(run, photos)
            print(f"{task}: {OUT / f'{task}.png'}")  # noqa: T201
        else:
            print(f"{task}: no run in {run}, skipped")  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
