"""What of files is not read is said, once, and by training and translating alike."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.translation.jobs.of_function import OfFunction

from diptych.config import load_recipe
from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.doctor.check import check_pairs
from diptych.doctor.quick_check import quick_notes
from diptych.images.files import FORMATS
from diptych.images.left_out import ALPHA, FURTHER, left_out
from diptych.images.rgb import read_image
from diptych.images.values import probe, read_values
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import translate_files

FRAMES = [Image.fromarray(np.full((48, 64, 3), level, np.uint8)) for level in (60, 120, 200)]
ANIMATED = [
    form for form in ("GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO") if form in (*FORMATS, "MPO")
]


@pytest.mark.parametrize("form", ANIMATED)
def test_pages_and_frames_behind_the_first(form, tmp_path):
    path = tmp_path / "a.picture"
    FRAMES[0].save(path, form)
    assert list(left_out(probe(path), "rgb")) == []
    FRAMES[0].save(path, form, save_all=True, append_images=FRAMES[1:])
    said = probe(path)
    for kind in ("rgb", "values", "labels"):
        assert list(left_out(said, kind)) == [FURTHER]
    assert np.abs(np.asarray(read_image(path)).astype(int) - 60).max() < 6, "the first is read"
    assert read_values(path).shape == (said.height, said.width, said.channels)


def test_a_damaged_animation_is_read_as_far_as_it_goes(tmp_path):
    FRAMES[0].save(tmp_path / "a.gif", save_all=True, append_images=FRAMES[1:])
    stored = (tmp_path / "a.gif").read_bytes()
    for length in range(len(stored) - 60, len(stored)):
        (tmp_path / "a.gif").write_bytes(stored[:length])
        assert np.abs(np.asarray(read_image(tmp_path / "a.gif")).astype(int) - 60).max() < 6


def test_pages_of_one_band_are_channels_to_values_and_left_out_of_colours(tmp_path):
    pages = np.stack([np.full((48, 64), level, np.uint8) for level in (10, 20, 30, 40, 50)])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    said = probe(tmp_path / "a.tif")
    assert list(left_out(said, "values")) == []
    assert list(left_out(said, "rgb")) == [FURTHER]
    assert read_values(tmp_path / "a.tif")[0, 0].tolist() == [10, 20, 30, 40, 50]
    assert np.asarray(read_image(tmp_path / "a.tif"))[0, 0].tolist() == [10, 10, 10]
    small = np.zeros((24, 32), np.uint8)
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(pages[0], subifds=1)
        writer.write(small, subfiletype=1)  # a preview is no picture of its own
    with tifffile.TiffWriter(tmp_path / "c.tif") as writer:
        writer.write(pages[0])
        writer.write(small, subfiletype=1)
    for name in ("b.tif", "c.tif"):
        assert list(left_out(probe(tmp_path / name), "rgb")) == []


CLEAR = {
    "RGBA.png": Image.fromarray(np.full((48, 64, 4), 90, np.uint8)),
    "LA.png": Image.new("LA", (64, 48)),
    "RGBA.tif": Image.new("RGBA", (64, 48)),
    "RGBA.webp": Image.fromarray(np.full((48, 64, 4), 90, np.uint8)),
}


@pytest.mark.parametrize("name", CLEAR)
def test_transparency(name, tmp_path):
    CLEAR[name].save(tmp_path / name)
    said = probe(tmp_path / name)
    assert list(left_out(said, "rgb")) == list(left_out(said, "chroma")) == [ALPHA]
    assert list(left_out(said, "rgba")) == list(left_out(said, "values")) == []
    CLEAR[name].convert("RGB").save(tmp_path / name)
    assert list(left_out(probe(tmp_path / name), "rgb")) == []


def write(folder: Path) -> None:
    """Seven pictures: three with more frames, two that are transparent."""
    folder.mkdir(parents=True)
    for number in range(2):
        FRAMES[number].save(folder / f"plain {number}.png")
        FRAMES[number].convert("RGBA").save(folder / f"clear {number}.png")
    for number in range(3):
        FRAMES[0].save(folder / f"moving {number}.gif", save_all=True, append_images=FRAMES[1:])


def test_it_is_said_once_where_pictures_are_translated(tmp_path):
    write(tmp_path / "in")
    plan = plan_files([str(tmp_path / "in")], tmp_path / "out")
    outcome = translate_files(OfFunction(np.invert), plan)
    assert outcome.translated == 7
    further, alpha = sorted(outcome.notes, reverse=True, key=lambda note: FURTHER in note)
    assert further.startswith(f"3 pictures hold {FURTHER} (")
    assert further.endswith("moving 1.gif and 1 more)")
    assert alpha.startswith(f"2 pictures hold {ALPHA} (")


def test_it_is_said_where_pairs_are_checked_and_trained_on(tmp_path):
    write(tmp_path / "A" / "train")
    write(tmp_path / "B" / "train")
    recipe = load_recipe("pix2pix")
    found = [f.message for f in check_pairs(tmp_path, recipe, processes=1).findings]
    paired = find_pairs(tmp_path, recipe)
    notes = quick_notes(paired, recipe, find_domains(paired, recipe))
    for side in "AB":
        for what, count in ((FURTHER, 3), (ALPHA, 2)):
            message = f"{count} files of {side} with {what}"
            assert message in found
            assert sum(message in note for note in notes) == 1
