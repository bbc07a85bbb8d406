"""What the worker does: the bytes of a picture in, an answer out, errors in its sender's words."""

import base64
import io
import mimetypes
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.display import displayed
from diptych.images.files import TIFF_SUFFIXES
from diptych.images.writing import write_values
from diptych.serving.models import Served
from diptych.serving.spans import span
from diptych.translation.jobs.file_plan import check_format, default_format
from diptych.translation.jobs.pipeline import spread_map
from diptych.translation.translator import Translator

MOST_SAMPLES = 16  # of one picture
SEEN = 1024  # pixels of a side that the page shows


@dataclass(frozen=True)
class Wishes:
    """How a picture is to be translated.

    `form`: of the result, by default the target's own. With `fit` it is brought to the scale of the
    training first, and the result back. `colors`, its largest one or two, or `look`, its numbers:
    for a model that takes one. `seed`: of noise.
    """

    form: str | None = None
    fit: bool = False
    colors: Sequence[str] = ()
    look: Sequence[float] = ()
    seed: int = 0


@dataclass(frozen=True)
class File:
    """An answer."""

    name: str
    content: bytes

    @property
    def kind(self) -> str:
        """As HTTP calls it."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


def translated(served: Served, content: bytes, wishes: Wishes, name: str = "picture") -> File:
    """The result of a picture.

    Raises DiptychError where it is none, too large, or where the format has no room for the result.
    """
    with _stored(content, name) as source:
        if wishes.form is not None:
            check_format(wishes.form, served.translator.header.target, "format")
        translator = _told(served, wishes)
        picture = served.read(source)
        with span("translate"):
            result = translator.apply(picture)
        return _written(served, result, source, wishes)


def shown(
    served: Served, content: bytes, wishes: Wishes, name: str, before: bool
) -> dict[str, Any]:
    """As `translated`, with what a page shows: pictures as PNG in base64, at most SEEN a side.

    `before`: the source too, for a browser that cannot open it.
    """
    header = served.translator.header
    with _stored(content, name) as source:
        picture = served.read(source)
        translator = _told(served, wishes)
        with span("translate"):
            if wishes.seed and translator.has_noise:
                (result,) = translator.samples(picture, 1, wishes.seed)
            else:
                result = translator.apply(picture)
        file = _written(served, result, source, wishes)
        after = displayed(result, header.target)
        answer = {
            "width": after.shape[1],
            "height": after.shape[0],
            "after": _to_see(after),
            "file": base64.b64encode(file.content).decode(),
            "kind": file.kind,
            "name": file.name,
        }
        if before:
            answer["before"] = _to_see(displayed(picture, header.source))
        if header.look is not None:
            answer["foretold"] = translator.foretold(picture).tolist()
        return answer


def look_of_picture(served: Served, content: bytes) -> list[float]:
    """The look that has results as a picture is, for `Wishes`."""
    with _stored(content, "picture") as like:
        picture = served.decoder.read(like, served.translator.header.target)
        look = served.translator.told(like=picture).look
        return [] if look is None else look.tolist()


def samples(served: Served, content: bytes, wishes: Wishes, count: int) -> File:
    """A zip of so many results that differ, as PNG files, and of the map of their spread.

    In their look, or by noise. Raises DiptychError also where the model has neither.
    """
    with _stored(content, "picture") as source:
        if not (1 <= count <= MOST_SAMPLES and 0 <= wishes.seed < 2**63):
            raise DiptychError(
                f"count={count}, seed={wishes.seed}: 1 to {MOST_SAMPLES}, seed 0 or more"
            )
        picture = served.read(source)
        with span("translate"):
            results = served.fitting(wishes.fit).samples(picture, count, wishes.seed)
        looks = [displayed(result, served.translator.header.target) for result in results]
        names = [*(f"sample_{i}.png" for i in range(1, count + 1)), "spread.png"]
        pictures = [*map(Image.fromarray, looks), spread_map(looks)]
        files = [File(name, _png(image)) for name, image in zip(names, pictures, strict=True)]
        return zipped("samples.zip", files)


def example(served: Served, path: Path, most: int) -> File:
    """A picture that the server offers, small, as PNG."""
    picture = Image.fromarray(
        displayed(served.translator.read(path), served.translator.header.source)
    )
    picture.thumbnail((most, most))
    return File(f"{path.stem}.png", _png(picture))


def zipped(name: str, files: Sequence[File]) -> File:
    """One zip file of files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as bundle:
        for file in files:
            bundle.writestr(file.name, file.content)
    return File(name, content.getvalue())


def _told(served: Served, wishes: Wishes) -> Translator:
    translator = served.fitting(wishes.fit)
    if not (wishes.colors or wishes.look):
        return translator
    look = np.array(wishes.look) if wishes.look else None
    return translator.told(colors=wishes.colors, look=look)


def _written(served: Served, result: np.ndarray, source: Path, wishes: Wishes) -> File:
    form = wishes.form or default_format(served.translator.header.target)
    place = source.with_name(f"{source.stem}_translated.{form}")
    with span("encode"):
        if place.suffix in TIFF_SUFFIXES:
            target = served.translator.header.target
            tags = served.decoder.geo_tags(source, (result.shape[0], result.shape[1]))
            write_values(place, result, target.palette, target.void, tags)
        else:
            served.translator.write(place, result)
    return File(place.name, place.read_bytes())


def _to_see(pixels: np.ndarray) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((SEEN, SEEN))
    return base64.b64encode(_png(image)).decode()


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@contextmanager
def _stored(content: bytes, name: str) -> Iterator[Path]:
    """A picture as a file in a folder of its own, which is gone afterwards.

    Errors call it what its sender called it, and show nothing of this machine.
    """
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        source = Path(folder) / name
        source.write_bytes(content)
        try:
            yield source
        except DiptychError as error:
            text = str(error).replace(str(source.with_suffix("")), source.stem)
            # What its owner could do about a limit is not for who sends pictures.
            raise DiptychError(text.partition("; if that is meant")[0]) from None
