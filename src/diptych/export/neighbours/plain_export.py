"""A model for programs that give a network floats `(1, C, H, W)`, as OpenCV and OpenVINO do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import nn

from diptych.data.fitting import Size
from diptych.errors import DiptychError
from diptych.export.neighbours.mosaics import mosaic, mosaics
from diptych.export.neighbours.plain_graph import plain_graph
from diptych.export.neighbours.tiling import Tiling, tiles_for
from diptych.export.onnx_export import (
    Pair,
    check_parity,
    in_one_file,
    keep,
    proof_pairs,
    prove,
    scores_of,
    without_noise,
)
from diptych.export.onnx_graph import write_metadata
from diptych.export.onnx_precision import Precision, in_precision
from diptych.export.parity import Parity, TileParity, differences
from diptych.model_file import Header
from diptych.networks.told_look import looks_in, with_said_look
from diptych.translation.bounded.reach import reach_of
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.onnx_translator import OnnxTranslator
from diptych.translation.plain_form import PlainForm

OnStep = Callable[[str], None]


def _silent(_: str) -> None:
    """For who does not want to know."""


@dataclass(frozen=True)
class Plain:
    """A model as other programs take it: one picture in, one out, nothing said beside it.

    `translator` gives what the exported file has to give; `by_itself` is the model as it was.
    """

    generator: nn.Module
    header: Header
    translator: NetworkTranslator
    by_itself: NetworkTranslator


def as_plain(translator: NetworkTranslator, to: str, *, in_tiles: bool) -> Plain:
    """The model with noise off, and with its look said for good where one was told.

    `in_tiles`: also where none was, for tiles of one picture must not foretell other looks; it is
    then the mean of the training targets. Raises DiptychError where source and target differ in
    shape.
    """
    if translator.header.target_size is not None:
        raise DiptychError(
            f"--to {to}: results keep the shape of what is given; this model's source and target "
            "differ in shape: --to onnx takes it"
        )
    header, generator, told = without_noise(translator), translator.generator, translator
    if header.look is not None and (in_tiles or translator.look is not None):
        look = translator.look
        mean = looks_in(generator)[0][1].mean.numpy()
        told = translator.told(look=mean if look is None else np.where(np.isnan(look), mean, look))
        generator = with_said_look(generator, torch.from_numpy(told.look))
    if header.look is not None:  # as of a generator that takes none
        network = header.generator
        options = {k: v for k, v in network.options.items() if k != "look_numbers"}
        network = network.model_copy(update={"options": options})
        header = header.model_copy(update={"look": None, "generator": network})
    return Plain(generator, header, told, translator)


def export_plain(
    translator: NetworkTranslator,
    path: Path,
    data: Path,
    *,
    size: Size | None = None,
    precision: Precision = "fp32",
    least_psnr: float | None = None,
    on_step: OnStep = _silent,
) -> Parity:
    """Write the model as `path`, for pictures of any size or of one, and its proof beside it.

    A look that the translator was told is that of all results; else each source foretells its own.
    Raises DiptychError as `export_onnx`, and as `as_plain`.
    """
    plain = as_plain(translator, "plain", in_tiles=False)
    form = PlainForm(size=size)
    content, parity, _ = proved_graph(plain, path, data, form, precision, least_psnr, on_step)
    return keep(path, content, parity)


def export_tiles(  # noqa: PLR0913 - what, whereto, and in which tiles
    translator: NetworkTranslator,
    path: Path,
    data: Path,
    to: str,
    metadata: Callable[[Header, Tiling], dict[str, str]],
    *,
    size: int | None = None,
    anyway: bool = False,
    precision: Precision = "fp32",
    least_psnr: float | None = None,
    on_step: OnStep = _silent,
) -> Parity:
    """As `export_plain`, for a program that gives it square tiles, all numbers divided by 255.

    `metadata`: what the file has to say to the program. Where tiles differ from the whole picture
    by what the model is, it is written only `anyway`; DiptychError says by how much.
    """
    plain = as_plain(translator, to, in_tiles=True)
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
    content, parity, exported = proved_graph(
        plain, path, data, form, precision, least_psnr, on_step, metadata(header, tiling)
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
            f"at most {255 * tiles.max_difference:.3g} of 255, "
            f"{255 * tiles.mean_difference:.2g} on average; --anyway writes it"
        )
    return keep(path, content, parity.model_copy(update={"tiles": tiles}))


def proved_graph(
    plain: Plain,
    path: Path,
    data: Path,
    form: PlainForm,
    precision: Precision,
    least_psnr: float | None,
    on_step: OnStep,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bytes, Parity, OnnxTranslator]:
    """The graph as the content of a file, what it is from the model, and its translator."""
    proof, calibration = proof_pairs(plain.by_itself, data, precision)
    header, scale = plain.header, plain.header.scale
    if form.size is not None:
        proof = list(mosaics(proof, form.size, scale))
    on_step("exporting")
    model = plain_graph(plain.generator, header, form)
    write_metadata(model, metadata)
    if precision != "fp32":
        on_step(f"to {precision}")
        if form.size is not None and calibration:
            calibration = list(mosaics(calibration, form.size, scale))
        inputs = (form.floats(source[None], header.source) for source, _ in calibration)
        model = in_precision(model, precision, inputs)
    content = in_one_file(model, path)
    on_step("running it beside the model")
    exported = OnnxTranslator(path, plain.translator.threads, content)
    ways = [(exported.translate, plain.translator.translate)]
    any_size = form.size is None
    parity = prove(ways, plain.translator, proof, path, precision, least_psnr, any_size)
    if plain.translator is not plain.by_itself:  # scores as it is used otherwise
        results = [plain.by_itself.translate(source[None])[0] for source, _ in proof]
        own = scores_of(results, proof, plain.by_itself.header)
        parity = parity.model_copy(update={"model_scores": own})
    return content, parity, exported


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
