"""A folder of pictures and a small model of them, for whole commands in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network, TestTime, write_model
from diptych.networks import build_generator

FACTS = {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def make_model(path: Path) -> Path:
    """A residual U-Net, in whose bfloat16 a result depends on its company."""
    import torch

    torch.manual_seed(0)
    options = {"base_channels": 16}
    generator = build_generator("resunet", **options)
    header = Header(
        generator=Network(name="resunet", options=options),
        size_multiple=generator.size_multiple,
        crop_size=(64, 64),
        source=plain("labels"),
        target=plain("photo"),
        test=TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    write_model(path, generator.state_dict(), header)
    return path


def make_folder(folder: Path, count: int) -> Path:
    """Pictures of two sizes, some in a folder below, and a file among them that is none."""
    random = np.random.default_rng(0)
    (folder / "below").mkdir(parents=True)
    for i in range(count):
        size = (64, 64) if i % 25 < 20 else (48, 80)
        pixels = random.integers(0, 256, (*(side // 8 for side in size), 3), np.uint8)
        path = folder / ("below" if 3 * i > 2 * count else "") / f"{i:03}.png"
        Image.fromarray(pixels.repeat(8, 0).repeat(8, 1)).save(path)
    (folder / "010x.png").write_text("no picture")
    return folder


def make_pairs(root: Path, count: int) -> Path:
    """So many to score and four to train on, of coarse noise, B a little lighter than A."""
    for split, own in (("train", 4), ("test", count)):
        for side, shift in (("A", 0), ("B", 40)):
            folder = root / split / side
            folder.mkdir(parents=True)
            for number in range(own):
                small = np.random.default_rng(number).integers(0, 200, (8, 8, 3), np.uint8)
                picture = Image.fromarray(small + np.uint8(shift)).resize((64, 64))
                picture.save(folder / f"{number:03}.png")
    return root


def start(
    *words: object, before: Sequence[str] = (), command: str = "translate", **facts: str
) -> subprocess.Popen:
    """`diptych translate`, or another command, on the processor."""
    program = [*before, sys.executable, "-m", "diptych", command, "--device=cpu"]
    return subprocess.Popen(
        [*program, *map(str, words)],
        env=os.environ | FACTS | facts,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen) -> tuple[int, str, str]:
    """Exit status, output and errors."""
    out, errors = process.communicate(timeout=500)
    return process.returncode, out, errors


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def until(so: Callable[[], object], seconds: float = 300) -> None:
    """Wait until something is so."""
    late = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < late, "it never came"
        time.sleep(0.02)


def kill(process: int) -> None:
    """As the system does that has no memory left."""
    os.kill(process, signal.SIGKILL)
