"""A whole translation as the graph that other programs expect: floats `(1, C, H, W)` in and out.

Normalisation, ranges, padding and cutting back lie inside, as in `onnx_graph`; what differs is how
pictures come in and go out (see `translation.plain_form`).
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.export.onnx_graph import SOURCE, TRANSLATED, graph_of, padded_places, write_metadata
from diptych.images.domain import Domain
from diptych.images.encoding import data_mask, decoded, encode
from diptych.images.padding import pad_to_multiple
from diptych.losses.cross_entropy import SHARPNESS
from diptych.model_file import Header
from diptych.networks.padded import translate_padded
from diptych.tensor_file import KEY
from diptych.translation.plain_form import FORM, PlainForm, result_channels

if TYPE_CHECKING:
    from onnx import ModelProto

# What all of them read: ONNX Runtime from 1.14 on, OpenVINO, OpenCV 5.
OPSET, IR_VERSION = 18, 8
NEAR = 1e-6  # parts of a number that division by 255, and back, may cost


class PlainTranslation(nn.Module):
    """From `(N, C, H, W)` of the source to that of the target, times `scale`, both as `form` says.

    Where a source holds no data values hold their `nodata`, else NaN, and every class is 0.
    """

    def __init__(self, generator: nn.Module, header: Header, form: PlainForm) -> None:
        super().__init__()
        self.generator, self.header, self.form = generator, header, form

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Translate pictures of one size."""
        header, size = self.header, (pictures.shape[2], pictures.shape[3])
        numbers = self._numbers(pictures)
        own = header.source.parts or (header.source,)
        batch = torch.cat([encode(*each) for each in zip(numbers, own, strict=True)], dim=1)
        if self.form.size is None:
            rows, columns = (padded_places(side, header.size_multiple) for side in size)
            padded = batch.index_select(2, rows).index_select(3, columns)
        else:
            padded = pad_to_multiple(batch, header.size_multiple)
        outputs = translate_padded(self.generator, padded, size, header.scale)
        result = self._result(outputs, torch.cat(numbers, dim=-1))
        return torch.split(result, 1, dim=1) if self.form.apart else result

    def _numbers(self, pictures: Tensor) -> list[Tensor]:
        """`(N, H, W, C)` of every part of the source, in its own units."""
        parts = self.header.source.parts or (self.header.source,)
        pieces = torch.split(pictures, [part.array_channels for part in parts], dim=1)
        return [
            self._in_units(piece.movedim(1, -1), p) for piece, p in zip(pieces, parts, strict=True)
        ]

    def _in_units(self, numbers: Tensor, domain: Domain) -> Tensor:
        if not (domain.is_picture or self.form.divided):
            return numbers.round() if domain.kind == "labels" else numbers
        numbers = numbers * 255
        if domain.kind == "labels" or (domain.kind == "values" and domain.dtype[0] != "f"):
            return numbers.round()
        if domain.void is None or domain.is_picture:
            return numbers
        near = (numbers - domain.void).abs() <= NEAR * abs(domain.void)
        return torch.where(near, domain.void, numbers)

    def _result(self, outputs: Tensor, sources: Tensor) -> Tensor:
        source, target = self.header.source, self.header.target
        if target.kind == "labels":
            maps = F.softmax(SHARPNESS * outputs, dim=1)
            mask = None if target.void is None else data_mask(sources, source)
            return maps if mask is None else maps * mask.any(dim=-1)[:, None]
        if target.kind == "values":
            values = decoded(outputs, target, sources, source).movedim(-1, 1)
            if target.dtype[0] != "f":
                values = values.round()  # whoever cuts off what is behind the point changes nothing
            if target.void is None or data_mask(sources, source) is None:
                return values
            return torch.where(values.isnan(), target.void, values)
        if target.kind == "chroma" or source.kind == "rgba":  # which their sources have a part in
            return decoded(outputs, target, sources, source).movedim(-1, 1) / 255
        return ((outputs + 1) / 2).clamp(0, 1)


def plain_graph(generator: nn.Module, header: Header, form: PlainForm) -> "ModelProto":
    """The graph of a generator at test time, its header and form in the metadata.

    Of any height and width where the form names no size. Raises DiptychError as `build_graph`.
    """
    generator = generator.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    height, width = form.size or (75, 107)  # no multiple of anything: nothing is taken for granted
    example = torch.zeros(1, header.source.array_channels, height, width)
    dynamic = None
    if form.size is None:
        dynamic = ({2: torch.export.Dim("height", min=1), 3: torch.export.Dim("width", min=1)},)
    module = PlainTranslation(generator, header, form)
    maps = result_channels(header.target) if form.apart else 1
    names = [TRANSLATED] if maps == 1 else [f"{TRANSLATED}_{i}" for i in range(maps)]
    model = graph_of(module, {SOURCE: example}, dynamic, names, OPSET)
    if form.size is None:  # by plain names, which the exporter's are not
        sides = model.graph.output[0].type.tensor_type.shape.dim[2:]
        for side, dim in zip(("height", "width"), sides, strict=True):
            dim.dim_param = side if header.scale == 1 else f"{header.scale}*{side}"
    model.ir_version = IR_VERSION
    write_metadata(
        model, {KEY: header.model_dump_json(), FORM: form.model_dump_json(exclude_none=True)}
    )
    return model
