"""How much memory a picture takes when it is translated whole, and how much there is."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from diptych.errors import DiptychError

MARGIN = 0.8  # the share of what is free that is taken unasked
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def parse_bytes(text: str) -> int:
    """Bytes in words, as `2GB` or `800M`, as a number; raises DiptychError where it is none."""
    size = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([KMGT]?)B?\s*", text.upper())
    if size is None:
        raise DiptychError(f"memory {text!r}: give it as 2GB or 800MB")
    return int(float(size[1]) * UNITS[size[2]])


def may_be_taken(memory: int | None, device: torch.device) -> int:
    """Bytes that a translation may take beside what the program holds already.

    `memory` limits what the program takes in all; where it is None, a share of what is free is
    taken.
    """
    free = _free(device)
    return int(MARGIN * free) if memory is None else min(memory - _held(device), free)


def tensors_at_most(action: Callable[[], object]) -> int:
    """Bytes of the tensors that an action makes and that are alive together, at the most.

    Random numbers are afterwards as if it had not been done.
    """
    alive = _Alive()
    with torch.random.fork_rng(range(torch.cuda.device_count())), alive:
        action()
    return alive.most


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the tensors that are alive at a time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sizes: dict[StorageWeakRef, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(results):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                self.sizes[StorageWeakRef(storage)] = storage.nbytes()  # type: ignore[no-untyped-call]
        self.sizes = {ref: size for ref, size in self.sizes.items() if not ref.expired()}  # type: ignore[no-untyped-call]
        self.most = max(self.most, sum(self.sizes.values()))
        return results


def _free(device: torch.device) -> int:
    """Bytes that can be had: of the device, or the least that machine and control groups leave."""
    if device.type == "cuda":
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + reserved
    machine = _line(PROC / "meminfo", "MemAvailable:")
    if machine is not None:
        return min([1024 * machine, *_left_in_groups()])
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 1 << 62  # unknown: pictures are translated whole, unless a limit is given


def _held(device: torch.device) -> int:
    """Bytes that the program holds."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return 1024 * (_line(PROC / "self" / "status", "VmRSS:") or 0)


def _left_in_groups() -> list[int]:
    """What the control group of this process, and each above it, leaves of its limit."""
    name = next((line[3:] for line in _lines(PROC / "self" / "cgroup") if line[:3] == "0::"), "/")
    inner = GROUPS / name.strip("/")
    above = [group for group in inner.parents if group.is_relative_to(GROUPS)]
    names = ("memory.max", "memory.current", "inactive_file")
    first = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    left = [_left(group, *names) for group in (inner, *above)]
    left.append(_left(GROUPS / "memory", *first))  # of version 1, as a container sees it
    return [each for each in left if each is not None]


def _left(group: Path, limit: str, used: str, files: str) -> int | None:
    """What a control group leaves, by the files that say so; None where it has no limit."""
    most = "".join(_lines(group / limit))
    if not most.isdecimal():
        return None
    current = int("".join(_lines(group / used)) or 0)
    cached = _line(group / "memory.stat", files) or 0  # of files, given up when needed
    return max(0, int(most) - current + cached)


def _line(path: Path, key: str) -> int | None:
    """The number behind `key` in a file of the system; None where there is none."""
    return next((int(line.split()[1]) for line in _lines(path) if line.startswith(key)), None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []
