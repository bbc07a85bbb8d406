"""A model for QGIS, whose plugin Deepness runs it over a raster in tiles.

What the plugin goes by stands in the file's metadata, each entry as JSON
(https://qgis-plugin-deepness.readthedocs.io, "Creating a model").
"""

import json
from collections.abc import Callable
from pathlib import Path

from diptych.config import recipe_from
from diptych.data.layouts import find_pairs
from diptych.data.scale import trained_size
from diptych.errors import DiptychError
from diptych.export.neighbours.plain_export import export_tiles
from diptych.export.neighbours.tiling import Tiling
from diptych.export.onnx_precision import Precision
from diptych.export.parity import Parity
from diptych.images.domain import Domain
from diptych.images.geo import metres_per_pixel
from diptych.model_file import Header
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.plain_form import result_channels

COLOURS = ("red", "green", "blue")


def export_qgis(
    translator: NetworkTranslator,
    path: Path,
    data: Path,
    *,
    size: int | None = None,
    anyway: bool = False,
    precision: Precision = "fp32",
    least_psnr: float | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Parity:
    """Write the model as `path` for Deepness, and its proof beside it; as `export_tiles`.

    `size`: of a tile, its side; by default the smallest that holds what the model sees.
    """
    resolution = ground_resolution(translator.header, data)

    def metadata(header: Header, tiling: Tiling) -> dict[str, str]:
        return deepness_metadata(header, tiling, resolution)

    return export_tiles(
        translator,
        path,
        data,
        "qgis",
        metadata,
        size=size,
        anyway=anyway,
        precision=precision,
        least_psnr=least_psnr,
        on_step=on_step,
    )


def deepness_metadata(header: Header, tiling: Tiling, resolution: float | None) -> dict[str, str]:
    """What the plugin reads in a file. `resolution`: cm a pixel, None where that is not known."""
    labels = header.target.kind == "labels"
    kind = "Superresolution" if header.scale > 1 else "Segmentor" if labels else "Regressor"
    entries: dict[str, object] = {
        "model_type": kind,
        "tile_size": tiling.size,
        "tiles_overlap": tiling.percent,
        "class_names": dict(enumerate(map_names(header.target))),
    }
    if kind == "Regressor":  # one dictionary for each output
        entries["class_names"] = [{0: name} for name in map_names(header.target)]
    if labels:  # the class that is most probable, however little, and no spot smoothed away
        entries |= {"seg_thresh": 0, "seg_small_segment": 0}
    else:
        entries["reg_output_scaling"] = 1
    if resolution is not None:
        entries["resolution"] = resolution
    return {key: json.dumps(value) for key, value in entries.items()}


def map_names(target: Domain) -> list[str]:
    """A name for each map of a result; the plugin names files by them."""
    name = target.name.replace("/", " ")
    count = result_channels(target)
    if target.kind == "labels":
        return [f"{name} {i}" for i in range(count)]
    if target.kind in {"rgb", "chroma"}:
        return [f"{name} {colour}" for colour in COLOURS]
    return [name] if count == 1 else [f"{name} band {i + 1}" for i in range(count)]


def ground_resolution(header: Header, data: Path) -> float | None:
    """Centimetres on the ground of a pixel as the model saw it; None without georeference."""
    pairs = find_pairs(data, recipe_from(header.recipe, "the model's recipe")).splits
    first = next((pair for split in ("train", "val", "test") for pair in pairs[split]), None)
    if first is None:
        return None
    picture = first.source.parts[0]
    try:
        metres = metres_per_pixel(picture.path)
        width, height = picture.size
    except DiptychError:
        return None
    trained = trained_size(header, (height, width)) or (height, width)
    return None if metres is None else round(100 * metres * width / trained[1], 4)
