import os
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image

from diptych.data import cache, pairs
from diptych.data.cache import cache_folder, decoded_pairs, decoded_pictures
from diptych.data.crops import Rectangles
from diptych.data.fit import Fit
from diptych.data.pairs import COLOURS, Pair, Picture
from diptych.data.prepare import prepared
from diptych.errors import DiptychError
from diptych.images.arrays import resized
from diptych.images.domain import Domain

COUNT, SIDE = 5, 8
GRAY = Domain(name="gray", kind="values", channels=3)
SIZE, BOTH = (SIDE, SIDE), (COLOURS, COLOURS)


@pytest.fixture
def folder(tmp_path) -> Path:
    """BMP files: other pixels do not change their size."""
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(COUNT):
        write(folder / f"{i}.bmp", i)
    return folder


def write(path: Path, seed: int) -> None:
    strip = np.random.default_rng(seed).integers(0, 256, (SIDE, 2 * SIDE, 3), np.uint8)
    Image.fromarray(strip).save(path)


def pairs_in(folder: Path) -> list[Pair]:
    return [
        Pair(path.stem, Picture(path, 1, 2), Picture(path, 0, 2))
        for path in sorted(folder.glob("*.bmp"))
    ]


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_sources_and_targets_in_the_order_of_the_pairs(folder):
    sources, targets = decoded_pairs(pairs_in(folder), BOTH, SIZE)
    assert sources.dtype == targets.dtype == np.uint8
    assert sources.shape == targets.shape == (COUNT, SIDE, SIDE, 3)
    for i, (source, target) in enumerate(zip(sources, targets, strict=True)):
        strip = np.asarray(Image.open(folder / f"{i}.bmp"))
        assert np.array_equal(source, strip[:, SIDE:])
        assert np.array_equal(target, strip[:, :SIDE])


def test_pictures_are_resized(folder):
    (pair,) = pairs_in(folder)[:1]
    decoded = decoded_pairs([pair], BOTH, (6, 5))
    for picture, sides in zip((pair.source, pair.target), decoded, strict=True):
        assert np.array_equal(sides[0], resized(picture.read(), (6, 5), COLOURS))
    assert all(
        map(
            np.array_equal,
            next(zip(*decoded, strict=True)),
            prepared(pair, BOTH, Fit("resize", (6, 5))),
        )
    )


def test_each_pair_is_decoded_once(folder, monkeypatch):
    first = decoded_pairs(pairs_in(folder), BOTH, SIZE)
    monkeypatch.setattr(pairs, "read_array", lambda *_: pytest.fail("decoded again"))
    again = decoded_pairs(pairs_in(folder), BOTH, SIZE)
    for side, before in zip(again, first, strict=True):
        assert isinstance(side, np.memmap), "it need not fit into memory"
        assert np.array_equal(side, before)
        with pytest.raises(ValueError, match="read-only"):
            side[0] = 0


def test_progress_is_told_pair_by_pair(folder):
    told: list[tuple[int, int]] = []
    for _ in range(2):
        decoded_pairs(pairs_in(folder), BOTH, SIZE, on_progress=lambda *at: told.append(at))
    assert told == [(i + 1, COUNT) for i in range(COUNT)], "and not at all the second time"


def test_a_changed_file_is_decoded_anew(folder):
    before = np.concatenate(decoded_pairs(pairs_in(folder), BOTH, SIZE))
    path = folder / "2.bmp"
    status = path.stat()
    write(path, 99)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    assert path.stat().st_size == status.st_size
    after = np.concatenate(decoded_pairs(pairs_in(folder), BOTH, SIZE))
    changed = (before != after).any((1, 2, 3))
    assert changed.tolist() == 2 * [i == 2 for i in range(COUNT)]


@pytest.mark.parametrize(
    "other",
    [
        lambda found: (found, BOTH, (SIDE, SIDE + 1)),
        lambda found: (found[:-1], BOTH, SIZE),
        lambda found: (found[::-1], BOTH, SIZE),
        lambda found: ([Pair(p.name, p.target, p.source) for p in found], BOTH, SIZE),
        lambda found: (found, (COLOURS, GRAY), SIZE),
    ],
)
def test_nothing_is_mistaken_for_something_else(other, folder):
    found = pairs_in(folder)
    decoded_pairs(found, BOTH, SIZE)
    asked = other(found)
    for i, pair in enumerate(zip(*decoded_pairs(*asked), strict=True)):
        assert all(
            map(np.array_equal, pair, prepared(asked[0][i], asked[1], Fit("resize", asked[2])))
        )


def test_it_lies_in_its_own_place_and_nothing_beside_the_data(folder, tmp_path, monkeypatch):
    before = content(folder)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "here" / "below"))
    decoded_pairs(pairs_in(folder), BOTH, SIZE)
    assert cache_folder() == tmp_path / "here" / "below"
    assert [path.suffix for path in content(cache_folder())] == [".npy"]
    decoded_pairs(pairs_in(folder), BOTH, SIZE, tmp_path / "there")
    assert len(content(tmp_path / "there")) == 1
    assert content(folder) == before


@pytest.mark.parametrize("named", [None, ""])
def test_without_a_place_named_it_lies_in_the_users_cache(named, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: Path("caches") / name)
    if named is None:
        monkeypatch.delenv("DIPTYCH_CACHE")
    else:
        monkeypatch.setenv("DIPTYCH_CACHE", named)
    assert cache_folder() == Path("caches") / "diptych" / "pairs"


def test_a_bad_picture_is_named_and_nothing_half_done_is_kept(folder):
    (folder / "3.bmp").write_bytes((folder / "3.bmp").read_bytes()[:-20])
    with pytest.raises(DiptychError, match=r"3\.bmp: damaged picture"):
        decoded_pairs(pairs_in(folder), BOTH, SIZE)
    assert content(cache_folder()) == {}
    write(folder / "3.bmp", 3)
    assert len(decoded_pairs(pairs_in(folder), BOTH, SIZE)[0]) == COUNT


def test_what_is_interrupted_is_begun_anew(folder):
    def interrupt(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decoded_pairs(pairs_in(folder), BOTH, SIZE, on_progress=interrupt)
    assert content(cache_folder()) == {}


def test_a_place_that_cannot_be_written_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiptychError, match=r"file.*\.npy: cannot be written: "):
        decoded_pairs(pairs_in(folder), BOTH, SIZE)


@pytest.mark.parametrize("decoders", [1, 4])
def test_pairs_are_decoded_several_at_a_time_in_order(decoders, folder, monkeypatch):
    monkeypatch.setattr(cache, "DECODERS", decoders)
    many = pairs_in(folder) * 8
    for pair, both in zip(many, zip(*decoded_pairs(many, BOTH, SIZE), strict=True), strict=True):
        assert all(map(np.array_equal, both, prepared(pair, BOTH, Fit("resize", SIZE))))


def test_a_strip_is_decoded_once_for_both_of_its_sides(folder, monkeypatch):
    expected = [pair.source.read() for pair in pairs_in(folder)]
    read, opened = pairs.read_array, []
    monkeypatch.setattr(pairs, "read_array", lambda *of: opened.append(of[0]) or read(*of))
    sources, _ = decoded_pairs(pairs_in(folder), BOTH, SIZE)
    assert sorted(opened) == sorted(folder.iterdir())
    assert np.array_equal(sources, expected)


def test_each_side_keeps_its_own_type(folder):
    """Numbers of 4 bytes lie at a multiple of 4, whatever lies before them."""
    found, heights = (
        pairs_in(folder),
        Domain(name="height", kind="values", channels=1, dtype="float32"),
    )
    for i, pair in enumerate(found):
        np.save(folder / f"{i}.npy", np.full((SIDE, SIDE, 1), 1000.5 + i, np.float32))
        found[i] = Pair(pair.name, pair.source, Picture(folder / f"{i}.npy"))
    odd = (5, 5)
    sources, targets = decoded_pairs(found, (COLOURS, heights), odd)
    assert (sources.dtype, targets.dtype) == (np.uint8, np.float32)
    assert targets[:, 2, 3, 0].tolist() == [1000.5 + i for i in range(COUNT)]
    assert torch.from_numpy(targets.copy()).equal(Rectangles(sources, targets, odd).targets)


# --- one side alone, sides of two shapes, pictures at their own sizes ---


def test_a_source_that_is_made_of_its_target_is_not_decoded_twice(folder):
    found = [Pair(p.stem, Picture(p), Picture(p)) for p in sorted(folder.glob("*.bmp"))]
    sources, targets = decoded_pairs(found, BOTH, SIZE)
    assert sources is targets
    for pair, target in zip(found, targets, strict=True):
        assert np.array_equal(target, resized(pair.target.read(), SIZE, COLOURS))


@pytest.mark.parametrize(
    ("source", "target", "alike"),
    [
        ((40, 30), (40, 30), True),
        ((40, 30), (80, 60), True),
        ((41, 31), (20, 15), True),  # rounding
        ((512, 256), (128, 64), True),
        ((40, 30), (30, 40), False),
        ((40, 30), (40, 31), True),  # off by a pixel
        ((400, 300), (400, 303), False),
        ((1232, 224), (256, 256), False),
    ],
)
def test_another_shape_is_refused_unless_meant(source, target, alike, tmp_path):
    paths = [tmp_path / name for name in ("source.png", "target.png")]
    for path, size in zip(paths, (source, target), strict=True):
        Image.new("RGB", size, (9, 8, 7)).save(path)
    pair = Pair("a", *map(Picture, paths))
    if alike:
        prepared(pair, BOTH, Fit("resize", SIZE))
    else:
        with pytest.raises(DiptychError) as caught:
            decoded_pairs([pair], BOTH, SIZE)
        assert str(caught.value) == (
            f"{paths[0]}: {source[0]}x{source[1]}, but its target is {target[0]}x{target[1]}, "
            "of another shape; if that is meant, --set data.shapes=own"
        )
    for side in decoded_pairs([pair], BOTH, SIZE, same_shape=False):
        assert side.shape == (1, SIDE, SIDE, 3)
    if not alike:  # what was cached as meant is still refused as not meant
        with pytest.raises(DiptychError):
            decoded_pairs([pair], BOTH, SIZE)


NATIVE = Fit("patches", SIZE)
SHAPES = [(9, 30), (8, 8), (31, 11), (8, 200)]


@pytest.fixture
def uneven(tmp_path) -> list[Picture]:
    folder = tmp_path / "uneven"
    folder.mkdir()
    found = []
    for i, (height, width) in enumerate(SHAPES):
        noise = np.random.default_rng(i).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
        found.append(Picture(folder / f"{i}.png"))
    return found


def test_pictures_at_their_own_sizes(uneven):
    told: list[tuple[int, int]] = []
    for _ in range(2):
        ragged = decoded_pictures(uneven, COLOURS, NATIVE, on_progress=lambda *at: told.append(at))
        assert len(ragged) == len(SHAPES)
        assert [tuple(shape) for shape in ragged.shapes] == SHAPES
        for picture, pixels in zip(uneven, ragged, strict=True):
            assert np.array_equal(pixels, picture.read())
        with pytest.raises(ValueError, match="read-only"):
            ragged[1][:] = 0
    assert told == [(i + 1, 4) for i in range(4)], "and not at all the second time"
    assert [path.suffix for path in content(cache_folder())] == [".pixels"]


def test_a_panel_of_a_strip_at_its_own_size(uneven):
    (panel,) = decoded_pictures([Picture(uneven[0].path, 2, 3)], COLOURS, NATIVE)
    assert np.array_equal(panel, uneven[0].read()[:, 20:])


def test_a_changed_picture_is_decoded_anew(uneven):
    decoded_pictures(uneven, COLOURS, NATIVE)
    Image.new("RGB", (50, 40), (1, 2, 3)).save(uneven[2].path)
    ragged = decoded_pictures(uneven, COLOURS, NATIVE)
    assert tuple(ragged.shapes[2]) == (40, 50)
    assert (ragged[2] == (1, 2, 3)).all()
    assert np.array_equal(ragged[3], uneven[3].read())


@pytest.mark.parametrize("size", [(6, 6), (4, 10)])
def test_pictures_that_keep_their_shape(size, uneven):
    fit = Fit("shorter", size)
    ragged = decoded_pictures(uneven, COLOURS, fit)
    assert ragged.as_one() is None
    assert [tuple(shape) for shape in ragged.own] == SHAPES
    for picture, pixels, own in zip(uneven, ragged, SHAPES, strict=True):
        assert np.array_equal(pixels, resized(picture.read(), fit.of(own), COLOURS))


def test_pictures_of_one_size_are_one_array(uneven):
    ragged = decoded_pictures(uneven, COLOURS, Fit("resize", (6, 5)))
    assert np.array_equal(ragged.as_one(), np.stack(list(ragged)))
    assert isinstance(ragged.as_one(), np.memmap), "it need not fit into memory"
