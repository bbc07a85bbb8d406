"""Less memory for more time: what layers made is computed again in the backward pass."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from diptych.networks import compact, efficientnet_lite0, residual, resnet, resunet
from diptych.pix2pix import Down, PatchGAN, Up

# Parts that hold little where they meet the next: of them only what goes in is kept.
PARTS = (
    Down, Up, residual.Block, resnet.Block, resnet.Normalized, compact.Block, compact.Enlarge,
    resunet.Halve, resunet.Double, resunet.ResidualBlock, resunet.Finish,
    efficientnet_lite0.InvertedResidual,
    PatchGAN,
)  # fmt: skip


def recompute(network: nn.Module) -> None:
    """Have the parts of a network keep what goes in alone, while gradients are wanted.

    Results and gradients are the same, those of dropout too: its random numbers are drawn again as
    they were. Names of weights stay.
    """
    if isinstance(network, PARTS):
        network.forward = partial(checkpoint, network.forward, use_reentrant=False)  # type: ignore[method-assign]
        return
    for child in network.children():
        recompute(child)
