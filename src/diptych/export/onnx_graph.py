"""A whole translation as one ONNX graph: arrays of the source's domain in, of the target's out.

Encoding, padding, the network, cutting back and decoding all lie inside, for any batch, height and
width, so that whoever runs the file has nothing left to get wrong.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from diptych.errors import DiptychError, reason_of
from diptych.images.encoding import decoded, encode
from diptych.model_file import Header
from diptych.networks.padded import translate_padded
from diptych.networks.told_look import foretold_look
from diptych.tensor_file import KEY

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
SOURCE, TRANSLATED = "source", "translated"  # the graph's input and output
# Of a model that takes a look: one for all pictures, `(1, numbers)`, which may be left out, as may
# each of its numbers, by NaN; and what each source foretells, `(N, numbers)`.
LOOK, FORETOLD = "look", "foretold"
NEEDS = "needs onnx and onnxscript: pip install 'diptych[export]'"


class Translation(nn.Module):
    """From arrays `(N, H, W, C)` of the source's domain to those of the target's, times `scale`.

    Colours and indices are uint8, values float32 in their own units, NaN where there is no data.
    """

    def __init__(self, generator: nn.Module, header: Header) -> None:
        super().__init__()
        self.generator, self.header = generator, header

    def forward(
        self, sources: Tensor, look: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Translate pictures of one size; with a look, say what they foretell of it too."""
        header = self.header
        height, width = sources.shape[1:3]
        batch = encode(sources, header.source)
        rows, columns = (padded_places(side, header.size_multiple) for side in (height, width))
        padded = batch.index_select(2, rows).index_select(3, columns)
        size = height, width
        told = None if look is None else look.expand(sources.shape[0], -1)
        outputs = translate_padded(self.generator, padded, size, header.scale, told)
        translated = decoded(outputs, header.target, sources, header.source)
        if look is None:
            return translated
        return translated, foretold_look(self.generator, padded, size)


def padded_places(side: int, multiple: int) -> Tensor:
    """Which place of a side each place of the padded side shows, as `pad_to_multiple` pads.

    In sums and comparisons of tensors alone: in a graph the side is not known. Its numbers are
    never negative where they are divided, since ONNX rounds towards zero.
    """
    padded, last = (side + multiple - 1) // multiple * multiple, side - 1
    places = torch.arange(padded)
    reflects = places.new_full((), padded - side) < side
    return torch.where(reflects, last - (last - places).abs(), places.clamp(max=last))


def build_graph(
    generator: nn.Module, header: Header, *, bare: bool = False, opset: int = OPSET
) -> "ModelProto":
    """The graph of a generator at test time, its weights inside, the header in its metadata.

    `bare` leaves the network alone in it, without encoding, padding and decoding. Raises
    DiptychError where the exporter is missing or knows no such operation or opset.
    """
    generator = generator.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    domain, module = header.source, generator if bare else Translation(generator, header)
    if bare:
        multiple, sides = header.size_multiple, (2, 3)
        example = torch.zeros(2, domain.channels, 2 * multiple, 3 * multiple)
    else:  # no multiple of anything, so that nothing is taken for granted
        multiple, sides = 1, (1, 2)
        dtype = torch.uint8 if domain.array_dtype == "uint8" else torch.float32
        example = torch.zeros(2, 75, 107, domain.array_channels, dtype=dtype)
    dynamic = {
        axis: torch.export.Dim.DYNAMIC if multiple > 1 else torch.export.Dim(name, min=1)
        for axis, name in zip((0, *sides), ("n", "height", "width"), strict=True)
    }
    looks: list[Tensor] = []
    if header.look is not None and not bare:
        looks = [torch.full((1, header.generator.options["look_numbers"]), float("nan"))]
    model = graph_of(
        module,
        dict(zip((SOURCE, LOOK), (example, *looks), strict=False)),
        (dynamic, *(None for _ in looks)),
        [TRANSLATED, *(FORETOLD for _ in looks)],
        opset,
    )
    write_metadata(model, {KEY: header.model_dump_json()})
    return model


def graph_of(
    module: nn.Module,
    examples: Mapping[str, Tensor],
    dynamic: tuple[object, ...] | None,
    outputs: Sequence[str],
    opset: int,
) -> "ModelProto":
    """What a module does with inputs as the `examples`, by name, of which some sides are `dynamic`.

    Raises DiptychError as `build_graph`.
    """
    try:
        with quiet(), torch.inference_mode():
            program = torch.onnx.export(
                module.eval(),
                tuple(examples.values()),
                dynamic_shapes=dynamic,
                input_names=list(examples),
                output_names=list(outputs),
                opset_version=opset,
                external_data=False,
                verbose=False,
            )
    except ImportError:
        raise DiptychError(NEEDS) from None
    except Exception as error:  # of many types, from all stages of the exporter
        reason = reason_of(error.__cause__ or error)
        raise DiptychError(f"cannot be exported with opset {opset}: {reason}") from None
    assert program is not None  # noqa: S101 - as no file was named
    model: ModelProto = program.model_proto
    for node in model.graph.node:  # whence in its source: paths of this machine, and much to read
        del node.metadata_props[:]
    return model


def write_metadata(model: "ModelProto", entries: Mapping[str, str]) -> None:
    """Put entries among a graph's metadata."""
    for key, text in entries.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text


def look_untold(model: "ModelProto") -> dict[str, np.ndarray]:
    """What a graph takes for a look when nobody says one, by the input's name; empty without."""
    return {
        entry.name: np.full([side.dim_value for side in entry.type.tensor_type.shape.dim], np.nan)
        .astype(np.float32)
        for entry in model.graph.input
        if entry.name == LOOK
    }  # fmt: skip


def let_look_be_left_out(model: "ModelProto") -> None:
    """Give a graph that for its look where none is given."""
    import onnx

    for name, look in look_untold(model).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(look, name))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Exporters talk at length, of themselves and of libraries that are not there."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
