"""The one door for picture files: every one is opened here, and held to the limits.

By Pillow, tifffile, imagecodecs, NumPy and PyAV, which nothing else asks to open a file. Whatever
these raise on a file that is missing, damaged or over the limits becomes one line with its name.
"""

import io
import logging
import os
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from diptych.errors import DiptychError, reason_of
from diptych.images.description import ORIENTATION, OpenFile, of_array
from diptych.images.files import ARRAY_SUFFIXES, FORMATS, TIFF_SUFFIXES, ending_within
from diptych.images.limits import check_pixels, max_pixels, too_large
from diptych.images.picture_description import of_picture, shown_key
from diptych.images.tiff_description import of_tiff
from diptych.images.tiff_limits import check_directories
from diptych.regular_file import check_regular, open_regular

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream

# What tifffile logs of damaged files is in our errors; without any handler Python would print it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
# A stranger's file is read as what it is, never as a list of further files to open.
_NO_TIFF = [form for form in FORMATS if form != "TIFF"]
_VIDEO = {"format_whitelist": "mov,matroska,webm,avi", "protocol_whitelist": "file"}
# Neither is a TIFF. These ways to write one have pages in other files, which they name, or as many
# as they say; without them it is read as what its own tags say, and as NumPy's users and ImageJ do.
_OTHER_WAYS = (
    "ome micromanager mmstack ndtiff lsm fluoview stk sis svs scn qpi ndpi bif avs eer philips "
    "scanimage nih mdgel mikroscan motic trestle"
)
_ALONE: dict[str, Any] = {f"is_{way}": False for way in _OTHER_WAYS.split()}
_BY_NUMPY = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_COVER = 1024  # FFmpeg's flag of a video that is a cover picture
_IEND = bytes(4) + b"IEND" + bytes.fromhex("ae426082")  # the last chunk of a PNG
# How its chunks begin that may say how it lies.
_SAY_ORIENTATION = (b"eXIf", b"iTXtXML:com.adobe.xmp", b"tEXtRaw profile", b"zTXtRaw profile")


class _Hushed:
    """While files are read, Pillow has our limit, and warnings that do not matter are hushed.

    Both belong to all threads: the first in sets them, the last out resets them. Python's own way
    would leave them set for good where two threads overlap.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.within = 0
        self.before = warnings.catch_warnings()
        self.limit = Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> Self:
        with self.lock:
            if not self.within:
                self.before = warnings.catch_warnings()
                self.before.__enter__()
                warnings.simplefilter("ignore")
                self.limit = Image.MAX_IMAGE_PIXELS
                # Pillow refuses what is twice as large as this, in files within files too.
                Image.MAX_IMAGE_PIXELS = (max_pixels() + 1) // 2
            self.within += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self.before.__exit__(None, None, None)
                Image.MAX_IMAGE_PIXELS = self.limit


_HUSHED = _Hushed()


@contextmanager
def guarded(path: Path, fault: str = "cannot be read") -> Iterator[None]:
    """What goes wrong within, in reading `path`, as a DiptychError of one line that names it."""
    max_pixels()  # which a wrong one raises, of no file
    try:
        with _HUSHED:
            yield
    except Image.DecompressionBombError:
        raise DiptychError(f"{path}: {too_large('the picture')}") from None
    except DiptychError as error:
        raise DiptychError(f"{path}: {error}") from None
    except UnidentifiedImageError:
        raise DiptychError(f"{path}: not a picture that can be read") from None
    except Exception as error:  # the readers raise errors of many types on damaged data
        missing = getattr(error, "strerror", None)  # what the system says of the file
        raise DiptychError(f"{path}: {missing or f'{fault}: {reason_of(error)}'}") from None


@contextmanager
def opened(path: Path, fault: str = "cannot be read") -> Iterator[OpenFile]:
    """A file of numbers or of a picture, by what it holds: described, and decoded when asked for.

    Errors within become DiptychErrors, as by `guarded`.
    """
    with guarded(path, fault), open_regular(path) as stored:
        ending = ending_within(stored, path)
        if ending in ARRAY_SUFFIXES:
            file, size = _array_file(stored, ending)
            with file:
                yield of_array(file, size)
        elif ending in TIFF_SUFFIXES:
            with _as_tiff(stored) as tiff:
                yield of_tiff(tiff, lambda: _shown_tiff(stored))
        else:
            with _picture_file(stored, _NO_TIFF) as image:
                yield of_picture(image, lambda: _decoded_wide(stored, image.format))


def _array_file(stored: BinaryIO, ending: str) -> tuple[IO[bytes], int]:
    """What holds the array, and how many bytes that has."""
    if ending == ".npy":
        return stored, os.fstat(stored.fileno()).st_size
    with zipfile.ZipFile(stored) as archive:
        names = archive.namelist()
        if not all(name.endswith(".npy") for name in names):
            raise UnidentifiedImageError
        if len(names) != 1:
            raise DiptychError(f"holds {len(names)} arrays ({', '.join(names[:5])}), not one")
        member = archive.getinfo(names[0])
        if member.compress_type not in _BY_NUMPY:
            raise DiptychError("compressed in a way that NumPy does not write")
        return archive.open(member), member.file_size


@contextmanager
def tiff_file(path: Path) -> Iterator[Any]:
    """A file as tifffile opens it, None where it is no TIFF; raises errors of many types."""
    with open_regular(path) as stored:
        is_tiff = ending_within(stored, path) in TIFF_SUFFIXES
        with _as_tiff(stored) if is_tiff else nullcontext() as tiff:
            yield tiff


def _as_tiff(stored: BinaryIO) -> Any:

    check_directories(stored)
    return _tiff_alone()(stored, _multifile=False)


@cache
def _tiff_alone() -> Any:
    """The library's own class, with what it is asked not to be as attributes of the class.

    Some are properties there, that nothing can set.
    """
    import tifffile

    return type("TiffFileAlone", (tifffile.TiffFile,), _ALONE)


def load_readers() -> None:
    """Have the libraries at hand that else the first file loads that needs them."""
    import imagecodecs
    import tifffile  # noqa: F401

    for codec in ("png", "jpeg", "jpeg2k", "webp", "deflate", "lzw"):
        getattr(imagecodecs, f"{codec}_decode")  # which loads it


def _decoded_wide(stored: BinaryIO, form: str | None) -> np.ndarray:
    import imagecodecs

    decode = imagecodecs.png_decode if form == "PNG" else imagecodecs.jpeg2k_decode
    stored.seek(0)
    return decode(stored.read())


def _shown_tiff(stored: BinaryIO) -> Image.Image:
    with _picture_file(stored, ["TIFF"]) as image:
        image.load()  # which turns it upright
        return image.copy()


@contextmanager
def _picture_file(stored: BinaryIO, formats: list[str]) -> Iterator[ImageFile]:
    """A file as Pillow opens it, within the limits, not decoded; raises errors of many types."""
    with Image.open(stored, formats=formats) as image:
        check_pixels(image.width, image.height)
        complete(image)
        yield image


def picture_of(stored: bytes) -> ImageFile:
    """The picture in a file that was made in memory."""
    return Image.open(io.BytesIO(stored), formats=FORMATS)


def complete(image: Image.Image) -> None:
    """Have Pillow's own functions know how a picture lies, wherever its file says it.

    And which of its colours stands for none, in the numbers that Pillow makes of it.
    """
    if not isinstance(image, ImageFile) or image.fp is None:  # loaded
        return
    key = image.info.get("transparency")
    if image.format == "PNG" and isinstance(key, int | tuple):
        image.info["transparency"] = shown_key(image, key)
    exif = Image.Image.getexif(image)  # a PNG's own would decode it, to look behind the pixels too
    if image.format == "PNG" and ORIENTATION not in exif:
        with suppress(Exception):  # of many types, on damaged data
            exif.update(_exif_behind_pixels(image.fp))
    if image.format == "TIFF" and exif.get(ORIENTATION) in range(5, 9):
        # Pillow would map one that is not compressed into memory, in the wrong size.
        image.filename = ""


def _exif_behind_pixels(file: Any) -> Mapping[int, Any]:
    """Of a PNG, found without decoding it: read as one that has no pixels."""
    place = file.tell()
    file.seek(0)
    header, behind, reached = file.read(33), bytearray(), False
    while len(head := file.read(8)) == 8 and head != _IEND[:8]:
        length = int.from_bytes(head[:4])
        reached = reached or head[4:] == b"IDAT"
        if reached and head[4:] == b"fcTL":  # of the next picture
            break
        if reached and head[4:] != b"IDAT":
            chunk = head + file.read(length + 4)
            behind += chunk if chunk[4:].startswith(_SAY_ORIENTATION) else b""
        else:
            file.seek(length + 4, io.SEEK_CUR)
    file.seek(place)
    return Image.Image.getexif(picture_of(header + behind + _IEND)) if behind else {}


@dataclass(frozen=True)
class OpenVideo:
    """A video file: the first video in it, cover pictures aside, and what converts its frames."""

    container: "InputContainer"
    stream: "VideoStream"
    converter: "VideoReformatter"


@contextmanager
def opened_video(path: Path) -> Iterator[OpenVideo]:
    """A video file as PyAV sees it, within the limits.

    Errors within, and that PyAV is missing, become DiptychErrors.
    """
    try:
        import av
        from av.video.reformatter import VideoReformatter
    except ImportError:
        raise DiptychError(f"{path}: videos need PyAV: pip install 'diptych[video]'") from None
    video = None
    try:
        check_regular(path)
        # As the file is looked through, too: frames may come to be larger than it says.
        with av.open(
            f"file:{path}", options=_VIDEO | _largest_frame(), metadata_errors="replace"
        ) as container:
            video = OpenVideo(container, _first_video(container, path), VideoReformatter())
            yield video
    except OSError as error:  # what the system says of the file
        raise DiptychError(f"{path}: {error.strerror}") from None
    except av.FFmpegError:
        if video is not None and not video.stream.width:  # as FFmpeg leaves it that refuses a size
            raise DiptychError(f"{path}: {too_large('a frame')}") from None
        raise DiptychError(
            f"{path}: not a video that can be read: damaged, cut off or of another kind"
        ) from None


def _first_video(container: "InputContainer", path: Path) -> "VideoStream":
    for stream in container.streams.video:
        if stream.disposition & _COVER:
            continue
        if not stream.codec_context:
            raise DiptychError(f"{path}: video in a codec that this build of PyAV does not decode")
        try:
            check_pixels(stream.width, stream.height)
        except DiptychError as error:
            raise DiptychError(f"{path}: {error}") from None
        stream.codec_context.options = _largest_frame()
        return stream
    raise DiptychError(f"{path}: no video in it")


def _largest_frame() -> dict[str, str]:
    """The limit, as an option of FFmpeg's decoders."""
    return {"max_pixels": str(min(max_pixels(), 2**31 - 1))}
