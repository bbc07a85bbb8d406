"""ONNX graphs in fewer bits: half precision, or 8-bit integers calibrated on real pictures."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diptych.errors import DiptychError
from diptych.export.onnx_graph import SOURCE, look_untold, quiet

if TYPE_CHECKING:
    from onnx import ModelProto

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")

# All else, the statistics of normalisation above all, would lose digits or overflow.
IN_HALF = {"Conv", "ConvTranspose", "Relu", "LeakyRelu", "Concat"}
IN_INTEGERS = ["Conv", "ConvTranspose"]


def parse_precision(text: str) -> Precision:
    """A precision by name; raises DiptychError where it is none."""
    for precision in PRECISIONS:
        if text == precision:
            return precision
    raise DiptychError(f"--precision {text!r}: one of {', '.join(PRECISIONS)}")


def in_precision(
    model: "ModelProto", precision: Precision, calibration: Iterable[np.ndarray]
) -> "ModelProto":
    """The graph in that precision; inputs and outputs stay as they are.

    fp16: weights and convolutions. int8: weights for each channel, and what the convolutions read,
    by the ranges that the `calibration` pictures give it (`(N, H, W, C)`, as the graph takes them).
    A transposed convolution's weights are stored so; today's runtimes compute it in float32.
    """
    if precision == "fp16":
        return _half(model)
    return _integers(model, calibration) if precision == "int8" else model


def _half(model: "ModelProto") -> "ModelProto":
    import onnx_ir as ir
    from onnxruntime.transformers.float16 import convert_float_to_float16

    others = sorted({node.op_type for node in model.graph.node} - IN_HALF)
    graph = ir.from_proto(convert_float_to_float16(model, keep_io_types=True, op_block_list=others))
    graph.graph.sort()  # the converter puts some nodes before those that they need
    in_order: ModelProto = ir.to_proto(graph)
    return in_order


def _integers(model: "ModelProto", calibration: Iterable[np.ndarray]) -> "ModelProto":
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    pictures, beside = iter(calibration), look_untold(model)

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        """Hands out the pictures one by one."""

        def get_next(self) -> dict[str, Any] | None:
            """The next one, None after the last."""
            picture = next(pictures, None)
            return None if picture is None else {SOURCE: picture, **beside}

    metadata = {entry.key: entry.value for entry in model.metadata_props}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantised.onnx"
        try:
            with quiet():
                quantize_static(
                    model,
                    path,
                    Pictures(),
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    op_types_to_quantize=IN_INTEGERS,
                )
        except ValueError as error:  # as without any picture
            raise DiptychError(f"int8: {error}") from None
        quantised = onnx.load(path)
    del quantised.metadata_props[:]
    onnx.helper.set_model_props(quantised, metadata)
    return quantised
