"""Exported models in ONNX Runtime, which needs no torch."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from diptych.errors import DiptychError, reason_of
from diptych.fast.processor import give_freed_memory_back, keep_freed_memory
from diptych.images.arrays import finished
from diptych.model_file import Header
from diptych.tensor_file import KEY, parse_header
from diptych.translation.onnx_content import check_content
from diptych.translation.translator import Translator

NEEDS = "needs ONNX Runtime: pip install 'diptych[onnx]'"


class OnnxTranslator(Translator):
    """The translator of an exported model.

    `model` is its file or, under a name for messages, its content. `threads`: of the processor, 0
    for as many as there are cores. Raises DiptychError where it is damaged, no model of this
    program, or the network alone.
    """

    def __init__(self, model: Path, threads: int = 0, content: bytes | None = None) -> None:
        threads = threads or _cores()
        self.name, self._threads = str(model), threads
        try:
            check_content(model, content)
            self.session = open_session(content, threads) if content else _open_file(model, threads)
        except ImportError:
            raise DiptychError(f"{model}: {NEEDS}") from None
        except DiptychError:
            raise
        except Exception as error:  # of the runtime's own types
            reason = reason_of(error).rpartition("failed:")[2]  # without the name it was opened by
            raise DiptychError(f"{model}: not a whole ONNX file: {reason}") from None
        text = self.session.get_modelmeta().custom_metadata_map.get(KEY)
        if text is None:
            raise DiptychError(
                f"{model}: an ONNX file of another program: it has no diptych header; "
                "`diptych export MODEL OUT.onnx` writes one"
            )
        super().__init__(parse_header(model, text, Header))
        self._check_ends()

    def _check_ends(self) -> None:
        """Raise DiptychError where what goes in and comes out is not as the header says."""
        source, target = self.header.source, self.header.target
        (entry, *_), (result, *_) = self.session.get_inputs(), self.session.get_outputs()
        if len(entry.shape) != 4 or entry.shape[3] != source.array_channels:
            raise DiptychError(
                f"{self.name}: the network alone, exported with --bare for other programs: "
                "export it without"
            )
        types = tuple(
            "tensor(uint8)" if in_8_bits else "tensor(float)"
            for in_8_bits in (source.array_dtype == np.uint8, target.kind != "values")
        )
        looks = [one.shape for one in self._look_entries]
        known = self.header.look
        if looks != ([] if known is None else [[1, len(known.foretold)]]):
            raise DiptychError(f"{self.name}: its graph does not fit its header: export it again")
        if (entry.type, result.type) != types or result.shape[3:] != [target.array_channels]:
            raise DiptychError(f"{self.name}: its graph does not fit its header: export it again")

    @property
    def threads(self) -> int:
        """As it was told, or the number of cores."""
        return self._threads

    def run(self, pictures: np.ndarray) -> np.ndarray:
        """Encoding, padding and decoding lie in the graph."""
        results = self._output(0, pictures)
        height, width = (self.header.scale * side for side in pictures.shape[1:3])
        if results.shape[1:3] != (height, width):
            raise DiptychError(
                f"{self.name}: makes {results.shape[2]}x{results.shape[1]} where its header says "
                f"{width}x{height}: export it again"
            )
        return finished(results, self.header.target)

    @property
    def _look_entries(self) -> list[Any]:
        """The graph's input for a look, where it has one: it may be one that can be left out."""
        return [*self.session.get_overridable_initializers(), *self.session.get_inputs()[1:]]

    def _foretold(self, source: np.ndarray) -> np.ndarray:
        look: np.ndarray = self._output(1, source[None])[0]
        return look

    def _output(self, number: int, pictures: np.ndarray) -> np.ndarray:
        names = [end.name for end in self.session.get_outputs()]
        entries = {self.session.get_inputs()[0].name: np.ascontiguousarray(pictures)}
        for entry in self._look_entries:
            untold = np.full(entry.shape[1], np.nan, np.float32)
            entries[entry.name] = (untold if self.look is None else self.look)[None]
        try:
            output: np.ndarray = self.session.run([names[number]], entries)[0]
        except Exception as error:
            raise DiptychError(f"{self.name}: {reason_of(error)}") from None
        return output


def open_session(content: bytes | str, threads: int) -> Any:
    """The runtime's session of a graph or of its file, on so many threads of the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is raised, and said once
    keep_freed_memory()  # opening copies all weights several times
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    finally:
        give_freed_memory_back()


def _open_file(model: Path, threads: int) -> Any:
    """The session of a file, by a name with nothing beside it: a graph can have that read.

    Of its content, which takes a second copy, where the system makes no such names.
    """
    with TemporaryDirectory() as empty:
        alone = Path(empty) / model.name
        try:
            alone.symlink_to(model.resolve(strict=True))
        except OSError:
            return open_session(model.read_bytes(), threads)
        return open_session(str(alone), threads)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
