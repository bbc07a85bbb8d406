"""Huge pictures through the paper's U-Net, whole and within bounded memory, file to file.

    python benchmarks/bounded.py [--whole 4096] [--bounded 4096 8192] [--memory 3GB] [--json FILE]

64 base channels, 8 levels, 54 M parameters, random. Each translation is made in a process of its
own: `seconds` from a tiled TIFF file to another, `processor_seconds` those of its threads together,
`peak_gb` its VmHWM from start to end, Python, torch and model included. Where a size is made both
ways, the difference of the network's outputs (in [-1, 1]) and of the written levels is measured;
`seam` is what independent tiles of 1024 pixels, each with 128 around it, would differ by.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from torch import nn

from diptych.images.domain import plain
from diptych.images.encoding import to_unit_range
from diptych.images.padding import pad_to_multiple
from diptych.images.tiff_windows import open_tiff
from diptych.images.tiff_writing import write_tiff
from diptych.images.windows import ArrayPicture
from diptych.model_file import Dataset, Domain, Header, Network, TestTime, write_model
from diptych.networks import build_generator
from diptych.networks.padded import translate_padded
from diptych.translation.bounded import bounded_translation as bounded
from diptych.translation.bounded.workspace import Workspace
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import translate_files
from diptych.translation.loading import load
from diptych.translation.network_translator import NetworkTranslator

TILE, OVERLAP = 1024, 128


def make_model(path: Path, size: int = 256, spread: float = 0.3, name: str = "unet") -> None:
    """A generator for pictures of a size, by default the paper's, with weights drawn at random.

    Those of the last layer with a deviation of `spread`: at 0.3 outputs spread over [-1, 1].
    """
    torch.manual_seed(0)
    options = {"levels": min(8, (size & -size).bit_length() - 1)} if name == "unet" else {}
    generator = build_generator(name, **options)
    last: Any = generator.out
    nn.init.normal_(getattr(last, "conv", last).weight, 0, spread)
    multiple: Any = generator.size_multiple
    header = Header(
        generator=Network(name=name, options=options),
        size_multiple=multiple,
        crop_size=(size, size),
        source=Domain(name="source"),
        target=Domain(name="target"),
        test=TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    write_model(path, generator.state_dict(), header)


def make_picture(path: Path, side: int) -> None:
    """Smooth shapes of every size under a little noise."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    pixels = np.zeros((side, side, 3), np.float32)
    for period in (side / 2, side / 7, 311, 47):
        for channel in range(3):
            turn = random.uniform(0, 6.3, 3)
            wave = np.cos(turn[0]) * rows + np.sin(turn[0]) * columns
            pixels[..., channel] += np.sin(wave * (6.3 / period) + turn[1])
    pixels += random.normal(0, 0.2, pixels.shape).astype(np.float32)
    write_tiff(path, ArrayPicture((pixels * 30 + 127).clip(0, 255).astype(np.uint8)))


def peak() -> int:
    """Bytes of memory that this process has held at the most."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def translate_one(folder: Path, way: str, side: int, memory: str) -> dict[str, object]:
    """In a process of its own: translate one picture."""
    translator = load(folder / "model.safetensors", device="cpu", memory=memory)
    loaded, notes = peak(), []
    translator.notice = notes.append
    out = folder / way
    begun, worked = time.perf_counter(), time.process_time()
    outcome = translate_files(translator, plan_files([str(folder / f"{side}.tif")], out, "tif"))
    seconds, processor = time.perf_counter() - begun, time.process_time() - worked
    if outcome.failures or bool(notes) != (way == "bounded"):
        sys.exit(f"{outcome.failures} {notes}")
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "peak_gb": round(peak() / 1e9, 2),
        "loaded_gb": round(loaded / 1e9, 2),
        "note": "; ".join(notes),
    }


@torch.inference_mode()
def keep_outputs(translator: NetworkTranslator, folder: Path, way: str, side: int) -> None:
    """Write the network's outputs as raw float32 `(3, side, side)`."""
    picture = open_tiff(folder / f"{side}.tif", plain("source"))
    assert picture is not None  # noqa: S101 - made above
    whole = (0, side), (0, side)
    file = np.memmap(folder / f"{way}.raw", np.float32, "w+", shape=(3, side, side))
    if way == "bounded":
        workspace = Workspace(500_000_000, 0)
        made = bounded.outputs(translator.generator, translator.header, picture, workspace)
        for rows, columns in made.windows():
            file[:, slice(*rows), slice(*columns)] = made.compute((rows, columns))[0].numpy()
        return
    batch = pad_to_multiple(to_unit_range(torch.from_numpy(picture.read(whole).copy())[None]), 256)
    if way == "whole":
        file[:] = translate_padded(translator.generator, batch, (side, side))[0].numpy()
        return
    for top in range(0, side, TILE):
        for left in range(0, side, TILE):
            spans = [(max(0, n - OVERLAP), min(side, n + TILE + OVERLAP)) for n in (top, left)]
            tile = batch[..., slice(*spans[0]), slice(*spans[1])]
            padded, size = pad_to_multiple(tile, 256), tuple(tile.shape[-2:])
            made = translate_padded(translator.generator, padded, size)[0]
            down, along = top - spans[0][0], left - spans[1][0]
            file[:, top : top + TILE, left : left + TILE] = made[
                :, down : down + TILE, along : along + TILE
            ].numpy()


def differences(folder: Path, one: str, other: str, side: int) -> dict[str, float]:
    """Of two ways: the network's outputs, and the written pictures."""
    files = [
        np.memmap(folder / f"{way}.raw", np.float32, "r", shape=(3, side, side))
        for way in (one, other)
    ]
    apart = [np.abs(files[0][:, row] - files[1][:, row]) for row in range(side)]
    found = {
        "outputs_max": float(max(row.max() for row in apart)),
        "outputs_mean": float(np.mean([row.mean() for row in apart])),
    }
    if all((folder / way).is_dir() for way in (one, other)):
        levels = [tifffile.imread(folder / way / f"{side}.tif").astype(int) for way in (one, other)]
        off = np.abs(levels[0] - levels[1])
        found |= {"levels_max": int(off.max()), "levels_share": float((off > 0).mean())}
    return found


def in_a_process(folder: Path, way: str, side: int, memory: str) -> dict[str, object]:
    """Run this program for one translation; what it says."""
    command = [sys.executable, __file__, "--one", str(folder), way, str(side), memory]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    result: dict[str, object] = json.loads(done.stdout)
    return result


def main() -> None:
    """Make model and pictures, translate each way, and print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", type=int, nargs="*", default=[4096])
    parser.add_argument("--bounded", type=int, nargs="*", default=[4096, 8192])
    parser.add_argument("--generator", default="unet", help="unet or resunet")
    parser.add_argument("--memory", default="3GB", help="for the bounded ones")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        folder, way, side, memory = given.one
        print(json.dumps(translate_one(Path(folder), way, int(side), memory)))
        return
    result: dict[str, object] = {
        "benchmark": "bounded",
        "processor": getattr(torch.cpu, "get_capabilities", dict)().get("cpu_name")
        or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "tifffile": tifffile.__version__,
        "memory": given.memory,
        "generator": given.generator,
    }
    for side in sorted({*given.whole, *given.bounded}):
        with tempfile.TemporaryDirectory() as place:
            folder, found = Path(place), {}
            make_model(folder / "model.safetensors", name=given.generator)
            make_picture(folder / f"{side}.tif", side)
            if side in given.whole:
                found["whole"] = in_a_process(folder, "whole", side, "1TB")
            if side in given.bounded:
                found["bounded"] = in_a_process(folder, "bounded", side, given.memory)
            if len(found) == 2:
                translator = load(folder / "model.safetensors", device="cpu")
                for way in ("whole", "bounded", "tiles"):
                    keep_outputs(translator, folder, way, side)
                found["difference"] = differences(folder, "whole", "bounded", side)
                found["seam"] = differences(folder, "whole", "tiles", side)
        result[f"{side}x{side}"] = found
        print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
