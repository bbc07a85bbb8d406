"""What a small generator learns from a large one beside the targets: its results and its maps."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Distance = Callable[[Tensor, Tensor], Tensor]
Size = tuple[int, int]
LEAST = 8  # pixels a side of the maps that are compared; smaller ones say little of structure


def alignment(x: Tensor, y: Tensor) -> Tensor:
    """How alike two maps `(N, C, H, W)` are, from 0 to 1, whatever their channels are and mean.

    Linear CKA (Kornblith et al. 2019, section 3) over all places of all pictures: 1 where one is
    the other turned and scaled as a whole. Jin et al. 2021 ("Teachers Do More Than Teach") distil
    with its uncentred form.
    """
    x, y = (maps.float().movedim(1, -1).flatten(0, -2) for maps in (x, y))
    x, y = (places - places.mean(0) for places in (x, y))
    shared = (x.T @ y).square().sum()
    own = (x.T @ x).norm() * (y.T @ y).norm()
    alike: Tensor = shared / own.clamp(min=1e-12)
    return alike


class Distillation:
    """The distance of a student's picture to what it should be, with a teacher's help.

    `target` times the distance to the target, `output` times the L1 distance to the teacher's
    picture, `features` times how far the maps of the two are from aligned, on average over the
    sizes that both have. Before each step `follow` shows the teacher the sources, and tells it the
    looks that the student is told.
    """

    def __init__(
        self,
        teacher: nn.Module,
        student: nn.Module,
        distance: Distance,
        *,
        target: float,
        output: float,
        features: float,
    ) -> None:
        self.teacher, self.distance = teacher, distance
        self.target, self.output, self.features = target, output, features
        self.taught, self.learned = _last_maps(teacher), _last_maps(student)

    @torch.no_grad()
    def follow(self, source: Tensor, *look: Tensor) -> None:
        """Have the teacher translate `(N, C, H, W)`, in a `look` where it takes one."""
        self.taught.clear()
        self.learned.clear()
        self.picture = self.teacher(source, *look)

    def __call__(self, translated: Tensor, target: Tensor) -> Tensor:
        """The distance, a scalar, of what the student made of the same sources."""
        distance = self.target * self.distance(translated, target)
        distance = distance + self.output * F.l1_loss(translated, self.picture)
        sizes = self.taught.keys() & self.learned.keys()
        for size in sizes:
            apart = 1 - alignment(self.learned[size], self.taught[size])
            distance = distance + self.features / len(sizes) * apart
        return distance


def _last_maps(network: nn.Module) -> dict[Size, Tensor]:
    """A dict that every forward pass fills: the last map of each size that a layer made.

    Layers are what the network's lists of layers hold; of a U-Net the last are its decoder's.
    """
    maps: dict[Size, Tensor] = {}

    def keep(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        if output.ndim == 4 and min(output.shape[-2:]) >= LEAST:  # no numbers of a look
            maps[output.shape[-2], output.shape[-1]] = output

    for child in network.modules():
        if isinstance(child, nn.ModuleList | nn.Sequential):
            for layer in child:
                layer.register_forward_hook(keep)
    return maps
