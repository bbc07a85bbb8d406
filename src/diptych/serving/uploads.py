"""What the worker does: a file in, files out, with errors in the words of who sent it."""

import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.display import displayed
from diptych.images.writing import save_image
from diptych.serving.models import Served
from diptych.translation.jobs.file_plan import check_format, default_format
from diptych.translation.jobs.pipeline import spread_map

MOST_SAMPLES = 16  # of one picture


def translate_file(
    served: Served,
    source: Path,
    form: str | None = None,
    *,
    fit: bool = False,
    colors: Sequence[str] = (),
    look: Sequence[float] = (),
) -> Path:
    """Translate the picture in `source` to a file beside it, in a format of `formats_of`.

    With `fit` it is brought to the scale of the training first, and the result back. `colors`: its
    largest one or two, or `look`, for a model that takes one. Raises DiptychError where it is no
    picture, too large, or where the format has no room for the result.
    """
    with _called_as_sent(source):
        if form is not None:
            check_format(form, served.translator.header.target, "format")
        translator = served.fitting(fit)
        if colors or look:
            translator = translator.told(colors=colors, look=np.array(look) if look else None)
        return _write(served, translator.apply(served.translator.read(source)), source, form)


def look_of_file(served: Served, like: Path) -> list[float]:
    """The look that has results as the picture in a file is, for `translate_file`."""
    with _called_as_sent(like):
        look = served.translator.told(like=like).look
        return [] if look is None else look.tolist()


def compare(served: Served, source: Path, *, fit: bool = False) -> tuple[Path, Path, Path]:
    """As `translate_file`, with both sides as PNG files of one size to look at: before, after."""
    with _called_as_sent(source):
        picture = served.translator.read(source)
        result = served.fitting(fit).apply(picture)
        header = served.translator.header
        after = displayed(result, header.target)
        before = Image.fromarray(displayed(picture, header.source))
        size = after.shape[1], after.shape[0]
        if before.size != size:  # times the model's scale, without inventing anything
            before = before.resize(size, Image.Resampling.NEAREST)
        places = source.with_name("before.png"), source.with_name("after.png")
        save_image(before, places[0])
        save_image(Image.fromarray(after), places[1])
        return *places, _write(served, result, source, None)


def samples(
    served: Served, source: Path, count: int, seed: int, *, fit: bool = False
) -> list[Path]:
    """So many results that differ, as PNG files to look at, and last the map of their spread.

    In their look, or by noise. Raises DiptychError also where the model has neither.
    """
    with _called_as_sent(source):
        if not (1 <= count <= MOST_SAMPLES and 0 <= seed < 2**63):
            raise DiptychError(f"{count} samples, seed {seed}: 1 to {MOST_SAMPLES}, seed 0 or more")
        results = served.fitting(fit).samples(served.translator.read(source), count, seed)
        looks = [displayed(result, served.translator.header.target) for result in results]
        names = [*(f"sample_{i}.png" for i in range(1, count + 1)), "spread.png"]
        places = [source.with_name(name) for name in names]
        pictures = [*map(Image.fromarray, looks), spread_map(looks)]
        for picture, place in zip(pictures, places, strict=True):
            save_image(picture, place)
        return places


def zip_files(files: Sequence[tuple[str, Path]], notes: Sequence[str], place: Path) -> Path:
    """One zip file of results under their names, with a list of what was not translated."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as bundle:
        for name, path in files:
            bundle.write(path, name)
        if notes:
            bundle.writestr("not-translated.txt", "\n".join(notes) + "\n")
    return place


def new_folder() -> Path:
    """A folder for the files of one request; the server removes it when it is old."""
    return Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))


def _write(served: Served, result: np.ndarray, source: Path, form: str | None) -> Path:
    form = form or default_format(served.translator.header.target)
    place = source.with_name(f"{source.stem}_translated.{form}")
    served.translator.write(place, result, source)
    return place


@contextmanager
def _called_as_sent(source: Path) -> Iterator[None]:
    """Errors call the file what its sender called it, and show nothing of this machine."""
    try:
        yield
    except DiptychError as error:
        text = str(error).replace(str(source.with_suffix("")), source.stem)
        # What its owner could do about a limit is not for who sends pictures.
        raise DiptychError(text.partition("; if that is meant")[0]) from None
