"""Convolutions that enlarge nothing: weights divided by their largest singular value.

Miyato et al. 2018 ("Spectral Normalization for Generative Adversarial Networks"), algorithm 1.
Torch's own, a parametrisation, needs a compiler to be built without values: seconds at every start.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpectralConv2d(nn.Conv2d):
    """A convolution by its weight over the largest singular value of it, as a matrix `(C_out, -1)`.

    That value is found by one step of the power method in every pass of training, from where the
    last one came to: `left`, `(C_out,)`, part of a checkpoint.
    """

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(cin, cout, kernel, stride, padding)
        self.left = nn.Buffer(torch.empty(cout))
        nn.init.normal_(self.left)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, h, w)`."""
        with torch.autocast(x.device.type, enabled=False):
            matrix = self.weight.flatten(1)
            with torch.no_grad():
                right = F.normalize(matrix.T @ self.left, dim=0)
                left = F.normalize(matrix @ right, dim=0)
                if self.training:
                    self.left.copy_(left)
            weight = self.weight / (left @ matrix @ right)
        made: Tensor = self._conv_forward(x, weight, self.bias)
        return made
