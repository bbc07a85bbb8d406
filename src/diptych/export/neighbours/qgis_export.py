"""A model for QGIS, whose plugin Deepness runs it over a raster in tiles.

What the plugin goes by stands in the file's metadata, each entry as JSON
(https://qgis-plugin-deepness.readthedocs.io, "Creating a model").
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from diptych.config import recipe_from
from diptych.data.layouts import find_pairs
from diptych.data.scale import trained_size
from diptych.errors import DiptychError
from diptych.export.neighbours.mosaics import mosaic
from diptych.export.neighbours.plain_export import Plain, as_plain, proved_graph
from diptych.export.neighbours.tiling import Tiling, tiles_for
from diptych.export.onnx_export import Pair, check_parity, keep, proof_pairs
from diptych.export.onnx_precision import Precision
from diptych.export.parity import Parity, TileParity, difference_in_words, differences
from diptych.images.domain import Domain
from diptych.images.geo import metres_per_pixel
from diptych.model_file import Header
from diptych.translation.bounded.reach import reach_of
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.onnx_translator import OnnxTranslator
from diptych.translation.plain_form import PlainForm, result_channels

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
    """Write the model as `path` for Deepness, and its proof beside it; as `export_plain`.

    `size`: of a tile, its side; by default the smallest that holds what the model sees. Where tiles
    differ from the whole picture by what the model is, it is written only `anyway`; DiptychError
    says by how much.
    """
    plain = as_plain(translator, "qgis", in_tiles=True)
    header = plain.header
    reach = reach_of(plain.generator, header)
    enlarges = header.scale > 1  # whose tiles the plugin puts side by side
    tiling = tiles_for(None if enlarges else reach, header.size_multiple, size)
    if enlarges:
        tiling = Tiling(tiling.size, 0, exact=False)
    form = PlainForm(
        size=(tiling.size, tiling.size),
        overlap=tiling.overlap,
        divided=True,
        apart=header.target.kind != "labels" and not enlarges,  # a regression takes one map of each
    )
    metadata = deepness_metadata(header, tiling, ground_resolution(header, data))
    content, parity, exported = proved_graph(
        plain, path, data, form, precision, least_psnr, on_step, metadata
    )
    check_parity(path, parity)
    on_step("in tiles")
    pairs = proof_pairs(translator, data, precision)[0]
    tiles = tile_parity(exported, plain, pairs, tiling)
    if reach is None:
        why = "takes statistics of the whole picture"
    elif enlarges:
        why = "enlarges, and such tiles are put side by side"
    else:
        why = f"sees {reach} pixels to each side, more than half of what tiles overlap"
    near = tiles.psnr >= parity.least_psnr
    if tiles.exact and not near:  # the reach that was found is wrong
        raise DiptychError(
            f"{path}: not kept: tiles of {tiles.size} that hold all that this model sees are "
            f"{tiles.psnr:.1f} dB from the whole, below {parity.least_psnr:g}: say a larger --size"
        )
    if not (tiles.exact or (near and reach is not None and not enlarges) or anyway):
        raise DiptychError(
            f"{path}: not kept: this model {why}: tiles of {tiles.size} differ from the whole by "
            f"{difference_in_words(tiles, header.target)}; --anyway writes it"
        )
    return keep(path, content, parity.model_copy(update={"tiles": tiles}))


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


def tile_parity(
    exported: OnnxTranslator, plain: Plain, pairs: Sequence[Pair], tiling: Tiling
) -> TileParity:
    """A picture of two by two tiles, out of pairs, assembled beside the model's of the whole."""
    side = 2 * tiling.size - tiling.overlap
    source, _ = mosaic(pairs, (side, side), plain.header.scale)
    apart = differences(
        [exported.translate(source[None])],
        [plain.translator.translate(source[None])],
        plain.header.target,
    )
    return TileParity(
        size=tiling.size,
        overlap=tiling.overlap,
        picture=f"{side}x{side}",
        exact=tiling.exact,
        **apart,
    )
