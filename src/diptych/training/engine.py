"""The device and the precision, through Lightning Fabric."""

import logging
import warnings

import torch
from lightning_fabric import Fabric

from diptych.errors import DiptychError
from diptych.fast.processor import give_freed_memory_back, has_bf16, keep_freed_memory

DEVICES = ("auto", "cpu", "cuda", "mps")


def start_engine(
    device: str = "auto", precision: str = "auto", threads: int = 0, recompute: bool = False
) -> tuple[Fabric, str]:
    """The engine, and a line that says what it runs on and all that was chosen for it.

    `device`: auto takes CUDA, else Apple's MPS, else the CPU. `precision`: bf16 computes the
    networks in bfloat16 while weights and optimiser stay fp32; a processor that would only emulate
    it is faster in fp32 and stays there, which the line says. auto is bf16 where the processor is
    known to have it. `threads`: of the CPU; 0 leaves the choice to torch. `recompute`: whether
    layers are computed again in the backward pass; memory comes before time then.
    """
    # What it says of its precision, the line says too, and of more.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if threads:
        torch.set_num_threads(threads)
    if device not in DEVICES:
        raise DiptychError(f"--device {device!r}: one of {', '.join(DEVICES)}")
    with warnings.catch_warnings():
        # Advice about unused accelerators; the line below says what is used.
        warnings.simplefilter("ignore")
        try:
            where = Fabric(accelerator=device, devices=1).device.type
        except (RuntimeError, ValueError) as error:  # what Fabric raises where there is none
            raise DiptychError(
                f"--device {device}: not to be had on this machine ({str(error).splitlines()[0]})"
            ) from None
        emulated = precision == "bf16" and not has_bf16(where, unknown=True)
        computed = "fp32" if emulated else precision
        if precision == "auto":
            computed = "bf16" if has_bf16(where, unknown=False) else "fp32"
        fabric = Fabric(
            accelerator=where,
            devices=1,
            precision="bf16-mixed" if computed == "bf16" else "32-true",
        )
    chosen = [torch.cuda.get_device_name() if where == "cuda" else where.upper()]
    if where == "cpu":
        (give_freed_memory_back if recompute else keep_freed_memory)()
        chosen += [f"{torch.get_num_threads()} threads"]
    because = " (this processor only emulates bf16, which is slower)" if emulated else ""
    chosen += [f"{computed}{because}"]
    if where != "mps":
        chosen += ["channels-last"]
    chosen += ["fused Adam"]
    if makes_graphs(fabric.device, recompute):
        chosen += ["CUDA graph"]
    if recompute:
        chosen += ["recomputing"]
    return fabric, ", ".join(chosen)


def computed_in(fabric: Fabric) -> str:
    """The precision that an engine computes in, as recipes have it."""
    return "bf16" if fabric.strategy.precision.precision == "bf16-mixed" else "fp32"


def makes_graphs(device: torch.device, recompute: bool) -> bool:
    """Whether the training step is made as one CUDA graph.

    Not where layers are recomputed: that asks for the state of random numbers, which a graph has
    none of, and pictures large enough to need it keep the device busy without.
    """
    return device.type == "cuda" and not recompute
