"""Video files to frames, by PyAV (FFmpeg): upright 8-bit RGB, each frame with its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.images.opening import opened_video

# FFmpeg's numbers: of the colours in a file, and of the matrices from YUV to RGB.
_BT709, _UNSPECIFIED, _PQ, _HLG = 1, 2, 16, 18
_MATRIX_709, _MATRIX_601 = 1, 5
_EXACT = 0x2 | 0x2000 | 0x40000  # bilinear, full chroma, rounded: its flags of a conversion


@dataclass(frozen=True)
class Frame:
    """A picture `(H, W, 3)` uint8: when it is shown and for how long, in its clip's time base."""

    pixels: np.ndarray
    time: int
    duration: int


@dataclass(frozen=True)
class Clip:
    """A video file that was looked through and found whole."""

    path: Path
    count: int  # of frames; a codec with hidden ones (VP8) shows a few less
    time_base: Fraction  # seconds
    rate: Fraction  # frames per second, on average
    aspect: Fraction  # width of a pixel by its height, upright
    left_out: tuple[str, ...]  # what the file holds beside one video and audio

    def frames(self) -> Iterator[Frame]:
        """The frames of the first video, upright, one after the other; times always rise.

        Raises DiptychError where the file is damaged.
        """
        last = -1
        for frame, pixels in _converted(self.path):
            time = frame.dts if frame.pts is None else frame.pts
            step = frame.duration or round(1 / (self.rate * self.time_base))
            last = max(last + step if time is None else time, last + 1)
            yield Frame(pixels, last, step)


def open_clip(path: Path) -> Clip:
    """Look through all of a video file, decoding its first frame only.

    Raises DiptychError where PyAV is missing, and where the file is missing, damaged, cut off,
    without video or frames, or where these are over the limit of pixels.
    """
    with opened_video(path) as video:
        container, stream = video.container, video.stream
        count, reached = 0, 0.0
        for packet in container.demux():
            if packet.is_corrupt:
                raise DiptychError(f"{path}: damaged or cut off after {reached:.1f} s")
            counts = packet.size > 0 and not packet.is_discard
            count += counts and packet.stream.index == stream.index
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                reached = max(reached, float(end * packet.time_base))
        rate = stream.average_rate or Fraction(25)
        said = (container.duration or 0) / 1_000_000
        if container.format.name == "avi":  # whose duration is guessed where its index is gone
            said = max(said, float(stream.frames / rate))
        if reached + max(1, said / 50) < said:  # what files say of themselves is not exact
            raise DiptychError(f"{path}: cut off after {reached:.1f} s of {said:.1f} s")
        time_base = stream.time_base or 1 / rate
        aspect = stream.sample_aspect_ratio or Fraction(1)
        streams = container.streams
        others = {
            "video": len(streams.video) - 1,
            "subtitles": len(streams.subtitles),
            "data": len(streams.data),
        }
    with opened_video(path) as video:
        first = next(video.container.decode(video.stream), None)
        if first is None:
            raise DiptychError(f"{path}: a video without frames")
        if _matrix(first)[0] == 0:  # on its side
            aspect = 1 / aspect
    left_out = tuple(f"{number} {kind}" for kind, number in others.items() if number)
    return Clip(path, count, time_base, rate, aspect, left_out)


def _converted(path: Path) -> Iterator[tuple[Any, np.ndarray]]:
    """Every frame of the first video, PyAV's, and its pixels `(H, W, 3)` uint8, upright."""
    with opened_video(path) as video:
        video.stream.thread_type, size = "AUTO", None
        for frame in video.container.decode(video.stream):
            size = size or (frame.width, frame.height)  # of the first, for all
            matrix = None
            if frame.colorspace == _UNSPECIFIED:  # then it goes by size, as with players
                matrix = _MATRIX_709 if size[0] > 1024 or size[1] > 576 else _MATRIX_601
            standard = _BT709 if frame.color_trc in {_PQ, _HLG} else None
            rgb = video.converter.reformat(
                frame,
                *size,
                format="rgb24",
                interpolation=_EXACT,
                src_colorspace=matrix,
                dst_color_trc=standard,  # brings high dynamic range to what a screen shows
                dst_color_primaries=standard,
            )
            yield frame, _upright(rgb.to_ndarray(), frame)


def _upright(pixels: np.ndarray, frame: Any) -> np.ndarray:
    """Turned and mirrored as the file says that it is to be shown, in steps of 90 degrees."""
    a, b, c, d = _matrix(frame)
    if a == 0:
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _matrix(frame: Any) -> list[int]:
    """The display matrix as a, b, c, d: what is at (x, y) is shown at (a x + c y, b x + d y)."""
    side: Any = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return [1, 0, 0, 1]
    fixed = np.frombuffer(bytes(side), np.int32)[[0, 1, 3, 4]]  # 65536 is 1
    entries: list[int] = (fixed / 65536).round().astype(int).tolist()
    return entries
