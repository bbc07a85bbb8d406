"""Video files to frames, by PyAV (FFmpeg): upright 8-bit RGB, each frame with its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diptych.errors import DiptychError
from diptych.images.limits import check_pixels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
# A stranger's file is read as what it is, never as a list of further files to open.
_OPTIONS = {"format_whitelist": "mov,matroska,webm,avi", "protocol_whitelist": "file"}
# FFmpeg's numbers: of the colours in a file, and of the matrices from YUV to RGB.
_BT709, _UNSPECIFIED, _PQ, _HLG = 1, 2, 16, 18
_MATRIX_709, _MATRIX_601 = 1, 5


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
            known = frame.dts if frame.pts is None else frame.pts
            step = frame.duration or round(1 / (self.rate * self.time_base))
            last = max(last + step if known is None else known, last + 1)
            yield Frame(pixels, last, step)


def open_clip(path: Path) -> Clip:
    """Look through all of a video file, decoding its first frame only.

    Raises DiptychError where PyAV is missing, and where the file is missing, damaged, cut off,
    without video or frames, or where these are over the limit of pixels.
    """
    with opened(path) as container:
        stream = _video_of(container, path)
        count, reached = 0, 0.0
        for packet in container.demux():
            if packet.is_corrupt:
                raise DiptychError(f"{path}: damaged or cut off after {reached:.1f} s")
            shown = packet.size > 0 and not packet.is_discard
            count += shown and packet.stream.index == stream.index
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
    with opened(path) as container:
        first = next(container.decode(_video_of(container, path)), None)
        if first is None:
            raise DiptychError(f"{path}: a video without frames")
        if _matrix(first)[0] == 0:  # on its side
            aspect = 1 / aspect
    left_out = tuple(f"{number} {kind}" for kind, number in others.items() if number)
    return Clip(path, count, time_base, rate, aspect, left_out)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The file as PyAV sees it; its errors, and that PyAV is missing, become DiptychErrors."""
    try:
        import av
    except ImportError:
        raise DiptychError(f"{path}: videos need PyAV: pip install 'diptych[video]'") from None
    try:
        with av.open(f"file:{path}", options=_OPTIONS) as container:
            yield container
    except av.FFmpegError as error:
        if isinstance(error, OSError):  # what the system says of the file
            raise DiptychError(f"{path}: {error.strerror}") from None
        raise DiptychError(
            f"{path}: not a video that can be read: damaged, cut off or of another kind"
        ) from None


def _video_of(container: InputContainer, path: Path) -> VideoStream:
    """The first video that is no cover picture."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if not stream.codec_context:
            raise DiptychError(f"{path}: video in a codec that this build of PyAV does not decode")
        try:
            check_pixels(stream.width, stream.height)
        except DiptychError as error:
            raise DiptychError(f"{path}: {error}") from None
        return stream
    raise DiptychError(f"{path}: no video in it")


def _converted(path: Path) -> Iterator[tuple[VideoFrame, np.ndarray]]:
    """Every frame of the first video, and its pixels `(H, W, 3)` uint8, upright."""
    with opened(path) as container:
        from av.video.reformatter import Interpolation, VideoReformatter

        exact = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
        convert, size = VideoReformatter(), None
        stream = _video_of(container, path)
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            size = size or (frame.width, frame.height)  # of the first, for all
            matrix = None
            if frame.colorspace == _UNSPECIFIED:  # then it goes by size, as with players
                matrix = _MATRIX_709 if size[0] > 1024 or size[1] > 576 else _MATRIX_601
            standard = _BT709 if frame.color_trc in {_PQ, _HLG} else None
            rgb = convert.reformat(
                frame,
                *size,
                format="rgb24",
                interpolation=exact,
                src_colorspace=matrix,
                dst_color_trc=standard,  # brings high dynamic range to what a screen shows
                dst_color_primaries=standard,
            )
            yield frame, _upright(rgb.to_ndarray(), frame)


def _upright(pixels: np.ndarray, frame: VideoFrame) -> np.ndarray:
    """Turned and mirrored as the file says that it is to be shown, in steps of 90 degrees."""
    a, b, c, d = _matrix(frame)
    if a == 0:
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _matrix(frame: VideoFrame) -> list[int]:
    """The display matrix as a, b, c, d: what is at (x, y) is shown at (a x + c y, b x + d y)."""
    side: Any = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return [1, 0, 0, 1]
    fixed = np.frombuffer(bytes(side), np.int32)[[0, 1, 3, 4]]  # 65536 is 1
    entries: list[int] = (fixed / 65536).round().astype(int).tolist()
    return entries
