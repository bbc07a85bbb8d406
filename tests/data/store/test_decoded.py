import mmap
import os
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from diptych.data import pairs
from diptych.data.fitting import Fit
from diptych.data.pairs import COLOURS, Pair, Picture, Stack
from diptych.data.prepare import prepared
from diptych.data.store import decoding, wanted
from diptych.data.store.decoded import decoded
from diptych.data.store.pictures import Pictures
from diptych.data.store.place import cache_folder, store_folder
from diptych.data.store.wanted import Wanted
from diptych.errors import DiptychError
from diptych.images.arrays import resized
from diptych.images.domain import Domain, plain, several

COUNT, SIDE = 5, 8
BOTH = (COLOURS, COLOURS)
SQUARE, NATIVE = Fit("resize", (SIDE, SIDE)), Fit("patches", (SIDE, SIDE))
HEIGHTS = Domain(name="height", kind="values", channels=1, dtype="float32")
SHAPES = [(9, 30), (8, 8), (31, 11), (8, 200)]


@pytest.fixture
def folder(tmp_path) -> Path:
    """BMP files: other pixels do not change their size."""
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(COUNT):
        write(folder / f"{i}.bmp", i)
    return folder


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


def write(path: Path, seed: int) -> None:
    strip = np.random.default_rng(seed).integers(0, 256, (SIDE, 2 * SIDE, 3), np.uint8)
    Image.fromarray(strip).save(path)


def strips(folder: Path) -> list[Pair]:
    return [
        Pair(path.stem, Picture(path, 1, 2), Picture(path, 0, 2))
        for path in sorted(folder.glob("*.bmp"))
    ]


def sides(found: list[Pair], domains=BOTH, fit=SQUARE, **options) -> list[Pictures]:
    """Sources and targets out of the store."""
    both = [pair.source for pair in found], [pair.target for pair in found]
    asked = [Wanted(side, domain, fit) for side, domain in zip(both, domains, strict=True)]
    return decoded(asked, **options)


def alone(pictures, fit=NATIVE, domain=COLOURS, among=(), **options) -> Pictures:
    return decoded([Wanted(pictures, domain, fit, among)], **options)[0]


def parts(folder: Path | None = None) -> dict[Path, bytes]:
    """The files of a store and what they hold; there are no others but a machine's sign."""
    files = (folder or store_folder()).rglob("*")
    content = {path: path.read_bytes() for path in files if path.suffix != ".machine"}
    assert {path.suffix for path in content} <= {".part"}
    return content


def same(some, others) -> bool:
    return all(np.array_equal(*both) for both in zip(some, others, strict=True))


# --- what is given ---


def test_sources_and_targets_in_the_order_of_the_pairs(folder):
    found = strips(folder)[::-1]
    sources, targets = sides(found)
    assert len(sources) == len(targets) == COUNT
    for pair, source, target in zip(found, sources, targets, strict=True):
        strip = np.asarray(Image.open(pair.source.path))
        assert np.array_equal(source, strip[:, SIDE:])
        assert np.array_equal(target, strip[:, :SIDE])


@pytest.mark.parametrize("kind", ["resize", "shorter", "patches"])
def test_pictures_are_brought_to_their_size(kind, uneven):
    fit = Fit(kind, (6, 5))
    found = alone(uneven, fit)
    assert found.own.tolist() == [list(shape) for shape in SHAPES]
    assert found.shapes.tolist() == [list(fit.of(shape)) for shape in SHAPES]
    assert found.size == ((6, 5) if kind == "resize" else None)
    assert found.nbytes == sum(picture.nbytes for picture in found)
    for picture, array, own in zip(uneven, found, SHAPES, strict=True):
        assert np.array_equal(array, resized(picture.read(), fit.of(own), COLOURS))
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_pairs_are_as_prepared_has_them(folder):
    found = strips(folder)
    for pair, *both in zip(found, *sides(found, fit=Fit("resize", (6, 5))), strict=True):
        assert same(both, prepared(pair, BOTH, Fit("resize", (6, 5))))


def test_they_need_not_fit_into_memory(folder):
    base = sides(strips(folder))[0].in_one_file()
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)


def test_all_as_one_array(folder):
    found = strips(folder)
    sources, _ = sides(found)
    assert np.shares_memory(sources.array(), sources[3])
    backwards, _ = sides(found[::-1])
    assert backwards.in_one_file() is None
    assert np.array_equal(backwards.array(), sources.array()[::-1])
    assert alone([], SQUARE).in_one_file() is None


def test_each_side_keeps_its_own_type(folder):
    found = strips(folder)
    for i, pair in enumerate(found):
        np.save(folder / f"{i}.npy", np.full((SIDE, SIDE, 1), 1000.5 + i, np.float32))
        found[i] = Pair(pair.name, pair.source, Picture(folder / f"{i}.npy"))
    sources, targets = sides(found, (COLOURS, HEIGHTS), Fit("resize", (5, 5)))
    assert (sources[0].dtype, targets[0].dtype) == (np.uint8, np.float32)
    assert [target[2, 3, 0] for target in targets] == [1000.5 + i for i in range(COUNT)]


def test_several_pictures_are_one_source_together(folder):
    np.save(folder / "0.npy", np.full((SIDE, SIDE, 1), 1000.5, np.float32))
    stack = Stack((Picture(folder / "0.bmp", 1, 2), Picture(folder / "0.npy")))
    domain = several([plain("photo"), HEIGHTS])
    (found,) = alone([stack], SQUARE, domain)
    assert np.array_equal(found, stack.read(domain))


def test_a_panel_of_a_strip_at_its_own_size(uneven):
    (panel,) = alone([Picture(uneven[0].path, 2, 3)])
    assert np.array_equal(panel, uneven[0].read()[:, 20:])


@pytest.mark.parametrize("decoders", [1, 4])
def test_they_are_decoded_several_at_a_time_in_order(decoders, folder, monkeypatch):
    monkeypatch.setattr(decoding, "DECODERS", decoders)
    many = strips(folder) * 8
    for pair, *both in zip(many, *sides(many), strict=True):
        assert same(both, prepared(pair, BOTH, SQUARE))


# --- once ---


def test_each_is_decoded_once(folder, monkeypatch):
    first = sides(strips(folder))
    monkeypatch.setattr(pairs, "read_array", lambda *_: pytest.fail("decoded again"))
    for side, before in zip(sides(strips(folder)), first, strict=True):
        assert same(side, before)


def test_progress_is_told_file_by_file(folder):
    told: list[tuple[int, int]] = []
    for _ in range(2):
        sides(strips(folder), on_progress=lambda *at: told.append(at))
    assert told == [(i + 1, COUNT) for i in range(COUNT)], "and not at all the second time"


def test_a_strip_is_read_once_for_both_of_its_sides(folder, monkeypatch):
    read, opened = pairs.read_array, []
    monkeypatch.setattr(pairs, "read_array", lambda *of: opened.append(of[0]) or read(*of))
    sides(strips(folder))
    assert sorted(opened) == sorted(folder.iterdir())


def test_the_other_direction_is_there_already(folder, monkeypatch):
    sources, targets = sides(strips(folder))
    monkeypatch.setattr(pairs, "read_array", lambda *_: pytest.fail("decoded again"))
    turned = [Pair(pair.name, pair.target, pair.source) for pair in strips(folder)]
    assert all(map(same, sides(turned), (targets, sources)))


def test_another_choice_of_the_same_is_there_already(folder, monkeypatch):
    everything = [pair.source for pair in strips(folder)]
    first = alone(everything[:3], among=everything)
    assert len(first) == 3
    monkeypatch.setattr(pairs, "read_array", lambda *_: pytest.fail("decoded again"))
    last = alone(everything[:1:-1], among=everything)
    assert np.array_equal(last[2], first[2])


def test_in_many_parts_only_what_is_missing_is_made(uneven, monkeypatch):
    monkeypatch.setattr(wanted, "FILE_BYTES", 1)
    alone(uneven[:3])
    before = parts()
    assert len(before) == 3
    found = alone(uneven[::-1])
    assert same(found, [picture.read() for picture in reversed(uneven)])
    assert len(parts()) == 4
    assert before.items() <= parts().items()


def test_a_changed_file_is_decoded_anew(folder):
    before = sides(strips(folder))
    path = folder / "2.bmp"
    status = path.stat()
    write(path, 99)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    assert path.stat().st_size == status.st_size
    for side, other in zip(sides(strips(folder)), before, strict=True):
        changed = (side.array() != other.array()).any((1, 2, 3))
        assert changed.tolist() == [i == 2 for i in range(COUNT)]


@pytest.mark.parametrize(
    "other",
    [
        lambda found: (found, BOTH, Fit("resize", (SIDE, SIDE + 1))),
        lambda found: (found, BOTH, Fit("shorter", (SIDE, SIDE + 1))),
        lambda found: (found[:-1], BOTH, SQUARE),
        lambda found: ([Pair(p.name, p.target, p.source) for p in found], BOTH, SQUARE),
        lambda found: (found, (COLOURS, plain("gray", "gray")), SQUARE),
    ],
)
def test_nothing_is_mistaken_for_something_else(other, folder):
    sides(strips(folder))
    found, domains, fit = other(strips(folder))
    for pair, source, target in zip(found, *sides(found, domains, fit), strict=True):
        for picture, side, domain in ((pair.source, source, 0), (pair.target, target, 1)):
            values = picture.read(domains[domain])
            assert np.array_equal(side, resized(values, fit.of(values.shape[:2]), domains[domain]))


# --- where ---


def test_it_lies_in_its_own_place_and_nothing_beside_the_data(folder, tmp_path, monkeypatch):
    before = sorted(folder.iterdir())
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "here" / "below"))
    sides(strips(folder))
    assert cache_folder() == tmp_path / "here" / "below"
    assert len(parts(cache_folder() / "decoded")) == 2
    sides(strips(folder), folder=tmp_path / "there")
    assert len(parts(tmp_path / "there")) == 2
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("named", [None, ""])
def test_without_a_place_named_it_lies_in_the_users_cache(named, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: Path("caches") / name)
    if named is None:
        monkeypatch.delenv("DIPTYCH_CACHE")
    else:
        monkeypatch.setenv("DIPTYCH_CACHE", named)
    assert cache_folder() == Path("caches") / "diptych" / "pairs"


def test_a_place_that_cannot_be_written_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiptychError, match=r"file.*: cannot be written: "):
        sides(strips(folder))


def test_a_missing_file_is_named(folder):
    found = strips(folder)
    (folder / "3.bmp").unlink()
    with pytest.raises(DiptychError, match=r"3\.bmp: cannot be read: No such file"):
        sides(found)


# --- damage ---


def test_a_bad_picture_is_named_and_no_half_part_is_kept(folder):
    (folder / "3.bmp").write_bytes((folder / "3.bmp").read_bytes()[:-20])
    with pytest.raises(DiptychError, match=r"3\.bmp: damaged picture"):
        sides(strips(folder))
    assert parts() == {}
    write(folder / "3.bmp", 3)
    assert len(sides(strips(folder))[0]) == COUNT


def test_a_bad_picture_that_is_not_asked_for_is_left_out(folder):
    everything = [pair.source for pair in strips(folder)]
    (folder / "3.bmp").write_bytes((folder / "3.bmp").read_bytes()[:-20])
    some = everything[:3]
    found = alone(some, SQUARE, among=everything)
    assert found.size == (SIDE, SIDE)
    assert np.array_equal(found.array(), np.stack([picture.read() for picture in some]))
    with pytest.raises(DiptychError, match=r"3\.bmp: damaged picture"):
        alone(everything[2:4], SQUARE, among=everything)


def test_what_is_interrupted_leaves_no_half_part(folder):
    def interrupt(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sides(strips(folder), on_progress=interrupt)
    assert parts() == {}


def test_what_was_made_before_an_interruption_stays(uneven, monkeypatch):
    monkeypatch.setattr(wanted, "FILE_BYTES", 1)

    def interrupt(done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alone(uneven, on_progress=interrupt)
    assert len(parts()) == 2
    told: list[tuple[int, int]] = []
    assert same(alone(uneven, on_progress=lambda *at: told.append(at)), [p.read() for p in uneven])
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("damage", [lambda whole: whole[:-30], lambda whole: b"", lambda _: b"\0"])
def test_a_damaged_part_is_made_anew(damage, folder):
    sides(strips(folder))
    for path, whole in parts().items():
        path.write_bytes(damage(whole))
    for pair, *both in zip(strips(folder), *sides(strips(folder)), strict=True):
        assert same(both, prepared(pair, BOTH, SQUARE))
