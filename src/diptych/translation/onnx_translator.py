"""Exported models in ONNX Runtime, which needs no torch."""

import os
from collections.abc import Iterable
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
from diptych.translation.plain_form import FORM, PlainForm, result_channels
from diptych.translation.tiles import assembled
from diptych.translation.translator import Translator

NEEDS = "needs ONNX Runtime: pip install 'diptych[onnx]'"


class OnnxTranslator(Translator):
    """The translator of an exported model.

    `model` is its file or, under a name for messages, its content. `threads`: of the processor, 0
    for as many as there are cores. A file that was exported for other programs is given pictures as
    these give them (see `plain_form`). Raises DiptychError where it is damaged, no model of this
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
        entries = self.session.get_modelmeta().custom_metadata_map
        text = entries.get(KEY)
        if text is None:
            raise DiptychError(
                f"{model}: an ONNX file of another program: it has no diptych header; "
                "`diptych export MODEL OUT.onnx` writes one"
            )
        super().__init__(parse_header(model, text, Header))
        # How pictures go in where they are not given as arrays of their domain.
        self.form = parse_header(model, entries[FORM], PlainForm) if FORM in entries else None
        if self.form is None:
            self._check_ends()
        else:
            self._check_plain_ends(self.form)

    def _check_ends(self) -> None:
        """Raise DiptychError where what goes in and comes out is not as the header says."""
        source, target = self.header.source, self.header.target
        (entry, *_), (result, *_) = self._ends()
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

    def _check_plain_ends(self, form: PlainForm) -> None:
        """As `_check_ends`, of a graph that takes pictures by a form."""
        (entry, *_), results = self._ends()
        channels, maps = self.header.source.array_channels, result_channels(self.header.target)
        sides = form.size or (None, None)
        made = [None if side is None else self.header.scale * side for side in sides]
        expected = [[channels, *sides], *([[1, *made]] * maps if form.apart else [[maps, *made]])]
        ends = [entry, *results]

        def fits(shape: list[Any], said: list[Any]) -> bool:
            each = zip(shape[1:], said, strict=False)
            return len(shape) == 4 and all(side in {None, own} for own, side in each)

        if (
            self._look_entries
            or self.header.look is not None
            or len(ends) != len(expected)
            or any(end.type != "tensor(float)" for end in ends)
            or not all(fits(end.shape, said) for end, said in zip(ends, expected, strict=True))
        ):
            raise DiptychError(f"{self.name}: its graph does not fit its header: export it again")

    def _ends(self) -> tuple[list[Any], list[Any]]:
        """What goes in and what comes out; raises DiptychError where one of them is nothing."""
        ends = self.session.get_inputs(), self.session.get_outputs()
        if not all(ends):
            raise DiptychError(f"{self.name}: its graph takes or gives nothing: export it again")
        return ends

    @property
    def threads(self) -> int:
        """As it was told, or the number of cores."""
        return self._threads

    def run(self, pictures: np.ndarray) -> np.ndarray:
        """Encoding, padding and decoding lie in the graph."""
        if self.form is not None:
            return np.stack([self._by_form(picture, self.form) for picture in pictures])
        results = self._output(0, pictures)
        self._check_made(results, pictures, self.header.target.array_channels, last=True)
        return finished(results, self.header.target)

    def maps(self, pictures: np.ndarray) -> np.ndarray:
        """What a graph that takes pictures by a form gives of arrays `(N, H, W, C)`, as it is."""
        assert self.form is not None  # noqa: S101 - asked of such graphs alone
        return self._maps(pictures, self.form)

    def _maps(self, pictures: np.ndarray, form: PlainForm) -> np.ndarray:
        floats, count = form.floats(pictures, self.header.source), 1
        if form.apart:
            count = result_channels(self.header.target)
        results = self._outputs(range(count), floats)
        return results[0] if count == 1 else np.concatenate(results, axis=1)

    def _by_form(self, picture: np.ndarray, form: PlainForm) -> np.ndarray:
        """One picture, in tiles where the graph is for these."""
        source, target, size = self.header.source, self.header.target, picture.shape[:2]

        def translate(part: np.ndarray) -> np.ndarray:
            results = self._maps(part[None], form)
            self._check_made(results, part[None], result_channels(target), last=False)
            made: np.ndarray = form.arrays(results, target)[0]
            return made

        if form.overlap is not None and form.size is not None:
            fill = source.void or 0
            return assembled(picture, form.size[0], form.overlap, translate, fill)
        if form.size is not None and size != form.size:
            raise DiptychError(
                f"{self.name}: takes pictures {form.size[1]} wide and {form.size[0]} high (--size "
                f"{form.size[0]}x{form.size[1]}); this one is {size[1]} wide and {size[0]} high"
            )
        return translate(picture)

    def _check_made(
        self, results: np.ndarray, pictures: np.ndarray, channels: int, last: bool
    ) -> None:
        """Raise DiptychError where results are not as large as the header says.

        Channels come `last`, or before height and width.
        """
        sides = [self.header.scale * side for side in pictures.shape[1:3]]
        said = (len(pictures), *([*sides, channels] if last else [channels, *sides]))
        if results.shape != said:
            raise DiptychError(
                f"{self.name}: makes an array of {results.shape} where its header says {said}: "
                "export it again"
            )

    @property
    def _look_entries(self) -> list[Any]:
        """The graph's input for a look, where it has one: it may be one that can be left out."""
        return [*self.session.get_overridable_initializers(), *self.session.get_inputs()[1:]]

    def _foretold(self, source: np.ndarray) -> np.ndarray:
        look: np.ndarray = self._output(1, source[None])[0]
        return look

    def _output(self, number: int, pictures: np.ndarray) -> np.ndarray:
        return self._outputs([number], pictures)[0]

    def _outputs(self, numbers: Iterable[int], pictures: np.ndarray) -> list[np.ndarray]:
        names = [end.name for end in self.session.get_outputs()]
        entries = {self.session.get_inputs()[0].name: np.ascontiguousarray(pictures)}
        for entry in self._look_entries:
            untold = np.full(entry.shape[1], np.nan, np.float32)
            entries[entry.name] = (untold if self.look is None else self.look)[None]
        try:
            outputs: list[np.ndarray] = self.session.run([names[i] for i in numbers], entries)
        except Exception as error:
            raise DiptychError(f"{self.name}: {reason_of(error)}") from None
        return outputs


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
