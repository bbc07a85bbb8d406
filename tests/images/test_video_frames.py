"""Videos to frames and back: times, audio, colours and what goes wrong."""

import gc
import sys
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from diptych.errors import DiptychError
from diptych.images import mux
from diptych.images.mux import write_video
from diptych.images.video_frames import Clip, Frame, open_clip

av = pytest.importorskip("av", reason="needs PyAV: pip install 'diptych[video]'")


def moving(count: int = 12, height: int = 48, width: int = 64) -> np.ndarray:
    """A bright square on its way over a ramp of colours."""
    rows, columns = np.mgrid[:height, :width]
    ramp = np.stack([2 * columns, 3 * rows, np.full_like(rows, 90)], 2).clip(0, 200)
    pictures = np.repeat(ramp[None].astype(np.uint8), count, 0)
    for i, picture in enumerate(pictures):
        picture[8:20, 2 * i : 2 * i + 12] = (250, 240, 20)
    return pictures


def copy(path: Path, output: Path) -> list[str]:
    clip = open_clip(path)
    return write_video(output, clip.frames(), like=clip)


def seconds(path: Path) -> np.ndarray:
    clip = open_clip(path)
    return np.array([float(frame.time * clip.time_base) for frame in clip.frames()])


def packets(path: Path) -> list[tuple[float, bytes]]:
    """Time and content of what the audio consists of."""
    with av.open(str(path)) as container:
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size
        ]


def sound(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def described(path: Path) -> tuple[tuple[int, int], str, str, float]:
    """Size, codec, pixel format, and how long all of it lasts."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        size = (video.width, video.height)
        return size, video.codec_context.name, video.pix_fmt, container.duration / 1e6


def distance(frames: Iterator[Frame], pictures: np.ndarray) -> float:
    """The mean over pixels, of the frame that differs most."""
    pairs = zip(frames, pictures, strict=True)
    return max(np.abs(frame.pixels.astype(int) - picture).mean() for frame, picture in pairs)


UNEVEN = [0, 33, 50, 120, 121, 300, 340, 380, 420, 600, 633, 700]


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("times", [None, UNEVEN], ids=["even", "uneven"])
def test_frames_times_and_duration_are_kept(ending, times, tmp_path, make_clip):
    pictures = moving()
    path = make_clip(tmp_path / "clip.mp4", pictures, times)
    assert copy(path, tmp_path / f"out{ending}") == []
    clip = open_clip(tmp_path / f"out{ending}")
    assert clip.count == 12
    assert distance(clip.frames(), pictures) < 4
    before, after = seconds(path), seconds(clip.path)
    assert before.tolist() == [time / 1000 for time in times or range(0, 480, 40)]
    # Matroska has no times below 0, where AAC begins: there both are shifted, together.
    assert np.abs(np.diff(after) - np.diff(before)).max() < 0.0011
    assert abs((after[0] - before[0]) - (packets(clip.path)[0][0] - packets(path)[0][0])) < 0.02
    size, codec, form, duration = described(clip.path)
    assert (size, codec, form) == ((64, 48), "vp9" if ending == ".webm" else "h264", "yuv420p")
    assert duration == pytest.approx(described(path)[3], abs=0.03)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_audio_is_copied_as_it_is(ending, tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", moving())
    copy(path, tmp_path / f"out{ending}")
    before, after = packets(path), packets(tmp_path / f"out{ending}")
    assert [content for _, content in after] == [content for _, content in before]
    apart = np.diff([time for time, _ in after]) - np.diff([time for time, _ in before])
    assert np.abs(apart).max() < 0.0011


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_every_track_of_audio_is_kept_with_its_language(ending, tmp_path, make_clip):
    path = make_clip(tmp_path / "one.mp4", moving())
    with av.open(str(path)) as source, av.open(str(tmp_path / "two.mkv"), "w") as output:
        video = output.add_stream_from_template(source.streams.video[0])
        tracks = [output.add_stream_from_template(source.streams.audio[0]) for _ in range(2)]
        for track, language in zip(tracks, ("deu", "fra"), strict=True):
            track.metadata["language"] = language
        for packet in source.demux():
            for stream in [video] if packet.stream.type == "video" else tracks:
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    copy(tmp_path / "two.mkv", tmp_path / f"out{ending}")
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert [stream.language for stream in container.streams.audio] == ["deu", "fra"]


@pytest.mark.parametrize(
    ("ending", "audio", "becomes"), [(".webm", "aac", "opus"), (".mov", "libopus", "aac")]
)
def test_audio_that_the_format_does_not_hold_is_encoded_anew(
    ending, audio, becomes, tmp_path, make_clip
):
    path = make_clip(tmp_path / "clip.mkv", moving(50), audio=audio)
    assert copy(path, tmp_path / f"out{ending}") == []
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert container.streams.audio[0].codec_context.name.startswith(becomes)
    tone = sound(tmp_path / f"out{ending}")
    assert len(tone) == pytest.approx(2 * 48000, abs=2048)
    spectrum = np.abs(np.fft.rfft(tone[:48000]))
    assert spectrum.argmax() == 440
    assert np.square(tone).mean() == pytest.approx(0.3**2 / 2, rel=0.05)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_what_was_trimmed_off_stays_off(ending, tmp_path, make_clip):
    """As phones trim: the file still holds what an edit list says to leave out."""
    path = make_clip(tmp_path / "whole.mp4", moving(50))
    with av.open(str(path)) as source, av.open(str(tmp_path / "clip.mp4"), "w") as output:
        streams = [output.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                packet.pts, packet.dts = (
                    time - round(1 / packet.time_base) for time in (packet.pts, packet.dts)
                )
                output.mux(packet)
    copy(tmp_path / "clip.mp4", tmp_path / f"out{ending}")
    clip = open_clip(tmp_path / f"out{ending}")
    assert clip.count == 25
    assert distance(clip.frames(), moving(50)[25:]) < 4
    assert described(clip.path)[3] == pytest.approx(1, abs=0.15)


def test_a_video_without_audio_has_none_afterwards(tmp_path, make_clip):
    path = make_clip(
        tmp_path / "clip.avi",
        moving(),
        codec="mpeg4",
        audio="",
        times=range(12),
        time_base=Fraction(1, 25),
    )
    copy(path, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert np.allclose(np.diff(seconds(tmp_path / "out.mp4")), np.diff(seconds(path)))


FLAT = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 64, 200)]


@pytest.mark.parametrize("colours", [(1, 1), (1, 2), (6, 1), (6, 2)])
def test_colours_are_right_for_every_matrix_and_range(colours, tmp_path, make_clip):
    """BT.709 and BT.601, limited and full, as the file says; written as BT.709, and saying so."""
    for colour in FLAT:
        pictures = np.full((2, 32, 32, 3), colour, np.uint8)
        path = make_clip(tmp_path / "clip.mp4", pictures, colours=colours, audio="")
        copy(path, tmp_path / "out.mp4")
        for file, off in ((path, 2), (tmp_path / "out.mp4", 3)):
            first = next(open_clip(file).frames()).pixels
            assert np.abs(first.astype(int) - colour).max() <= off
        with av.open(str(tmp_path / "out.mp4")) as container:
            said = container.streams.video[0].codec_context
            assert (said.colorspace, said.color_primaries, said.color_trc) == (1, 1, 1)
            assert said.color_range == 1


@pytest.mark.parametrize(("size", "matrix"), [((720, 1280), 1), ((480, 640), 6)])
def test_colours_that_are_not_said_go_by_size(size, matrix, tmp_path, make_clip):
    """HD is BT.709 and everything smaller BT.601, as players have it."""
    pictures = np.full((1, *size, 3), (20, 200, 60), np.uint8)
    path = make_clip(tmp_path / "clip.mkv", pictures, colours=(matrix, 1), audio="")
    with av.open(str(path)) as source, av.open(str(tmp_path / "unsaid.mkv"), "w") as output:
        frame = next(source.decode(video=0))
        stream = output.add_stream("libx264", 25, options={"crf": "8"})
        stream.height, stream.width = size
        frame.colorspace = 2
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    clip = open_clip(tmp_path / "unsaid.mkv")
    assert np.abs(next(clip.frames()).pixels.astype(int) - (20, 200, 60)).max() <= 3


@pytest.mark.slow
def test_high_dynamic_range_is_brought_to_what_a_screen_shows(tmp_path, make_clip):
    """White of a scene is 75 % in HLG (ITU-R BT.2408), and 100 % on a screen."""
    pictures = np.full((2, 64, 64, 3), round(0.75 * 255), np.uint8)
    hlg = {"color_trc": 18, "color_primaries": 9, "pix_fmt": "yuv420p10le"}
    path = make_clip(tmp_path / "clip.mp4", pictures, colours=(9, 1), audio="", **hlg)
    assert next(open_clip(path).frames()).pixels.min() > 245


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_videos_of_phones_come_upright(degrees, mirrored, tmp_path, make_clip):
    pictures = moving(3)
    rotation = (degrees, mirrored)
    path = make_clip(tmp_path / "clip.mp4", pictures, rotation=rotation, audio="")
    shown = np.rot90(pictures, degrees // 90, axes=(1, 2))  # anticlockwise
    if mirrored:
        shown = shown[:, :, ::-1]
    copy(path, tmp_path / "out.mp4")
    for file in (path, tmp_path / "out.mp4"):
        assert distance(open_clip(file).frames(), shown) < 4
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0, "turned, and no longer said to be"


@pytest.mark.parametrize(("degrees", "expected"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_pixels_that_are_not_square_stay_so(degrees, expected, tmp_path, make_clip):
    given = {"sample_aspect_ratio": Fraction(4, 3), "rotation": (degrees,)}
    path = make_clip(tmp_path / "clip.mp4", moving(2), audio="", **given)
    copy(path, tmp_path / "out.mp4")
    assert open_clip(tmp_path / "out.mp4").aspect == expected


@pytest.mark.parametrize(
    ("ending", "form"), [(".mp4", "yuv444p"), (".mkv", "yuv444p"), (".webm", "yuv420p")]
)
def test_odd_sides_are_kept(ending, form, tmp_path, make_clip):
    pictures = moving(4, 47, 61)
    path = make_clip(tmp_path / "clip.webm", pictures, codec="libvpx-vp9", audio="libopus")
    notes = copy(path, tmp_path / f"out{ending}")
    assert described(tmp_path / f"out{ending}")[0] == (61, 47)
    assert described(tmp_path / f"out{ending}")[2] == form
    assert distance(open_clip(tmp_path / f"out{ending}").frames(), pictures) < 5
    odd = f"{tmp_path / 'out'}{ending}: an odd side needs yuv444p, which not every player shows"
    assert notes == ([odd] if form == "yuv444p" else [])


def test_without_an_encoder_of_h264_there_is_mpeg4(tmp_path, make_clip, monkeypatch):
    others = {"no such": {}} | {name: mux._OTHERS[name] for name in ("mpeg4",)}
    monkeypatch.setattr(mux, "_OTHERS", others)
    path = make_clip(tmp_path / "clip.mp4", moving(), UNEVEN, time_base=Fraction(1, 90000))
    copy(path, tmp_path / "out.mp4")
    assert described(tmp_path / "out.mp4")[1] == "mpeg4"
    assert distance(open_clip(tmp_path / "out.mp4").frames(), moving()) < 4
    monkeypatch.setattr(mux, "_OTHERS", {"no such": {}})
    with pytest.raises(DiptychError, match=r"no encoder for \.mkv"):
        copy(path, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_what_is_left_out_is_said(tmp_path):
    with av.open(str(tmp_path / "two.mkv"), "w") as output:
        streams = [output.add_stream("libx264", 25) for _ in range(2)]
        for stream, value in zip(streams, (60, 200), strict=True):
            stream.width = stream.height = 32
            picture = np.full((32, 32, 3), value, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for stream in streams:
            output.mux(stream.encode(None))
    notes = copy(tmp_path / "two.mkv", tmp_path / "out.mkv")
    assert notes == [f"{tmp_path / 'out.mkv'}: left out of two.mkv: 1 video"]
    assert next(open_clip(tmp_path / "out.mkv").frames()).pixels.mean() == pytest.approx(60, abs=3)


# What goes wrong.


def one_line(path: Path) -> str:
    with pytest.raises(DiptychError) as caught:
        list(open_clip(path).frames())
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_files_that_are_no_videos_are_named(tmp_path):
    assert one_line(tmp_path / "none.mp4") == "No such file or directory"
    unreadable = "not a video that can be read: damaged, cut off or of another kind"
    (tmp_path / "empty.mp4").touch()
    assert one_line(tmp_path / "empty.mp4") == unreadable
    (tmp_path / "text.mkv").write_text("no video")
    assert one_line(tmp_path / "text.mkv") == unreadable
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.mp4").write_text(playlist)
    assert one_line(tmp_path / "list.mp4") == unreadable


def test_a_file_with_audio_alone_is_named(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as output:
        track = output.add_stream("aac", 48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        output.mux(track.encode(silence))
        output.mux(track.encode(None))
    assert one_line(tmp_path / "sound.mp4") == "no video in it"


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi", ".webm"])
def test_a_file_that_was_cut_off_is_named(ending, tmp_path, make_clip):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (150, 32, 48, 3), np.uint8)
    codecs = {".webm": ("libvpx-vp9", "libopus"), ".avi": ("mpeg4", "mp3")}
    codec, audio = codecs.get(ending, ("libx264", "aac"))
    path = make_clip(
        tmp_path / f"whole{ending}",
        pictures,
        range(150),
        time_base=Fraction(1, 25),
        codec=codec,
        audio=audio,
    )
    assert sum(1 for _ in open_clip(path).frames()) == 150
    (tmp_path / f"cut{ending}").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message = one_line(tmp_path / f"cut{ending}")
    assert "cut off" in message


def test_a_cut_file_whose_index_comes_first_is_named(tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", moving(50))
    copy(path, tmp_path / "first.mp4")  # writes the index first
    whole = (tmp_path / "first.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    assert one_line(tmp_path / "cut.mp4").startswith("damaged or cut off after ")


def test_damage_within_the_frames_is_named_and_leaves_nothing(tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", moving(50))
    copy(path, tmp_path / "whole.mp4")
    content = bytearray((tmp_path / "whole.mp4").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    (tmp_path / "bad.mp4").write_bytes(content)
    assert one_line(tmp_path / "bad.mp4").startswith("not a video that can be read: damaged")
    with pytest.raises(DiptychError, match=r"bad\.mp4: not a video"):
        copy(tmp_path / "bad.mp4", tmp_path / "out.mp4")
    assert not list(tmp_path.glob("*out*"))


def test_frames_that_are_too_large_are_refused(tmp_path, make_clip, monkeypatch):
    path = make_clip(tmp_path / "clip.mp4", moving(2))
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "3000")
    assert one_line(path).startswith("64x48: more than the limit of 3,000 pixels")


def test_a_video_without_frames_is_named(tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mkv", moving(2), audio="")
    index_first = {"movflags": "+empty_moov"}
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "none.mp4"), "w", container_options=index_first) as output,
    ):
        output.add_stream_from_template(source.streams.video[0])
        output.start_encoding()
    assert one_line(tmp_path / "none.mp4") == "a video without frames"


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert one_line(tmp_path / "clip.mp4") == "videos need PyAV: pip install 'diptych[video]'"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, DiptychError("bad")])
@pytest.mark.parametrize("before", [None, b"kept"])
def test_a_video_is_written_whole_or_not_at_all(stop, before, tmp_path, make_clip):
    clip = open_clip(make_clip(tmp_path / "clip.mp4", moving(80)))
    output = tmp_path / "out" / "out.mp4"
    if before:
        output.parent.mkdir()
        output.write_bytes(before)

    def stopped() -> Iterator[Frame]:
        for i, frame in enumerate(clip.frames()):
            if i == 70:  # encoded are some by now
                assert list(output.parent.glob(".*.tmp.mp4"))
                raise stop
            yield frame

    with pytest.raises((KeyboardInterrupt, DiptychError)):
        write_video(output, stopped(), like=clip)
    assert [path.read_bytes() for path in output.parent.iterdir()] == [before] * bool(before)


def test_a_place_that_cannot_be_written_is_named(tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", moving(2))
    (tmp_path / "file").touch()
    with pytest.raises(DiptychError, match=r"out\.mp4: cannot be written: "):
        copy(path, tmp_path / "file" / "out.mp4")


def test_only_a_few_frames_are_held_at_a_time(tmp_path, make_clip):
    """Memory does not grow with the length of a video: frames go as they come."""
    clip = open_clip(make_clip(tmp_path / "clip.mp4", moving(120)))
    alive: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()
    most = 0

    def watched(clip: Clip) -> Iterator[Frame]:
        nonlocal most
        for frame in clip.frames():
            alive[frame.time] = frame.pixels
            most = max(most, len(alive))
            yield frame

    write_video(tmp_path / "out.mp4", watched(clip), like=clip)
    gc.collect()
    assert most <= 4
