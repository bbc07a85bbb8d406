"""Frames into a video file, with the audio of the file that they came from, by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

from diptych.errors import DiptychError
from diptych.images.opening import opened_video
from diptych.images.video_frames import Clip, Frame
from diptych.whole_file import cannot_be_written, whole_file

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

WRITABLE = (".mp4", ".mov", ".mkv", ".webm")
# Encoders and what makes them write well, the preferred one first; mpeg4 is in every FFmpeg.
_WEBM = {"libvpx-vp9": {"crf": "24", "cpu-used": "4", "row-mt": "1"}}
_OTHERS = {
    "libx264": {"crf": "18"},
    "mpeg4": {"flags": "+qscale", "global_quality": "236"},  # 2 of 31, times 118
}
_BT709, _LIMITED = 1, 1  # FFmpeg's numbers
_ANY_RATE = 48000  # samples per second that every encoder of audio takes
_LEAD = 0.1  # seconds before its start that audio may need; what was trimmed off stays off


def write_video(path: Path, frames: Iterator[Frame], like: Clip, threads: int = 0) -> list[str]:
    """Write frames, at least one and all of one size, as a whole file.

    The ending of `path` says in which format. Times are in the time base of the clip `like`, whose
    audio goes with them: copied where the format holds its codec, else encoded anew. Frames are
    taken one at a time. `threads`: of the encoder, 0 for its own choice. Returns a line for
    everything a person should know of. Raises DiptychError where the file cannot be written.
    """
    first = next(frames)
    with opened_video(like.path) as source, whole_file(path) as aside:
        import av

        # MP4 and MOV are to play while they are being loaded.
        options = {"movflags": "+faststart"} if path.suffix.lower() in {".mp4", ".mov"} else {}
        try:
            with av.open(f"file:{aside}", "w", container_options=options) as output:
                video = _add_video(output, path, first, like)
                video.codec_context.thread_count = threads
                audio = Audio(source.container, output)
                for frame in chain([first], frames):
                    audio.carry(until=float(frame.time * like.time_base))
                    output.mux(video.encode(_to_yuv(frame, video, like.time_base)))
                output.mux(video.encode(None))
                audio.carry()
        except av.FFmpegError as error:
            raise cannot_be_written(path, cast("OSError", error)) from None
    notes = []
    if video.pix_fmt == "yuv444p":
        notes.append(f"{path}: an odd side needs yuv444p, which not every player shows")
    left_out = [*like.left_out, *([f"{audio.left_out} audio"] if audio.left_out else [])]
    if left_out:
        notes.append(f"{path}: left out of {like.path.name}: {', '.join(left_out)}")
    return notes


def _add_video(output: OutputContainer, path: Path, first: Frame, like: Clip) -> VideoStream:
    """A track for frames of the size of the `first`."""
    from av.codec import codecs_available

    encoders = _WEBM if path.suffix.lower() == ".webm" else _OTHERS
    name = next((name for name in encoders if name in codecs_available), None)
    if name is None:
        raise DiptychError(f"{path}: this build of PyAV has no encoder for {path.suffix}")
    height, width = first.pixels.shape[:2]
    video = cast("VideoStream", output.add_stream(name, like.rate, options=encoders[name]))
    video.width, video.height = width, height
    # Half as many colours as pixels is what all players show; H.264 has it for even sides only.
    odd = name == "libx264" and (width % 2 or height % 2)
    video.pix_fmt = "yuv444p" if odd else "yuv420p"
    context = video.codec_context
    context.time_base = like.time_base
    if name == "mpeg4":  # takes no finer one
        context.time_base = max(like.time_base, Fraction(1, 60000))
    context.sample_aspect_ratio = like.aspect
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED
    return video


def _to_yuv(frame: Frame, video: VideoStream, time_base: Fraction) -> VideoFrame:
    from av import VideoFrame
    from av.video.reformatter import Interpolation

    yuv = VideoFrame.from_ndarray(frame.pixels, "rgb24").reformat(
        format=video.pix_fmt,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
        dst_colorspace=_BT709,
        dst_color_range=_LIMITED,
    )
    yuv.pts, yuv.duration, yuv.time_base = frame.time, frame.duration, time_base
    return yuv


class Audio:
    """All audio of `source`, on its way into `output` in step with the frames.

    Copied as it is where the format of `output` holds its codec, else encoded anew. `left_out`
    counts the tracks that cannot even be decoded.
    """

    def __init__(self, source: InputContainer, output: OutputContainer) -> None:
        self.output = output
        self.copied: dict[int, AudioStream] = {}
        self.encoded: dict[int, AudioStream] = {}
        self.left_out = 0
        for stream in source.streams.audio:
            if _holds(output.format.name, stream):
                self.copied[stream.index] = output.add_stream_from_template(stream)
            elif stream.codec_context:
                self.encoded[stream.index] = _encoder(stream, output)
            else:
                self.left_out += 1
        tracks = self.copied | self.encoded
        for index, track in tracks.items():
            track.metadata.update(source.streams[index].metadata)  # as its language
        carried = [source.streams[index] for index in tracks]
        self.packets = source.demux(*carried) if carried else iter(())
        self.waiting = next(self.packets, None)

    def carry(self, until: float = float("inf")) -> None:
        """Write what begins before `until`, in seconds; without it all that is left."""
        while (packet := self.waiting) is not None:
            if packet.dts is not None and float(packet.dts * packet.time_base) >= until:
                return
            self._write(packet)
            self.waiting = next(self.packets, None)

    def _write(self, packet: Packet[Stream]) -> None:
        # A packet without a time is the last of its track: it flushes what the codecs hold.
        if packet.stream.index in self.encoded:
            track = self.encoded[packet.stream.index]
            for frame in cast("Packet[AudioStream]", packet).decode():
                self.output.mux(track.encode(frame))
            if packet.dts is None:
                self.output.mux(track.encode(None))
        elif packet.dts is not None and packet.dts * packet.time_base > -_LEAD:
            packet.stream = self.copied[packet.stream.index]
            self.output.mux(packet)


def _holds(form: str, stream: AudioStream) -> bool:
    """Whether a file of that format can hold the audio as it is: tried on one in memory."""
    import av

    try:
        with av.open(BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _encoder(stream: AudioStream, output: OutputContainer) -> AudioStream:
    """A track for what `stream` holds, in the codec that goes with the format."""
    name = "libopus" if output.format.name == "webm" else "aac"
    track = cast("AudioStream", output.add_stream(name))
    rates = track.codec.audio_rates
    track.rate = stream.rate if rates is None or stream.rate in rates else _ANY_RATE
    track.layout = stream.layout.name
    return track
