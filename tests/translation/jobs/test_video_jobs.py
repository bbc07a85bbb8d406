"""Videos through a model: what is kept, and that the steady mode flickers less."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.flicker import flicker
from torch import nn

from diptych import model_file
from diptych.commands import app as cli
from diptych.errors import DiptychError
from diptych.images.rgb import read_image
from diptych.images.video_frames import open_clip
from diptych.model_file import Dataset, Domain, Header, Network, write_model
from diptych.networks import build_generator
from diptych.networks.video_statistics import HeldNormalization
from diptych.translation.jobs import video_jobs
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import Outcome
from diptych.translation.network_translator import NetworkTranslator

av = pytest.importorskip("av", reason="needs PyAV: pip install 'diptych[video]'")


def silent(_: str) -> AbstractContextManager:
    return nullcontext(lambda *_: None)


translate_video = partial(video_jobs.translate_video, counting=silent)
translate_videos = partial(video_jobs.translate_videos, counting=silent)
UNET = {"base_channels": 8, "levels": 4}
RESIDUAL = {"base_channels": 4, "blocks": 1, "scale": 2}


def model(
    name: str = "unet", options: dict = UNET, kind: str = "rgb", **more
) -> tuple[Header, nn.Module]:
    """A generator with random weights, the same each time, and its header."""
    torch.manual_seed(0)
    generator = build_generator(name, **options)
    if name == "unet":
        nn.init.normal_(generator.out.weight, 0, 0.1)
    return Header(
        generator=Network(name=name, options=options),
        size_multiple=generator.size_multiple,
        scale=options.get("scale", 1),
        crop_size=(32, 32),
        source=Domain(name="photo", kind=kind, channels=4 if kind == "rgba" else 3),
        target=Domain(name="drawing"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
        **more,
    ), generator


def translator(*given, dropout: bool | None = None, **options) -> NetworkTranslator:
    return NetworkTranslator(*model(*given, **options), dropout=dropout)


class Negative(nn.Module):
    """Answers with the negative of what it is given."""

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        return -source


def negative() -> NetworkTranslator:
    return NetworkTranslator(model()[0], Negative())


def contents(path: Path) -> list[bytes]:
    """What the audio consists of."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def pixels(path: Path) -> np.ndarray:
    return np.stack([frame.pixels for frame in open_clip(path).frames()])


# The window moves by the 16 pixels that the network's own grid has: between its places the network
# answers differently by itself, which no mode changes.
COUNT, SIDE, STEP = 24, 96, 16


@pytest.fixture
def photo(shared_data) -> np.ndarray:
    """A real one of 481x321, with light and dark parts."""
    photo = np.asarray(read_image(sorted((shared_data / "bsds500" / "val").iterdir())[2]))
    return photo if photo.shape[1] > photo.shape[0] else photo.swapaxes(0, 1)


@pytest.fixture
def crops(photo) -> np.ndarray:
    """A window of 96x96 moving over it to the right."""
    return np.stack([photo[100:, STEP * i :][:SIDE, :SIDE] for i in range(COUNT)])


def figures(given: NetworkTranslator, path: Path, pictures: np.ndarray, motion: tuple[int, int]):
    """The flicker of the results in the ordinary and in the steady mode."""
    for steady in (False, True):
        output = path.with_name(f"{steady}.mp4")
        assert translate_video(given, path, output, steady=steady) == []
        yield flicker(pictures, pixels(output), motion)


def test_a_video_of_a_moving_photo_keeps_all_and_flickers_less_when_steady(
    crops, tmp_path, make_clip
):
    """Frames, times, duration and audio; what moves is followed, so what is left flickers."""
    path = make_clip(tmp_path / "clip.mp4", crops)
    plain, steady = figures(translator(), path, crops, (0, -STEP))
    assert steady < 0.9 * plain
    for output in (tmp_path / "False.mp4", tmp_path / "True.mp4"):
        before, after = open_clip(path), open_clip(output)
        assert before.count == after.count == COUNT
        times = [[f.time * c.time_base for f in c.frames()] for c in (before, after)]
        assert times[0] == times[1]
        assert contents(output) == contents(path)
        with av.open(str(path)) as source, av.open(str(output)) as result:
            assert result.duration == source.duration == COUNT * 40_000


def test_noise_before_a_still_camera_is_gone_when_steady(photo, crops, tmp_path, make_clip):
    """A part of the photo moves over the rest, which stays as it is."""
    pictures = np.repeat(crops[:1], COUNT, 0)
    for i, picture in enumerate(pictures):
        picture[30:60, 2 * i : 2 * i + 30] = photo[200:230, 300:330]
    path = make_clip(tmp_path / "clip.mp4", pictures)
    plain, steady = figures(translator(dropout=True), path, pictures, (0, 0))
    assert steady < 0.5 * plain


def test_the_steady_mode_holds_noise_and_statistics_for_this_video_alone(tmp_path, make_clip):
    """A still scene beside which something moves: the still part of the result stays still."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (8, 8, 8, 3), np.uint8).repeat(12, 1).repeat(12, 2)
    pictures[:] = pictures[0]
    path = make_clip(tmp_path / "clip.mp4", pictures, audio="")
    noisy = translator(dropout=True)
    noisy.seed(0)
    alone = np.asarray(noisy(Image.fromarray(pictures[0])))
    translate_video(noisy, path, tmp_path / "steady.mp4", steady=True)
    translate_video(noisy, path, tmp_path / "not.mp4", steady=False)
    assert flicker(pictures, pixels(tmp_path / "steady.mp4")) < 1
    assert flicker(pictures, pixels(tmp_path / "not.mp4")) > 5
    assert not any(isinstance(each, HeldNormalization) for each in noisy.generator.modules())
    noisy.seed(0)
    assert np.array_equal(np.asarray(noisy(Image.fromarray(pictures[0]))), alone)


def test_each_result_is_that_of_its_frame(tmp_path, make_clip, crops):
    path = make_clip(tmp_path / "clip.mp4", crops)
    translate_video(negative(), path, tmp_path / "out.mp4")
    assert (
        np.abs(pixels(tmp_path / "out.mp4") - (255 - crops.astype(int))).mean((1, 2, 3)).max() < 5
    )


@pytest.mark.parametrize("steady", [True, False])
def test_models_that_enlarge_or_have_a_shape_of_their_own(steady, tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", np.full((3, 30, 46, 3), 120, np.uint8))
    for given, size in (
        (translator("residual", RESIDUAL), (92, 60)),
        (translator(target_size=(50, 21)), (50, 21)),
    ):
        notes = translate_video(given, path, tmp_path / "out.mp4", steady=steady)
        assert pixels(tmp_path / "out.mp4").shape == (3, size[1], size[0], 3)
        assert len(notes) == size[1] % 2


def test_progress_is_in_frames(tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", np.zeros((5, 64, 64, 3), np.uint8))
    told: dict[str, list[tuple[int, int]]] = {}

    @contextmanager
    def counting(what: str) -> Iterator:
        told[what] = []
        yield lambda *at: told[what].append(at)

    translate_video(translator(), path, tmp_path / "out.mp4", counting=counting)
    assert told["clip.mp4: frames"] == [(i, 5) for i in range(1, 6)]
    assert told["clip.mp4: statistics of layers"][-1] == (5, 5)


def test_a_model_that_fills_holes_is_refused(tmp_path, make_clip):
    path = make_clip(tmp_path / "clip.mp4", np.zeros((2, 32, 32, 3), np.uint8))
    filling = translator("unet", UNET | {"in_channels": 4}, "rgba")
    with pytest.raises(DiptychError, match=r"clip\.mp4: this model fills the holes of pictures"):
        translate_video(filling, path, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_one_that_fails_is_named_and_the_rest_done_and_kept(tmp_path, make_clip):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.mp4", "c.avi"):
        codec = "mpeg4" if name == "c.avi" else "libx264"
        make_clip(folder / name, np.full((3, 32, 32, 3), 90, np.uint8), audio="", codec=codec)
    (folder / "b.mp4").write_text("no video")
    plan = plan_files([str(folder)], out)
    for expected in (Outcome(translated=2), Outcome(kept=2)):
        outcome = Outcome()
        translate_videos(negative(), plan.videos, outcome)
        assert len(outcome.failures) == 1
        assert outcome.failures.pop().startswith(f"{folder / 'b.mp4'}: not a video")
        assert outcome == expected
        assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "c.mp4"]
    outcome = Outcome()
    translate_videos(negative(), plan.videos, outcome, overwrite=True)
    assert outcome.translated == 2


# Which goes where.


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_folder_of_pictures_and_videos_is_mirrored(tmp_path):
    root = touched(tmp_path / "in", "a.png", "b.MOV", "sub/c.avi", "sub/d.webm", "e.m4v", "f.txt")
    out = tmp_path / "out"
    plan = plan_files([str(root)], out)
    assert plan.jobs == [(root / "a.png", out / "a.png")]
    assert plan.videos == [
        (root / "b.MOV", out / "b.mov"),
        (root / "e.m4v", out / "e.mp4"),
        (root / "sub" / "c.avi", out / "sub" / "c.mp4"),
        (root / "sub" / "d.webm", out / "sub" / "d.webm"),
    ]
    assert plan.not_pictures == [root / "f.txt"]


def test_out_may_name_a_single_video(tmp_path):
    root = touched(tmp_path, "a.mp4", "b.mkv", "c.png", "folder.mp4/x")
    out = tmp_path / "out.MP4"
    assert plan_files([str(root / "a.mp4")], out).videos == [(root / "a.mp4", out)]
    folder = tmp_path / "folder.mp4"
    assert plan_files([str(root / "a.mp4")], folder).videos == [(root / "a.mp4", folder / "a.mp4")]
    for inputs, name, expected in (
        (["a.mp4"], "a.mp4", f"{root / 'a.mp4'} would replace an input"),
        (["a.mp4", "b.mkv"], "out.mp4", f"would both give {tmp_path / 'out.mp4'}"),
        (["c.png"], "out.mp4", f"--out {tmp_path / 'out.mp4'}: a picture does not become a video"),
        (["a.mp4"], "out.avi", "out.avi: videos are written as .mp4, .mov, .mkv, .webm"),
    ):
        with pytest.raises(DiptychError) as caught:
            plan_files([str(root / given) for given in inputs], tmp_path / name)
        assert expected in str(caught.value)


# The command.


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    write_model(tmp_path / "model.safetensors", (given := model())[1].state_dict(), given[0])

    def command(*words: object) -> tuple[int, str, str]:
        line = ["diptych", "translate", tmp_path / "model.safetensors", *words]
        monkeypatch.setattr(sys, "argv", list(map(str, line)))
        with pytest.raises(SystemExit) as stop:
            cli.main()
        output = capsys.readouterr()
        return int(stop.value.code or 0), output.out, output.err

    return command


def test_pictures_and_videos_in_one_command(run, tmp_path, make_clip):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    pictures = np.full((4, 33, 64, 3), 90, np.uint8)
    make_clip(folder / "clip.mp4", pictures, pix_fmt="yuv444p")
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    status, said, _ = run(folder, "--out", out)
    assert status == 0
    assert "2 translated" in said
    assert "clip.mp4: an odd side needs yuv444p" in " ".join(said.split())
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "clip.mp4"]
    status, said, _ = run(folder, "--out", out, "--no-steady", "--dropout")
    assert "2 already there and kept" in said
    (folder / "bad.mov").touch()
    status, said, _ = run(folder, "--out", out)
    assert status == 1
    assert "bad.mov: not a video that can be read" in said


def test_options_for_pictures_are_refused_for_videos(run, tmp_path, make_clip):
    clip = make_clip(tmp_path / "clip.mp4", np.zeros((2, 32, 32, 3), np.uint8), audio="")
    for option in (["--samples", "2"], ["--side", "left"]):
        status, _, errors = run(clip, "--out", tmp_path / "out.mp4", *option)
        assert status == 2
        assert errors == f"diptych: {option[0]} is for pictures, and {clip} is a video\n"
    assert run(clip, "--out", tmp_path / "out.mp4")[0] == 0
    assert (tmp_path / "out.mp4").is_file()
