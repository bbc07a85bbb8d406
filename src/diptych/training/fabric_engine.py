"""The engine for devices beside the processor: Lightning Fabric."""

import logging
import warnings

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from diptych.training.engine import Engine, Precision


class FabricEngine(Engine):
    """As `Engine`, by Lightning Fabric, whose import takes as long as torch's own."""

    def __init__(self, device: torch.device, precision: Precision = "fp32") -> None:
        super().__init__(device, precision)
        # What it says of its precision, the line of `start_engine` says too, and of more.
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about unused accelerators
            self._fabric = Fabric(
                accelerator=device.type,
                devices=1,
                precision="bf16-mixed" if precision == "bf16" else "32-true",
            )

    def setup(self, network: nn.Module) -> nn.Module:
        """The network on the device, computing in the engine's precision."""
        wrapped: nn.Module = self._fabric.setup_module(network)
        return wrapped

    def backward(self, objective: Tensor) -> None:
        """The gradients of the networks' weights."""
        self._fabric.backward(objective)
