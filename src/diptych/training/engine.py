"""The device and the precision, through Lightning Fabric."""

import logging
import warnings

import torch
from lightning_fabric import Fabric

from diptych.errors import DiptychError
from diptych.processor import cpu_has_bf16

DEVICES = ("auto", "cpu", "cuda", "mps")


def start_engine(
    device: str = "auto", precision: str = "fp32", threads: int = 0
) -> tuple[Fabric, str]:
    """The engine, and a line that says what it runs on.

    `device`: auto takes CUDA, else Apple's MPS, else the CPU. `precision`: bf16 computes the
    networks in bfloat16 while weights and optimiser stay fp32; a CPU that would only emulate it is
    faster in fp32 and stays there, which the line says. `threads`: of the CPU; 0 leaves the choice
    to torch.
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
        emulated = precision == "bf16" and where == "cpu" and not cpu_has_bf16()
        computed = "fp32" if emulated else precision
        fabric = Fabric(
            accelerator=where,
            devices=1,
            precision="bf16-mixed" if computed == "bf16" else "32-true",
        )
    name = torch.cuda.get_device_name() if where == "cuda" else where.upper()
    if where == "cpu":
        name += f", {torch.get_num_threads()} threads"
    because = " (this processor only emulates bf16, which is slower)" if emulated else ""
    return fabric, f"{name}, {computed}{because}"
