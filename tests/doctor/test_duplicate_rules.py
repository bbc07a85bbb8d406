import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.layouts import look_for_pairs
from diptych.doctor.duplicate_rules import alike_in_pixels, candidates, duplicates
from diptych.doctor.survey import list_pairs, read_all

from .conftest import save


def plain_drawings(folder, count: int):
    """Drawings of one small thing each, on white: side by side, all with much the same hash."""
    random = np.random.default_rng(0)
    (folder / "train").mkdir(parents=True)
    for number in range(count):
        target = np.full((64, 64, 3), 255, np.uint8)
        top, left = random.integers(20, 28, 2)
        blocks = random.integers(0, 256, (2, 3, 3)).repeat(8, 0).repeat(8, 1)
        target[top : top + 16, left : left + 24] = blocks
        source = np.where(target < 128, 0, 255).astype(np.uint8)
        save(np.concatenate([source, target], axis=1), folder / "train" / f"{number:03}.png")
    return folder


@pytest.fixture
def survey(tmp_path):
    def read(folder):
        found = list_pairs(look_for_pairs(folder, load_recipe()))
        read_all(found, processes=1)
        return found

    return read


def test_plain_products_on_white_are_no_copies(survey, tmp_path):
    assert list(duplicates(survey(plain_drawings(tmp_path, 120)))) == []


def test_copies_among_many_alike_are_found(survey, tmp_path):
    """Under other names, saved again, or larger; three of one are told of the first."""
    folder = plain_drawings(tmp_path, 120) / "train"
    first = Image.open(folder / "017.png")
    first.save(folder / "500.jpg", quality=80)
    first.resize((256, 128), Image.Resampling.BICUBIC).save(folder / "501.png")
    (folder / "502.png").write_bytes((folder / "044.png").read_bytes())
    found = {
        place.file: (place.detail, survey_finding.kind)
        for survey_finding in duplicates(survey(tmp_path))
        for place in survey_finding.places
    }
    assert {detail.split(" train/")[1][:3] for detail, _ in found.values()} <= {"017", "044", "500"}
    assert len(found) == 3
    exact = [detail for detail, _ in found.values() if detail.startswith("the same as")]
    assert len(exact) == 1


@pytest.mark.slow
def test_the_number_of_candidates_does_not_grow_with_the_square(survey, tmp_path):
    """All hashes equal: each is compared with some of the others, not with all."""
    counts = {}
    for count in (40, 160):
        read = survey(plain_drawings(tmp_path / str(count), count))
        for record in read.records:
            for seen in record.sides:
                object.__setattr__(seen.look, "hash", 0)
                object.__setattr__(seen.look, "thumb", bytes(range(256)))
        counts[count] = len(candidates(read))
    assert counts[160] < 6 * counts[40]


def test_alike_is_relative_to_what_is_shown():
    random = np.random.default_rng(0)
    calm = 100 + random.normal(0, 1, (1, 1, 64, 64, 3))
    waves = calm + 2 * np.sin(np.arange(64) / 5)[:, None]
    others = calm + 2 * np.sin(np.arange(64) / 5 + 2)[:, None]
    assert not alike_in_pixels(waves, others, (0.25, 0.45)).all()
    photo = random.integers(0, 256, (1, 1, 64, 64, 3)).astype(float)
    assert alike_in_pixels(photo, photo + random.normal(0, 10, photo.shape), (0.25, 0.45)).all()
    assert not alike_in_pixels(photo, photo[:, :, ::-1], (0.25, 0.45)).all()
    both = (np.concatenate(sides, 1) for sides in ((photo, calm), (photo[:, :, ::-1], calm)))
    assert not alike_in_pixels(*both, (0.25, 0.45)).all(), "one side alike is not enough"
