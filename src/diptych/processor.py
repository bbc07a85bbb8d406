"""What the processor can do, and how the program is set up for it."""

import ctypes
import sys

import torch

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2  # glibc's names in mallopt(3)


def cpu_has_bf16(unknown: bool = True) -> bool:
    """Whether the processor multiplies bfloat16 itself; `unknown` where torch cannot tell."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    known = [name for name in capabilities if name in {"avx512_bf16", "amx_bf16", "bf16"}]
    return any(capabilities[name] for name in known) if known else unknown


def keep_freed_memory() -> None:
    """Have the C library keep what tensors free, for the tensors that follow.

    It gives every large block back at once otherwise, and the next tensor's pages come from the
    system anew, each zeroed: a third of a training step on some machines. The program's peak stays
    what it was. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, 2**31 - 1)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_TOP_PAD, 2**26)
