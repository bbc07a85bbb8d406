"""Masks, labels and rasters as people keep them: check, plan, training and scores agree on each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.config import load_recipe
from diptych.data.crops import training_crops
from diptych.data.prepare import prepared
from diptych.doctor.check import check_pairs
from diptych.errors import DiptychError
from diptych.images.domain import Domain
from diptych.images.writing import write_values
from diptych.training.plan import make_plan

SIZE, PAIRS = 32, 6
SMALL = {"data.load_size": SIZE, "data.crop_size": SIZE, "discriminator.receptive_field": 16}
ODD = 3  # the pair that differs


def areas(i: int, count: int) -> np.ndarray:
    """Numbers below `count` in areas, 0 among them, all of them in some picture."""
    random = np.random.default_rng(i)
    numbers = np.zeros((SIZE, SIZE), np.uint8)
    for number in [*range(1, count)] * 2:
        top, left = random.integers(0, SIZE - 8, 2)
        numbers[top : top + 8, left : left + 8] = number
    numbers[:2], numbers[-1, -count:] = 0, range(count)
    return numbers


def noise(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (SIZE, SIZE), np.uint8)


def heights(i: int) -> np.ndarray:
    return (np.random.default_rng(i).random((SIZE, SIZE)) * 900 + 100).astype(np.float32)


def indexed(path: Path, numbers: np.ndarray, colours: bytes) -> None:
    image = Image.fromarray(numbers, "P")
    image.putpalette(colours)
    image.save(path)


def own_tables(i: int, path: Path, strange: bool = False) -> None:
    """Three colours, in each file in another order; with `strange` one has a fourth."""
    colours = [bytes(3), b"\xff\0\0", b"\0\xff\0"]
    turned = colours[i % 3 :] + colours[: i % 3]
    if strange and i == ODD:
        turned[0] = b"\x01\x02\xff"
    indexed(path, (areas(i, 3) + 3 - i) % 3, b"".join(turned))


def masks(i: int, path: Path, gray: Callable[[int], bool], high: int = 255) -> None:
    mask = (areas(i, 2) * high).astype(np.uint8)
    Image.fromarray(mask if gray(i) else mask[..., None].repeat(3, 2)).save(path)


def raster(path: Path, values: np.ndarray, nodata: float | None = None) -> None:
    write_values(path, values[..., None], nodata=nodata)


def holed(values: np.ndarray, hole: float) -> np.ndarray:
    values = values.copy()
    values[4:9, 4:9] = hole
    return values


@dataclass(frozen=True)
class Row:
    name: str
    write: Callable[[int, Path], object]  # target number i
    target: dict[str, object]  # of its domain: what is found
    said: dict[str, object] = field(default_factory=dict)  # by the recipe of it
    ending: str = "png"
    refused: str = ""  # what all say where they refuse it
    told: str = ""  # what check and plan tell
    kinds: frozenset[str] = frozenset()  # of findings that are no notes


LABELS = {"kind": "labels"}
TWO = {"kind": "labels", "palette": ["#000000", "#ffffff"]}
ROWS = [
    Row("own tables", own_tables, {"kind": "labels", "channels": 3}, LABELS),
    Row(
        "own tables, a strange colour",
        lambda i, path: own_tables(i, path, strange=True),
        {"kind": "labels", "channels": 3},
        {"kind": "labels", "palette": ["#000000", "#00ff00", "#ff0000"]},
        refused="colour #0102ff",
    ),
    Row("gray masks", lambda i, p: masks(i, p, bool), {"channels": 2}, TWO),
    Row("one gray mask", lambda i, p: masks(i, p, lambda i: i == ODD), {"channels": 2}, TWO),
    Row(
        "masks of 0 and 1, undeclared",
        lambda i, p: masks(i, p, lambda _: True, 1),
        {"kind": "gray"},
        told="domain.B.kind=labels domain.B.classes=2",
        kinds=frozenset({"few levels"}),
    ),
    Row(
        "masks of 0 and 255, undeclared",
        lambda i, p: masks(i, p, lambda i: i != ODD),
        {"kind": "rgb"},
        told="domain.B.kind=labels domain.B.classes=2",
        kinds=frozenset({"few levels", "channels"}),
    ),
    Row(
        "masks of 0 and 255, declared as is told",
        lambda i, p: masks(i, p, lambda i: i != ODD),
        TWO | {"palette": ("#000000", "#ffffff")},
        LABELS | {"classes": 2},
    ),
    Row("gray", lambda i, p: Image.fromarray(noise(i)).save(p), {"kind": "gray", "channels": 1}),
    Row(
        "numbers of classes, undeclared",
        lambda i, p: Image.fromarray(areas(i, 5)).save(p),
        {"kind": "labels", "channels": 5, "nodata": None},
        told="B: 5 classes, as its files hold the numbers 0 to 4; domain.B.kind = 'values' says",
    ),
    Row(
        "and 255 beside them",
        lambda i, p: Image.fromarray(holed(areas(i, 5), 255)).save(p),
        {"kind": "labels", "channels": 5, "nodata": 255},
        told="numbers 0 to 4, and 255 where there is no class",
    ),
    Row(
        "the last number declared as none",
        lambda i, p: Image.fromarray(areas(i, 5)).save(p),
        {"kind": "labels", "channels": 4, "nodata": 4},
        {"nodata": 4},
        told="numbers 0 to 3, and 4 where there is no class",
    ),
    Row(
        "255 beside declared classes",
        lambda i, p: Image.fromarray(holed(areas(i, 5), 255)).save(p),
        {"kind": "labels", "nodata": None},
        LABELS | {"classes": 5},
        refused="label 255 in 25 pixels",
    ),
    Row(
        "255 declared as none",
        lambda i, p: Image.fromarray(holed(areas(i, 5), 255)).save(p),
        {"kind": "labels", "nodata": 255},
        LABELS | {"classes": 5, "nodata": 255},
    ),
    Row(
        "classes in a GeoTIFF",
        lambda i, p: raster(p, holed(areas(i, 5).astype(np.int16), -9999), -9999),
        {"kind": "labels", "nodata": -9999},
        LABELS | {"classes": 5},
        "tif",
    ),
    Row(
        "NaN in places",
        lambda i, p: raster(p, holed(heights(i), np.nan)),
        {"kind": "values", "dtype": "float32"},
        ending="tif",
    ),
    Row(
        "NaN alone",
        lambda i, p: raster(p, heights(i) * (np.nan if i == ODD else 1)),
        {"kind": "values"},
        ending="tif",
        refused="no data: none of its values is a finite number",
    ),
    Row(
        "-9999, undeclared",
        lambda i, p: raster(p, holed(heights(i), -9999)),
        {"kind": "values", "nodata": None},
        ending="tif",
        told="domain.B.nodata=-9999",
        kinds=frozenset({"no data value"}),
    ),
    Row(
        "-9999, declared",
        lambda i, p: raster(p, holed(heights(i), -9999)),
        {"kind": "values", "nodata": -9999},
        {"nodata": -9999},
        "tif",
    ),
    Row(
        "the lowest of float32, undeclared",
        lambda i, p: raster(p, holed(heights(i), np.finfo(np.float32).min)),
        {"kind": "values"},
        ending="tif",
        told="domain.B.nodata=-3.4028234663852886e+38",
        kinds=frozenset({"no data value"}),
    ),
    Row(
        "-32768 in 16 bits",
        lambda i, p: tifffile.imwrite(p, holed(heights(i).astype(np.int16), -32768)),
        {"kind": "values", "dtype": "int16"},
        ending="tif",
        told="domain.B.nodata=-32768",
        kinds=frozenset({"no data value"}),
    ),
    Row(
        "few heights",
        lambda i, p: raster(p, areas(i, 9).astype(np.uint16) * 50),
        {"kind": "values", "dtype": "uint16"},
    ),
    Row(
        "few heights in floats",
        lambda i, p: raster(p, areas(i, 9).astype(np.float32)),
        {"kind": "values", "dtype": "float32"},
        ending="tif",
    ),
    Row(
        "a photo of few levels",
        lambda i, p: Image.fromarray(noise(i) // 32 * 32).save(p),
        {"kind": "gray"},
    ),
    Row(
        "a dark photo of few levels",
        lambda i, p: Image.fromarray(noise(i) // 32).save(p),
        {"kind": "gray"},
        told="looks black",
        kinds=frozenset({"few levels"}),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_all_take_a_side_as_the_same(row, tmp_path):
    for side in "AB":
        (tmp_path / side).mkdir()
    for i in range(PAIRS):
        colours = np.stack([noise(100 * i + channel) for channel in range(3)], 2)
        Image.fromarray(colours).save(tmp_path / "A" / f"{i}.png")
        row.write(i, tmp_path / "B" / f"{i}.{row.ending}")
    said = {f"domain.B.{key}": value for key, value in row.said.items()}
    recipe = load_recipe("pix2pix", SMALL | said)

    checkup = check_pairs(tmp_path, recipe, processes=1)
    plan = make_plan(recipe, tmp_path)
    target = plan.domains[1]
    assert row.target.items() <= dict(target).items()
    assert checkup.survey.taken_as == plan.domains
    lines = [*checkup.survey.data.notes, *(f.advice + f.message for f in checkup.findings)]
    for told in (lines, plan.data.notes):
        assert any(row.told in line for line in told) or not row.told, told
    errors = [finding for finding in checkup.findings if finding.severity == "error"]
    if row.refused:
        (finding,) = errors
        assert any(row.refused in place.detail for place in finding.places)
        assert any(row.refused in note for note in plan.data.notes), "few as they are, all are read"
    else:
        assert not errors
        warned = {f.kind for f in checkup.findings if f.severity == "warning"}
        # Of noise and areas other rules may think what they like.
        assert warned & {"few levels", "no data value", "no data", "channels", "depth"} == row.kinds
    pairs = [pair for split in plan.data.splits.values() for pair in split]
    for read in (
        lambda: training_crops(pairs, recipe, plan.domains),
        lambda: [prepared(pair, plan.domains, None) for pair in pairs],  # as it is scored
        lambda: [pair.target.read(plan.domains[1]) for pair in pairs],  # as a source's translated
    ):
        if not row.refused:
            read()
            continue
        with pytest.raises(DiptychError, match=row.refused):
            read()
    if target.kind == "values":
        low, high = target.range[0]
        undeclared = "no data value" in row.kinds
        assert (low < -9000) == undeclared
        assert high < 1001


def test_a_domain_says_which_of_the_sides_files_are_gray(tmp_path):
    """A file of colours among gray ones makes all of them colours, as before."""
    for side in "AB":
        (tmp_path / side).mkdir()
        for i in range(PAIRS):
            values = noise(i)
            colours = values[..., None].repeat(3, 2) if side == "B" and i == ODD else values
            Image.fromarray(colours).save(tmp_path / side / f"{i}.png")
    source, target = make_plan(load_recipe("pix2pix", SMALL), tmp_path).domains
    assert (source.kind, target.kind) == ("gray", "rgb")
    forced = load_recipe("pix2pix", SMALL | {"domain.A.kind": "rgb", "domain.B.kind": "gray"})
    assert make_plan(forced, tmp_path).domains == (
        Domain(name="A"),
        Domain(name="B", kind="gray", channels=1),
    )
