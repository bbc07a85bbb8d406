"""What a person on the page, or a program, can have a model do."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from diptych.errors import DiptychError
from diptych.serving.counters import Metrics
from diptych.serving.models import Served
from diptych.serving.uploads import new_folder, samples, translate_file, zip_files
from diptych.serving.waiting_line import Line

BATCH = 100  # pictures in one
NOT_DONE = "Not translated"


@contextmanager
def errors_told() -> Iterator[None]:
    """Errors are shown in their one line."""
    try:
        yield
    except DiptychError as error:
        raise gr.Error(str(error), title=NOT_DONE, print_exception=False) from None


class Actions:
    """What the page and other programs have done: each in the line, counted, with errors told."""

    def __init__(self, line: Line, metrics: Metrics) -> None:
        self.line, self.metrics = line, metrics

    async def one(self, served: Served, path: str, work: Callable[..., Any], **options: Any) -> Any:
        """What `work(served, copy of the file, ...)` gives."""
        with errors_told():
            async with self.metrics.watch(served), self.line.place():
                return await self.line.run(lambda: work(served, _taken(path), **options))

    async def several(
        self, served: Served, path: str, count: float, seed: float | None, fit: bool
    ) -> list[str]:
        """So many results that differ, and last the map of their spread."""
        options = {"count": int(count), "seed": int(seed or 0), "fit": fit}
        return [str(place) for place in await self.one(served, path, samples, **options)]

    async def batch(self, served: Served, paths: Sequence[str], *, fit: bool = False) -> Path:
        """A zip of the results of many pictures; it says which were not translated, and why."""
        with errors_told():
            if len(paths) > BATCH:
                raise DiptychError(f"{len(paths)} pictures: at most {BATCH} at once")
            results: list[tuple[str, Path]] = []
            notes: list[str] = []

            def translated(path: str) -> Path:
                return translate_file(served, _taken(path), fit=fit)

            async with self.line.place(max(1, len(paths))):
                for number, path in enumerate(paths, 1):
                    try:
                        async with self.metrics.watch(served):
                            result = await self.line.run(partial(translated, path))
                        results.append((f"{number:03}_{result.name}", result))
                    except DiptychError as error:
                        name = Path(path).name
                        notes.append(f"{name}: {str(error).removeprefix(f'{name}: ')}")
                if not results:
                    raise DiptychError("; ".join(notes[:3]) or "no pictures were given")
                place = new_folder() / f"{served.name}.zip"
                return await self.line.run(partial(zip_files, results, notes, place))


def _taken(path: str) -> Path:
    """An upload in a folder of its own, for the results beside it; the upload stays as it is."""
    copy = new_folder() / Path(path).name
    try:
        shutil.copyfile(path, copy)
    except OSError:
        raise DiptychError("this picture was deleted here meanwhile: give it once more") from None
    return copy
