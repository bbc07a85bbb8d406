"""The device a run computes on, and the precision it computes in."""

import logging
import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn

from diptych.errors import DiptychError
from diptych.fast.processor import (
    give_freed_memory_back,
    has_bf16,
    keep_freed_memory,
    usable_devices,
)

DEVICES = ("auto", "cpu", "cuda", "mps")

Precision = Literal["fp32", "bf16"]


class Engine:
    """Puts networks on a device, and has them compute in its precision.

    Weights and optimisers stay fp32 in any case. This one is the processor's, by torch alone: with
    Lightning Fabric, which all other devices have, training would start in twice the time.
    """

    def __init__(self, device: torch.device, precision: Precision = "fp32") -> None:
        self.device, self.precision = device, precision

    def setup(self, network: nn.Module) -> nn.Module:
        """The network on the device, computing in the engine's precision."""
        network = network.to(self.device)
        return network if self.precision == "fp32" else _InBfloat16(network, self.device.type)

    def backward(self, objective: Tensor) -> None:
        """The gradients of the networks' weights."""
        objective.backward()  # type: ignore[no-untyped-call]


class FabricEngine(Engine):
    """Lightning Fabric, whose import takes as long as torch's own."""

    def __init__(self, device: torch.device, precision: Precision = "fp32") -> None:
        from lightning_fabric import Fabric

        super().__init__(device, precision)
        # What it says of its precision, the line of `start_engine` says too, and of more.
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about unused accelerators
            self._fabric = Fabric(
                accelerator=device.type,
                devices=1 if device.index is None else [device.index],
                precision="bf16-mixed" if precision == "bf16" else "32-true",
            )

    def setup(self, network: nn.Module) -> nn.Module:
        """The network on the device, computing in the engine's precision."""
        wrapped: nn.Module = self._fabric.setup_module(network)
        return wrapped

    def backward(self, objective: Tensor) -> None:
        """The gradients of the networks' weights."""
        self._fabric.backward(objective)


class _InBfloat16(nn.Module):
    """A network that takes and gives fp32, and multiplies in bfloat16 in between."""

    def __init__(self, network: nn.Module, device_type: str) -> None:
        super().__init__()
        self.network, self.device_type = network, device_type

    def forward(self, *inputs: Tensor) -> Any:
        with torch.autocast(self.device_type, dtype=torch.bfloat16):
            outputs = self.network(*(each.to(torch.bfloat16) for each in inputs))
        if isinstance(outputs, tuple):
            return tuple(each.float() for each in outputs)
        return outputs.float()


def start_engine(
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    recompute: bool = False,
    parts: int = 1,
    place: int = 0,
) -> tuple[Engine, str]:
    """The engine, and a line that says what it runs on and all that was chosen for it.

    `device`: auto takes CUDA, else Apple's MPS, else the CPU. `precision`: bf16 computes the
    networks in bfloat16 while weights and optimiser stay fp32; a processor that would only emulate
    it is faster in fp32 and stays there, which the line says. auto is bf16 where the processor is
    known to have it. `threads`: of the CPU; 0 leaves the choice to torch. `recompute`: whether
    layers are computed again in the backward pass; memory comes before time then. `parts`: in how
    many a batch is computed, by all processes together. `place`: which device, of several.
    """
    if threads:
        torch.set_num_threads(threads)
    chosen_device = device_of(device, place)
    where = chosen_device.type
    emulated = precision == "bf16" and not has_bf16(where, unknown=True)
    takes_bf16 = has_bf16(where, unknown=False) if precision == "auto" else precision == "bf16"
    kind = Engine if where == "cpu" else FabricEngine
    engine = kind(chosen_device, "bf16" if takes_bf16 and not emulated else "fp32")
    chosen = [torch.cuda.get_device_name() if where == "cuda" else where.upper()]
    if where == "cpu":
        (give_freed_memory_back if recompute else keep_freed_memory)()
        chosen += [f"{torch.get_num_threads()} threads"]
    because = " (this processor only emulates bf16, which is slower)" if emulated else ""
    chosen += [f"{engine.precision}{because}"]
    if where != "mps":
        chosen += ["channels-last"]
    chosen += ["fused Adam"]
    if makes_graphs(engine.device, recompute, parts):
        chosen += ["CUDA graph"]
    if recompute:
        chosen += ["recomputing"]
    return engine, ", ".join(chosen)


def device_of(name: str, place: int = 0) -> torch.device:
    """The device of a name; raises DiptychError where it is none, or not on this machine."""
    if name not in DEVICES:
        raise DiptychError(f"--device {name!r}: one of {', '.join(DEVICES)}")
    usable = usable_devices()
    if name == "auto":
        name = usable[0]
    if name not in usable:
        raise DiptychError(
            f"--device {name}: not to be had on this machine (torch {torch.__version__} sees none)"
        )
    return torch.device(name) if name == "cpu" else torch.device(name, place)


def makes_graphs(device: torch.device, recompute: bool, parts: int = 1) -> bool:
    """Whether the training step is made as one CUDA graph.

    Not where layers are recomputed, or a batch in several parts: that asks for the state of random
    numbers, which a graph has none of, or for other processes, and pictures large enough to need it
    keep the device busy without.
    """
    return device.type == "cuda" and not recompute and parts == 1
