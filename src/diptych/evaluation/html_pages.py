"""What all pages have in common: each is one HTML file that carries its pictures within."""

import base64
import io
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageOps

from diptych.images.rgb import to_rgb
from diptych.images.writing import png_of
from diptych.whole_file import write_whole

LARGEST_SIDE = 512  # larger pictures are shown reduced
LIKELY = 4  # a PNG made in haste, so many times as large as JPEG, may yet be the smaller one
SMALL_SIDE = 128  # smaller ones are enlarged by whole pixels, for a browser would blur them


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture as pages show it, encoded."""

    kind: str  # png or jpeg
    content: bytes
    width: int
    height: int
    reduced: bool

    @property
    def uri(self) -> str:
        """An address that carries the picture."""
        return _uri(f"image/{self.kind}", self.content)


def embedded(pixels: np.ndarray, largest_side: int = LARGEST_SIDE) -> EmbeddedPicture:
    """A picture `(H, W, 3 or 4)` uint8: as PNG or JPEG, whichever is the smaller."""
    image = to_rgb(Image.fromarray(pixels))
    longest = max(image.size)
    image.thumbnail((largest_side, largest_side), Image.Resampling.LANCZOS, reducing_gap=None)
    if longest < SMALL_SIDE:
        image = ImageOps.scale(image, 2 * SMALL_SIDE // longest, Image.Resampling.NEAREST)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=90, subsampling=0)  # labels have coloured edges
    encoded = {"jpeg": jpeg.getvalue()}
    if len(png_of(np.asarray(image))) < LIKELY * len(encoded["jpeg"]):
        png = io.BytesIO()
        image.save(png, "PNG", optimize=True)
        encoded["png"] = png.getvalue()
    kind = min(encoded, key=lambda kind: len(encoded[kind]))
    return EmbeddedPicture(kind, encoded[kind], *image.size, reduced=longest > largest_side)


def data_uri(pixels: np.ndarray) -> str:
    """A picture `(H, W, 3 or 4)` uint8 as an address that carries it."""
    return embedded(pixels).uri


def file_uri(path: Path) -> str:
    """A picture's file as an address that carries it."""
    return _uri(mimetypes.guess_type(path)[0] or "image/gif", path.read_bytes())


def write_html(path: Path, package: str, template: str, **context: Any) -> None:
    """Write the `template` that lies in `package`, filled in, whole or not at all."""
    write_whole(path, filled(package, template, **context))


def filled(package: str, template: str, **context: Any) -> str:
    """The `template` that lies in `package`, filled in."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, ".") for name in (package, "diptych.evaluation")]),
        autoescape=True,  # names of files and labels of domains come from other people
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    return environment.get_template(template).render(context)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
