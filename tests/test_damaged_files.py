"""Damaged files of every kind: each is read or named in one line, in bounded memory.

Read one by one, looked at by `diptych data check`, and translated.
"""

import contextlib
import io
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych import model_file
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain
from diptych.images.geo import geo_tags
from diptych.images.rgb import read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.values import probe, read_values
from diptych.model_file import Dataset, Header, Network, write_model
from diptych.networks import build_generator

HELD = 50_000_000  # bytes: a translation, which knows what it may take, asks before it reads


def read_windows(path: Path) -> None:
    """As a picture that is too large to be read whole."""
    five = Domain(name="bands", kind="values", channels=5, dtype="float32")
    for domain in (plain("photo"), five):
        picture = open_tiff(path, domain) if path.suffix == ".tif" else None
        if picture is not None:
            with contextlib.closing(picture):
                height, width, _ = picture.shape
                if picture.held < HELD:
                    picture.read(((max(0, height - 90), height), (0, min(width, 90))))


WAYS = (probe, read_values, read_image, geo_tags, read_windows)


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


def write_mutants(folder: Path, count: int) -> list[Path]:
    """Write so many mutated files."""
    random, paths = np.random.default_rng(1), []
    kinds = list(originals().items())
    folder.mkdir(parents=True)
    for number in range(count):
        name, content = kinds[number % len(kinds)]
        paths.append(folder / f"{number:04} {name}")
        paths[-1].write_bytes(mutated(content, random))
    return paths


def assert_one_line(message: str, path: Path) -> None:
    assert message.startswith(f"{path}: "), message
    assert "\n" not in message, message
    assert len(message) < 600, message


def read_mutants(folder: Path) -> int:
    """Read every file in every way; how many of these readings gave a picture."""
    read = 0
    for path in sorted(folder.iterdir()):
        for way in WAYS:
            try:
                way(path)
                read += 1
            except DiptychError as error:
                assert_one_line(str(error), path)
    return read


def readable(path: Path) -> bool:
    """Whether training could read it."""
    try:
        (read_image if probe(path).plain else read_values)(path)
    except DiptychError:
        return False
    return True


CODE = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_damaged_files import read_mutants
print(read_mutants(Path({folder!r})))
"""


@dataclass
class Done:
    """What a program did: of all its processes together, the most that one of them took."""

    status: int
    output: str
    errors: str
    seconds: float
    megabytes: int


def tell(figures: str) -> None:
    """To one who runs this with -s."""
    sys.stdout.write(f"\n{figures}")


# By way of a small process, for Linux counts what a process was started from as its own. What it
# took, with its children, which wait4 alone tells of one process, is the last line of the errors.
START = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, *sys.argv[1:]])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss // 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(*command: str) -> Done:
    """Run a program to its end, which none takes minutes to come to."""
    begun = time.monotonic()
    words = [sys.executable, "-c", START, *command]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    *errors, megabytes = ended.stderr.splitlines()
    seconds = time.monotonic() - begun
    done = Done(ended.returncode, ended.stdout, "\n".join(errors), seconds, int(megabytes))
    tell(f"{done.seconds:.0f} s, {done.megabytes} MB at most in one process")
    assert done.megabytes < 2000
    assert "Traceback" not in done.errors, done.errors[-3000:]
    assert "tifffile" not in done.errors
    return done


MANY = pytest.param(2000, marks=pytest.mark.slow)


@pytest.mark.parametrize("count", [MANY])
def test_reading_them(count, tmp_path):
    write_mutants(tmp_path / "A", count)
    done = run("-c", CODE.format(here=str(Path(__file__).parent), folder=str(tmp_path / "A")))
    assert done.status == 0
    some = int(done.output)
    assert count / 2 < some < len(WAYS) * count, "some are hardly damaged, and some beyond reading"


@pytest.mark.parametrize("count", [MANY])
def test_looking_for_what_is_wrong_with_them(count, tmp_path):
    """As the sources of pairs, by the processes that `data check` starts."""
    paths, sound = write_mutants(tmp_path / "pairs" / "A", count), tmp_path / "sound.png"
    (tmp_path / "pairs" / "B").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (36, 48, 3), np.uint8)).save(sound)
    for path in paths:
        (tmp_path / "pairs" / "B" / f"{path.stem}.png").hardlink_to(sound)
    report = tmp_path / "report.json"
    options = ["--json", str(report), "--html", str(tmp_path / "page.html"), "--processes", "2"]
    command = ["data", "check", str(tmp_path / "pairs"), "--no-cost"]
    done = run("-m", "diptych", *command, *options)
    assert done.status == 1, done.errors
    named = {
        place["file"]: place["detail"]
        for finding in json.loads(report.read_text("utf-8"))["findings"]
        if finding["kind"] in {"unreadable", "truncated"}
        for place in finding["places"]
    }
    expected = {f"A/{path.name}" for path in paths if not readable(path)}
    tell(f"{len(named)} of {count} named")
    assert set(named) == expected
    assert count / 10 < len(expected) < count
    assert all(detail and "\n" not in detail for detail in named.values())


@pytest.mark.parametrize("count", [MANY])
def test_translating_them(count, tmp_path):
    paths, out = write_mutants(tmp_path / "A", count), tmp_path / "out"
    network = build_generator("residual", base_channels=4, blocks=1)
    header = Header(
        generator=Network(name="residual", options={"base_channels": 4, "blocks": 1}),
        size_multiple=1,
        crop_size=(32, 32),
        source=plain("a"),
        target=plain("b"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    write_model(tmp_path / "model.safetensors", network.state_dict(), header)
    command = ["translate", str(tmp_path / "model.safetensors"), str(tmp_path / "A")]
    done = run("-m", "diptych", *command, "--out", str(out), "--format", "tif",
               "--device", "cpu", "--memory", "1500MB")  # fmt: skip
    assert done.status == 1, done.errors
    failures = [line for line in done.output.splitlines() if line.startswith("failed: ")]
    results = {path.stem for path in out.iterdir()}
    tell(f"{len(failures)} of {count} named")
    assert len(failures) + len(results) == count
    for path in paths:
        if path.stem not in results:
            (line,) = (line for line in failures if f"{path}: " in line)
            assert_one_line(line.removeprefix("failed: "), path)
