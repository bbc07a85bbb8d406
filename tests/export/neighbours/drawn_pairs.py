"""Pairs of noise, and a model that would be of them: what an export is proved on."""

from pathlib import Path

import numpy as np
from PIL import Image
from tests.export.test_onnx_export import model

from diptych.images.domain import plain
from diptych.translation.network_translator import NetworkTranslator


def draw_pairs(folder: Path, side: int, count: int) -> Path:
    """So many, `side` pixels a side, in `A` and `B`; gives the folder."""
    for name in "AB":
        (folder / name).mkdir()
        for i in range(count):
            drawn = np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8)
            Image.fromarray(drawn).save(folder / name / f"{i}.png")
    return folder


def of_pairs(
    name: str, options: dict, side: int, kind: str = "rgb", **data: str
) -> NetworkTranslator:
    """A generator with a recipe for such pairs; `data` are further keys of it."""
    made = model(name, options, plain("drawing", kind), plain("photo", kind))
    recipe = {"data": {"load_size": side, "crop_size": side, **data}}
    return NetworkTranslator(made.header.model_copy(update={"recipe": recipe}), made.generator)
