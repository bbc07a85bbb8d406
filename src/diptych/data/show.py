"""Look at pairs before training: as the model will see them, or the sources a task makes."""

from pathlib import Path

import numpy as np
from PIL import Image

from diptych.data.batches import Batches
from diptych.data.crops import training_crops
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.data.pairs import Progress, counted
from diptych.data.prepare import prepared
from diptych.errors import DiptychError
from diptych.images.display import displayed
from diptych.images.sheet import as_large, sheet
from diptych.images.writing import save_image
from diptych.portable_name import portable
from diptych.schema import SPLITS, Recipe


def contact_sheet(root: Path, recipe: Recipe, count: int) -> Image.Image:
    """The first `count` training pairs that a run would see, cropped and augmented, two abreast."""
    paired = find_pairs(root, recipe)
    pairs = paired.splits["train"]
    if not pairs:
        raise DiptychError(f"{root}: no training pairs")
    domains = find_domains(paired, recipe)
    batches = Batches(training_crops(pairs, recipe, domains), domains, recipe, count)
    source, target = (
        displayed(pictures.numpy(), domain)
        for pictures, domain in zip(batches.pictures_at(0), domains, strict=True)
    )
    half = -(-len(target) // 2)  # an odd one out stands in the first column
    columns = []
    for start in (0, half)[: 2 if len(target) > 1 else 1]:
        part = slice(start, start + half)
        columns.append((paired.domains[0], as_large(source[part], target)))
        columns.append((paired.domains[1], target[part]))
    return sheet(columns)


def write_derived(
    photos: Path, out: Path, recipe: Recipe, most: int, on_progress: Progress | None = None
) -> int:
    """Write sources that the recipe's task makes of `photos` to `out/A`, and the photos to `out/B`.

    Splits as they are found, at most `most` pairs of each, as PNG. Returns the number of pairs.
    """
    if recipe.derive.kind == "none":
        raise DiptychError("this recipe takes pairs as they are: it makes no sources from photos")
    paired = find_pairs(photos, recipe)
    domains = find_domains(paired, recipe)
    chosen = [(split, pair) for split in SPLITS for pair in paired.splits[split][:most]]
    for split, pair in counted(chosen, len(chosen), on_progress):
        pictures = prepared(pair, domains, None, recipe.derive)
        for side, picture in zip("AB", pictures, strict=True):
            image = Image.fromarray(np.ascontiguousarray(picture))
            save_image(image, out / side / split / f"{portable(pair.name)}.png")
    return len(chosen)
