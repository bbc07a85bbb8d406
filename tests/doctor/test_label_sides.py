import numpy as np
import pytest
from PIL import Image

from diptych.config import with_overrides
from diptych.doctor.check import check_pairs
from diptych.doctor.class_rules import class_balance
from diptych.doctor.label_sides import Labels, count_labels, find_labels

from .conftest import pixels, save

pytestmark = pytest.mark.usefixtures("measured_once")


@pytest.fixture
def label_pictures(facades_apart) -> list[np.ndarray]:
    return [pixels(path) for path in sorted((facades_apart / "A/train").glob("*.png"))]


def test_labels_are_told_from_photos(facades_apart, label_pictures):
    labels = find_labels(label_pictures)
    assert labels is not None
    assert not labels.declared
    assert 10 <= len(labels.palette) <= 13
    photos = [pixels(path) for path in sorted((facades_apart / "B/train").glob("*.png"))]
    assert find_labels(photos) is None
    assert find_labels([photo[..., :1].repeat(3, 2) for photo in photos]) is None


def test_one_photo_among_labels_does_not_hide_them(facades_apart, label_pictures):
    label_pictures[5] = pixels(facades_apart / "B/train/05.png")
    assert find_labels(label_pictures) is not None


def test_counts_and_what_is_no_label():
    shown = np.zeros((20, 20, 3), np.uint8)
    shown[:, 10:] = (255, 0, 0)
    shown[4:16, 2:8] = (0, 200, 0)
    palette = np.array([[0, 0, 0], [250, 5, 5]], np.uint8)
    counted = count_labels(shown, shown, Labels(palette))
    assert set(counted.pixels) == {0, 1}
    assert counted.strange == 10 * 4 / 400  # but for the border, whose 3x3 is not flat
    assert counted.colour == "#00c800"
    numbers = np.array([[[3], [3]], [[7], [0]]], np.uint8)
    assert count_labels(numbers, shown, None).pixels == {0: 1, 3: 2, 7: 1}
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert count_labels(ramp, shown, None) is None
    assert len(count_labels(ramp, shown, Labels(classes=256)).pixels) == 256
    assert count_labels(shown, shown, None) is None


def test_a_declared_palette_makes_it_an_error(pairs, recipe, label_pictures):
    palette = find_labels(label_pictures).palette
    colours = [f"#{bytes(colour).hex()}" for colour in palette]
    recipe = with_overrides(
        recipe, {"domain.source.kind": "labels", "domain.source.palette": colours}
    )
    for file in (pairs / "A").rglob("*.png"):
        save(palette[nearest(pixels(file), palette)], file)
    assert check_pairs(pairs, recipe).findings == []
    path = pairs / "A/train/07.png"
    values = pixels(path).copy()
    values[20:50, 20:50] = (250, 20, 200)
    save(values, path)
    (finding,) = check_pairs(pairs, recipe).findings
    assert (finding.severity, finding.sure, finding.kind) == (
        "error",
        "certain",
        "labels out of range",
    )
    (place,) = finding.places
    assert place.file == "A/train/07.png"
    assert "#fa14c8" in place.detail


def nearest(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    apart = np.abs(picture[..., None, :].astype(int) - palette.astype(int))
    return apart.sum(3).argmin(2).astype(np.uint8)


@pytest.fixture
def indexed(pairs, label_pictures):
    """The same pairs with label pictures of one channel: numbers 0 to 11."""
    palette = find_labels(label_pictures).palette
    for path in (pairs / "A").rglob("*.png"):
        save(nearest(pixels(path), palette), path)
    return pairs, len(palette)


def declared(recipe, classes):
    said = {"domain.source.kind": "labels", "domain.source.classes": classes}
    return with_overrides(recipe, said)


def test_a_number_that_is_no_label(indexed, recipe):
    folder, classes = indexed
    recipe = declared(recipe, classes)
    sound = check_pairs(folder, recipe)
    assert sound.findings == []
    balance = class_balance(sound.survey, 0)
    assert {label.name for label in balance} <= {str(number) for number in range(classes)}
    assert sum(label.share for label in balance) == pytest.approx(1)
    path = folder / "A/val/01.png"
    values = pixels(path).copy()
    values[:5] = 255
    save(values, path)
    (finding,) = check_pairs(folder, recipe).findings
    assert (finding.severity, finding.kind) == ("error", "labels out of range")
    (place,) = finding.places
    assert place.file == "A/val/01.png"
    assert place.detail.startswith("label 255 in 800 pixels")
    without = with_overrides(recipe, {"domain.source.nodata": 255})
    checkup = check_pairs(folder, without)
    assert [(f.severity, f.kind) for f in checkup.findings] == [("note", "no data")]
    assert "255" not in {label.name for label in class_balance(checkup.survey, 0)}


def test_numbers_that_nobody_declared_are_no_errors(indexed, recipe):
    """Sources of few numbers look black: what they may be is said, and how."""
    folder, classes = indexed
    path = folder / "A/val/01.png"
    values = pixels(path).copy()
    values[:5] = 255
    save(values, path)
    checkup = check_pairs(folder, recipe)
    assert not checkup.harmful
    (finding,) = [finding for finding in checkup.findings if finding.kind == "few levels"]
    assert finding.severity == "warning"
    keys = f"domain.labels.kind=labels domain.labels.classes={classes}"
    assert finding.advice.endswith(keys)


def test_labels_in_full_colours_do_not_look_black(pairs, recipe):
    """Levels are 0 and 255 alone; that there are five labels is no level of 4."""
    colours = np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0], [255, 255, 0], [0, 0, 0]], np.uint8)
    for path in (pairs / "A").rglob("*.png"):
        save(colours[nearest(pixels(path), colours)], path)
    checkup = check_pairs(pairs, recipe)
    assert checkup.survey.labels[0] is not None
    assert not [finding for finding in checkup.findings if finding.kind == "few levels"]


def test_a_gray_photo_among_numbers(indexed, recipe):
    folder, classes = indexed
    photo = Image.fromarray(pixels(folder / "B/train/03.png")).convert("L")
    photo.save(folder / "A/train/03.png")
    assert not check_pairs(folder, recipe).harmful
    findings = check_pairs(folder, declared(recipe, classes)).findings
    (finding,) = [finding for finding in findings if finding.kind == "labels out of range"]
    assert [place.file for place in finding.places] == ["A/train/03.png"]
