import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from diptych.data.pairs import COLOURS
from diptych.data.store.part import Part, Writer, open_part
from diptych.images.domain import Domain

HEIGHTS = Domain(name="height", kind="values", channels=2, dtype="float32")
SHAPES = [(3, 5), (1, 1), (4, 2)]


def pictures(domain: Domain, shapes=SHAPES) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    sizes = [(*shape, domain.array_channels) for shape in shapes]
    return [random.uniform(0, 255, size).astype(domain.array_dtype) for size in sizes]


def written(path: Path, arrays: list[np.ndarray | None]) -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        for array in arrays:
            writer.add(array, (70, 80))
        writer.finish()
    return path


@pytest.mark.parametrize("domain", [COLOURS, HEIGHTS])
def test_pictures_of_any_sizes_are_as_they_were_written(domain, tmp_path):
    arrays = pictures(domain)
    part = open_part(written(tmp_path / "a.part", list(arrays)), 3, domain)
    assert isinstance(part, Part)
    assert part.together is None
    assert part.sizes.tolist() == [list(shape) for shape in SHAPES]
    assert part.own.tolist() == [[70, 80]] * 3
    for number, array in enumerate(arrays):
        assert np.array_equal(part[number], array)
        with pytest.raises(ValueError, match="read-only"):
            part[number][:] = 0


@pytest.mark.parametrize("domain", [COLOURS, HEIGHTS])
def test_those_of_one_size_are_one_array(domain, tmp_path):
    arrays = pictures(domain, [(3, 5)] * 4)
    part = open_part(written(tmp_path / "a.part", list(arrays)), 4, domain)
    assert np.array_equal(part.together, np.stack(arrays))
    assert np.shares_memory(part.together, part[2])


def test_one_that_could_not_be_decoded_is_left_out(tmp_path):
    first, _, last = pictures(COLOURS)
    part = open_part(written(tmp_path / "a.part", [first, None, last]), 3, COLOURS)
    assert part.sizes[1].tolist() == [0, 0]
    assert np.array_equal(part[2], last)


def test_the_time_of_the_last_use_is_kept(tmp_path):
    path = written(tmp_path / "a.part", list(pictures(COLOURS)))
    os.utime(path, (0, 0))
    open_part(path, 3, COLOURS)
    assert path.stat().st_mtime > 0


def foot(own: object, sizes: object) -> bytes:
    kept = np.array([own, sizes], "<i8").tobytes()
    return kept + struct.pack("<4sI", b"dpt1", zlib.crc32(kept))


def test_damage_is_told(tmp_path):
    path = written(tmp_path / "a.part", list(pictures(COLOURS)))
    whole = path.read_bytes()
    pixels = 3 * (15 + 1 + 8)
    damaged = [
        *(whole[:length] for length in range(len(whole))),
        *(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(pixels, len(whole))),
        whole + b"\0",
        bytes(len(whole)),
        whole[:pixels] + foot([(1, 1)] * 3, [(3, 5), (1, 1), (4, 3)]),
        whole[:pixels] + foot([(1, 1)] * 3, [(-3, -5), (1, 1), (4, 2)]),
        whole[:pixels] + foot([(1, 1)] * 3, [(2**62, 4), (3, 5), (9, 1)]),
    ]
    for content in damaged:
        path.write_bytes(content)
        assert open_part(path, 3, COLOURS) is None
    path.write_bytes(whole)
    assert open_part(path, 3, COLOURS) is not None
    assert open_part(path, 2, COLOURS) is None
    assert open_part(path, 3, HEIGHTS) is None
    assert open_part(tmp_path / "missing", 3, COLOURS) is None
    assert open_part(tmp_path, 3, COLOURS) is None
