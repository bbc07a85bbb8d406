"""Damaged files of every kind: each is read or named in one line, in bounded memory."""

import io
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.files import read_image
from diptych.images.values import probe, read_values

WAYS = (probe, read_values, read_image)


def originals() -> dict[str, bytes]:
    """A small file of every kind that is read."""
    random = np.random.default_rng(0)
    photo = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8)).resize((48, 36))
    made = {}
    for ending in ("png", "jpg", "webp", "bmp", "gif", "ppm", "tif"):
        file = io.BytesIO()
        photo.save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending))
        made[f"photo.{ending}"] = file.getvalue()
    for mode in ("P", "LA", "RGBA", "L", "1"):
        file = io.BytesIO()
        photo.convert(mode).save(file, "PNG")
        made[f"{mode}.png"] = file.getvalue()
    wide = random.integers(0, 65536, (20, 24, 3), np.uint16)
    made["wide.png"] = imagecodecs.png_encode(wide)
    made["wide.pgm"] = b"P5 24 20 4095\n" + wide[..., 0].astype(">u2").tobytes()
    for name, options in (
        ("lzw", {"compression": "lzw", "tile": (16, 16)}),
        ("big", {"bigtiff": True, "compression": "zlib"}),
        ("jpeg", {"compression": "jpeg"}),
    ):
        bands = random.normal(size=(36, 48, 5)).astype(np.float32)
        values = np.asarray(photo) if name == "jpeg" else bands
        file = io.BytesIO()
        tifffile.imwrite(
            file, values, photometric="rgb" if name == "jpeg" else "minisblack", **options
        )
        made[f"{name}.tif"] = file.getvalue()
    for name, save in (("a.npy", np.save), ("a.npz", np.savez_compressed)):
        file = io.BytesIO()
        save(file, wide)
        made[name] = file.getvalue()
    return made


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Bits flipped, an end cut off, sizes blown up, pieces repeated, another beginning."""
    changed = bytearray(content)
    how = random.integers(6)
    head = min(len(changed), 120)
    if how == 0:
        for place in random.integers(len(changed), size=random.integers(1, 20)):
            changed[place] ^= 1 << int(random.integers(8))
    elif how == 1:
        del changed[int(random.integers(len(changed))) :]
    elif how == 2:  # where sizes and counts stand
        place = int(random.integers(head))
        changed[place : place + 4] = b"\xff" * int(random.integers(1, 5))
    elif how == 3:
        place = int(random.integers(head))
        changed[place] = int(random.integers(256))
    elif how == 4:
        start, stop = sorted(random.integers(len(changed), size=2).tolist())
        changed[stop:stop] = changed[start:stop]
    else:
        changed[: int(random.integers(1, 40))] = random.bytes(20)
    return bytes(changed)


def read_mutants(folder: Path, count: int) -> int:
    """Read so many mutated files in every way; how many of these readings gave a picture."""
    random, read = np.random.default_rng(1), 0
    kinds = list(originals().items())
    for number in range(count):
        name, content = kinds[number % len(kinds)]
        path = folder / f"{number} {name}"
        path.write_bytes(mutated(content, random))
        for way in WAYS:
            try:
                way(path)
                read += 1
            except DiptychError as error:
                message = str(error)
                assert message.startswith(f"{path}: "), message
                assert "\n" not in message, message
                assert len(message) < 600, message
        path.unlink()
    return read


CODE = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_fuzz import read_mutants
print(read_mutants(Path({folder!r}), {count}))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def run(folder: Path, count: int) -> None:
    code = CODE.format(here=str(Path(__file__).parent), folder=str(folder), count=count)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read, megabytes = map(int, done.stdout.split())
    assert count / 4 < read < 3 * count, "some are hardly damaged, and some beyond reading"
    assert megabytes < 2000
    assert "tifffile" not in done.stderr


def test_damaged_files_end_no_program(tmp_path):
    run(tmp_path, 300)


@pytest.mark.slow
def test_two_thousand_damaged_files_end_no_program(tmp_path):
    run(tmp_path, 2000)
