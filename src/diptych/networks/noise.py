"""Noise z as an input: channels of Gaussian noise beside the source."""

import torch
from torch import Tensor, nn


class NoiseInput(nn.Module):
    """A generator that sees `channels` of noise beside its source (the z of equation 1).

    The paper tried that and found its generators to ignore it (section 3.1); its own noise is
    dropout. Drawn anew for every pass in training mode; zero otherwise, so that results repeat.
    """

    def __init__(self, generator: nn.Module, channels: int) -> None:
        super().__init__()
        self.generator, self.channels = generator, channels
        self.size_multiple = generator.size_multiple

    def forward(self, source: Tensor, *look: Tensor) -> Tensor:
        """As the generator within, from a source without the noise."""
        translated: Tensor = self.generator(self._with_noise(source), *look)
        return translated

    def encoded(self, source: Tensor) -> list[Tensor]:
        """As the generator within."""
        maps: list[Tensor] = self.generator.encoded(self._with_noise(source))  # type: ignore[operator]
        return maps

    def _with_noise(self, source: Tensor) -> Tensor:
        shape = (len(source), self.channels, *source.shape[-2:])
        noise = self._drawn(source, shape) if self.training else source.new_zeros(shape)
        return torch.cat([source, noise], dim=1)

    def _drawn(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        return source.new_empty(shape).normal_()
