"""No file takes more than the one limit, whatever it says of itself, or leaves unsaid."""

import contextlib
import io
import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from tests.images import crafted

from diptych.errors import DiptychError
from diptych.images import tiff_limits
from diptych.images.domain import plain
from diptych.images.rgb import read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.values import read_values
from diptych.images.video_frames import open_clip

SIDE = 6000  # of what is large: 36 million pixels
MOST = 40_000_000  # bytes that a refusal may take
LARGE = np.zeros((SIDE, SIDE), np.uint8)
COLOURS = np.zeros((SIDE, SIDE, 3), np.uint8)
STATUS = Path("/proc/self/status")
SMALL_ARRAY = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}"
LARGE_ARRAY = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({SIDE}, {SIDE})}}"


def icon(stored: bytes) -> bytes:
    """Of 16x16 pixels, as it says, with that picture in it."""
    place = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 8, len(stored), 22)
    return struct.pack("<HHH", 0, 1, 1) + place + stored


def inside(compression: int, stored: bytes, channels: int = 1) -> bytes:
    """A TIFF of 16x16 pixels, whose one strip is stored as a picture of another size."""
    photometric = 2 if channels == 3 else 1
    tags = {crafted.SAMPLES: channels, crafted.PHOTOMETRIC: photometric}
    return crafted.tiff(stored, {crafted.COMPRESSION: compression, **tags})


def progressive() -> bytes:
    file = io.BytesIO()
    Image.fromarray(LARGE).save(file, "JPEG", progressive=True)
    return file.getvalue()


def tags_on_one_place(code: int) -> bytes:
    """Of which each says that it has all of the file's megabyte as its numbers."""
    behind = {code + step: bytes(0) for step in range(1000)}
    stored = bytearray(crafted.tiff(bytes(2**20), {crafted.COUNTS: 256, **behind}))
    for at in range(len(stored) - 4 - 12 * 1000, len(stored) - 4, 12):
        stored[at + 2 : at + 12] = struct.pack("<HII", crafted.LONG, 2**18, 8)
    return bytes(stored)


def directory_in_itself() -> bytes:
    """Thousands of directories of thousands of tags, one a few bytes behind the other."""
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHI", 4096, 330, 4) * 8192


LYING = {
    "tile.tif": lambda: crafted.tiled((16384, 32768), zlib.compress(bytes(9)), {259: 8}),
    "empty tile.tif": lambda: crafted.tiled((16384, 32768), b"", {259: 8}),
    "jpeg.tif": lambda: inside(7, imagecodecs.jpeg_encode(LARGE)),
    "progressive.tif": lambda: inside(7, progressive()),
    "lossless jpeg.tif": lambda: inside(7, imagecodecs.ljpeg_encode(LARGE)),
    "jpeg2000.tif": lambda: inside(34712, imagecodecs.jpeg2k_encode(LARGE)),
    "webp.tif": lambda: inside(50001, imagecodecs.webp_encode(COLOURS, lossless=True), 3),
    "png.tif": lambda: inside(34933, imagecodecs.png_encode(LARGE)),
    "jpegxl.tif": lambda: inside(50002, imagecodecs.jpegxl_encode(LARGE, effort=1)),
    "jpegxr.tif": lambda: inside(22610, imagecodecs.jpegxr_encode(LARGE)),
    "lerc.tif": lambda: inside(34887, imagecodecs.lerc_encode(LARGE)),
    "pages.tif": lambda: crafted.many_pages(tiff_limits.MOST_PAGES + 1),
    "tags.tif": lambda: tags_on_one_place(40_000),
    "directories.tif": directory_in_itself,
    "header.npz": lambda: crafted.zipped({"a.npy": crafted.npy_header(SMALL_ARRAY, 100_000_000)}),
    "header.npy": lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + SMALL_ARRAY.encode(),
    "short.npy": lambda: crafted.npy_header(LARGE_ARRAY) + bytes(4),
    "short.npz": lambda: crafted.zipped({"a.npy": crafted.npy_header(LARGE_ARRAY) + bytes(4)}),
    "lzma.npz": lambda: crafted.zipped(
        {"a.npy": crafted.npy_header(SMALL_ARRAY) + bytes(4)}, zipfile.ZIP_LZMA
    ),
    "large.ico": lambda: icon(imagecodecs.png_encode(LARGE)),
}


def most_taken() -> int:
    """Bytes of this process, at most since that was reset."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def read_window(path: Path) -> None:
    picture = open_tiff(path, plain("a", "gray"))
    if picture is None:
        raise DiptychError(f"{path}: is read whole")
    with contextlib.closing(picture):
        picture.read(((0, 8), (0, 8)))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """What reads is there: to load that takes memory too."""
    path = tmp_path_factory.mktemp("loaded") / "a.tif"
    path.write_bytes(crafted.tiled((16, 16), zlib.compress(bytes(256)), {259: 8}))
    for way in (read_values, read_image, read_window):
        way(path)


@pytest.mark.skipif(not STATUS.exists(), reason="tells memory by Linux's way")
@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", LYING)
def test_what_is_larger_than_it_says_is_refused_unread(name, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_bytes(LYING[name]())
    monkeypatch.setenv(
        "DIPTYCH_MAX_PIXELS", str(SIDE * SIDE // 2 if name == "large.ico" else 10**8)
    )
    for way in (read_values, read_image, read_window):
        Path("/proc/self/clear_refs").write_text("5")  # what was taken until now is forgotten
        before = most_taken()
        with pytest.raises(DiptychError) as caught:
            way(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        assert most_taken() - before < MOST


@pytest.mark.parametrize(
    ("compression", "encode"),
    [
        (7, imagecodecs.jpeg_encode),
        (34712, imagecodecs.jpeg2k_encode),
        (34933, imagecodecs.png_encode),
        (50002, imagecodecs.jpegxl_encode),
        (34887, imagecodecs.lerc_encode),
    ],
)
def test_pictures_inside_that_are_as_large_as_told_are_read(compression, encode, tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(inside(compression, encode(np.full((16, 16), 60, np.uint8))))
    np.testing.assert_allclose(read_values(path), 60, atol=1)


def test_more_numbers_than_said_are_left_unread(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P2 2 2 255 # a comment\n1 2 3\n4 " + b"5 " * 100_000)
    assert read_values(path).reshape(-1).tolist() == [1, 2, 3, 4]


def write_growing(path: Path, sizes: list[tuple[int, int]], codec: str) -> None:
    """A video whose frames are each of another width and height, which it says of the first."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=10)
        (stream.width, stream.height), stream.pix_fmt = sizes[0], "yuv420p"
        for number, (width, height) in enumerate(sizes):
            apart = io.BytesIO()
            with av.open(apart, "w", format="webm") as one:
                own = one.add_stream(codec, rate=10)
                own.width, own.height, own.pix_fmt = width, height, "yuv420p"
                black = np.zeros((height, width, 3), np.uint8)
                one.mux(own.encode(av.VideoFrame.from_ndarray(black, "rgb24")))
                one.mux(own.encode(None))
            apart.seek(0)
            with av.open(apart) as one:
                for packet in one.demux(video=0):
                    if packet.size:
                        packet.stream, packet.time_base = stream, Fraction(1, 1000)
                        packet.pts = packet.dts = 100 * number
                        output.mux(packet)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("small", [1, 4])
def test_a_video_that_grows_is_refused_where_it_does(codec, small, tmp_path, monkeypatch):
    path = tmp_path / "a.webm"
    write_growing(path, [*small * [(64, 48)], (640, 480)], codec)
    clip = open_clip(path)
    assert [frame.pixels.shape for frame in clip.frames()] == (small + 1) * [(48, 64, 3)]
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "100000")
    with pytest.raises(DiptychError, match=r"a\.webm: a frame: more than the limit of 100,000 "):
        list(open_clip(path).frames())
