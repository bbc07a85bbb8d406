"""A model for programs that give a network floats `(1, C, H, W)`, as OpenCV and OpenVINO do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import nn

from diptych.data.fitting import Size
from diptych.errors import DiptychError
from diptych.export.neighbours.mosaics import mosaics
from diptych.export.neighbours.plain_graph import plain_graph
from diptych.export.onnx_export import (
    in_one_file,
    keep,
    proof_pairs,
    prove,
    scores_of,
    without_noise,
)
from diptych.export.onnx_graph import write_metadata
from diptych.export.onnx_precision import Precision, in_precision
from diptych.export.parity import Parity
from diptych.model_file import Header
from diptych.networks.told_look import looks_in, with_said_look
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.onnx_translator import OnnxTranslator
from diptych.translation.plain_form import PlainForm


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
    on_step: Callable[[str], None] = lambda _: None,
) -> Parity:
    """Write the model as `path`, for pictures of any size or of one, and its proof beside it.

    A look that the translator was told is that of all results; else each source foretells its own.
    Raises DiptychError as `export_onnx`, and as `as_plain`.
    """
    plain = as_plain(translator, "plain", in_tiles=False)
    form = PlainForm(size=size)
    content, parity, _ = proved_graph(plain, path, data, form, precision, least_psnr, on_step)
    return keep(path, content, parity)


def proved_graph(
    plain: Plain,
    path: Path,
    data: Path,
    form: PlainForm,
    precision: Precision,
    least_psnr: float | None,
    on_step: Callable[[str], None],
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
