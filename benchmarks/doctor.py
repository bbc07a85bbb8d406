"""How long `diptych data check` takes for many pairs, and how much memory.

    python benchmarks/doctor.py [--pairs 100000] [--processes 2] [--json FILE]

Pairs of 64x64 JPEGs, crops of real-looking made-up pictures under noise of their own, so that none
is a copy of another: the source the outlines, the target the picture. The check runs as a person
runs it, in processes of its own: `seconds` from start to end, `peak_mb` the most that the first of
its processes held, `worker_peak_mb` the most of any that it started (VmHWM), looked at twice a
second. With several numbers of pairs, it shows whether time and memory grow as they do.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

SIDE = 64


def make_pairs(folder: Path, count: int) -> None:
    """Two folders, `A` and `B`, in which every picture lies in a folder of a thousand."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:1024, :1024].astype(np.float32)
    large = np.zeros((1024, 1024, 3), np.float32)
    for period in (400, 130, 47, 17):
        for channel in range(3):
            turn = random.uniform(0, 6.3, 2)
            wave = np.cos(turn[0]) * rows + np.sin(turn[0]) * columns
            large[..., channel] += np.sign(np.sin(wave * (6.3 / period) + turn[1]))
    for number in range(count):
        top, left = random.integers(0, 1024 - SIDE, 2)
        gains = random.uniform(10, 40, 3)
        crop = large[top : top + SIDE, left : left + SIDE] * gains + random.uniform(60, 190, 3)
        crop += random.normal(0, 25, (8, 8, 3)).repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)
        crop += random.normal(0, 4, crop.shape)
        target = Image.fromarray(crop.clip(0, 255).astype(np.uint8))
        for side, image in (
            ("A", target.convert("L").filter(ImageFilter.FIND_EDGES)),
            ("B", target),
        ):
            path = folder / side / f"{number // 1000:04}" / f"{number:07}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.convert("RGB").save(path, quality=85)


def status_mb(process: int, key: str) -> int:
    """A number of the system's about a process, in megabytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(key)), 0)


def children(process: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            started = [int(word) for word in task.read_text("utf-8").split()]
        except OSError:
            continue
        found += started + [deeper for child in started for deeper in children(child)]
    return found


def check(folder: Path, processes: int) -> dict[str, object]:
    """Run the check on a folder; what it took and what it found."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "diptych", "data", "check", str(folder), "--no-cost"]
    command += ["--processes", str(processes), "--json", str(report)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    own, workers, together = 0, 0, 0
    while process.poll() is None:
        own = max(own, status_mb(process.pid, "VmHWM:"))
        started = children(process.pid)
        workers = max([workers, *(status_mb(child, "VmHWM:") for child in started)])
        held = sum(status_mb(one, "VmRSS:") for one in (process.pid, *started))
        together = max(together, held)
        time.sleep(0.5)
    findings = json.loads(report.read_text("utf-8"))["findings"]
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "peak_mb": own,
        "worker_peak_mb": workers,
        "together_peak_mb": together,  # pages that they share counted for each
        "findings": {finding["kind"]: len(finding["places"]) for finding in findings},
    }


def main() -> None:
    """Make the pairs, check them, and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, nargs="*", default=[100_000])
    parser.add_argument("--processes", type=int, default=0, help="0: one a core")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, object] = {
        "benchmark": "doctor",
        "processor": getattr(torch.cpu, "get_capabilities", dict)().get("cpu_name")
        or platform.machine(),
        "cores": os.cpu_count(),
        "processes": given.processes or os.cpu_count(),
    }
    for count in given.pairs:
        with tempfile.TemporaryDirectory() as place:
            begun = time.perf_counter()
            make_pairs(Path(place), count)
            print(f"{count} pairs made in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
            result[f"{count} pairs"] = check(Path(place), given.processes)
        print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
