"""Exported models in ONNX Runtime, which needs no torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.images.numbers import finished
from diptych.model_file import KEY, Header, parse_header

Run = Callable[[np.ndarray], np.ndarray]
NEEDS = "needs ONNX Runtime: pip install 'diptych[onnx]'"


def open_onnx(model: Path | bytes, name: str, threads: int = 0) -> tuple[Header, Run]:
    """The header of an exported model, and what translates arrays `(N, H, W, C)` with it.

    `threads`: 0 for the runtime's choice. Raises DiptychError, which calls the file by `name`,
    where it is damaged, no model of this program, or one of the network alone.
    """
    try:
        import onnxruntime
    except ImportError:
        raise DiptychError(f"{name}: {NEEDS}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is raised, and said once
    # In bytes, so that a file cannot have others read beside it.
    content = model if isinstance(model, bytes) else model.read_bytes()
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # of the runtime's own types
        raise DiptychError(f"{name}: not a whole ONNX file: {_reason(error)}") from None
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    if text is None:
        raise DiptychError(
            f"{name}: an ONNX file of another program: it has no diptych header; "
            "make one with `diptych export MODEL OUT.onnx`"
        )
    header = parse_header(text, name)
    entry = session.get_inputs()[0]
    if len(entry.shape) != 4 or entry.shape[3] != header.source.array_channels:
        raise DiptychError(
            f"{name}: the network alone, exported with --bare for other programs: export it without"
        )

    def run(pictures: np.ndarray) -> np.ndarray:
        try:
            (results,) = session.run(None, {entry.name: np.ascontiguousarray(pictures)})
        except Exception as error:
            raise DiptychError(f"{name}: {_reason(error)}") from None
        return finished(results, header.target)

    return header, run


def _reason(error: Any) -> str:
    return str(error).partition("\n")[0]
