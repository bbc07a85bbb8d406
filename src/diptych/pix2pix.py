"""pix2pix: Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial
Networks", CVPR 2017, arXiv 1611.07004. To be read beside the paper; it is the code in use.

The paper's x, y and G(x) are called `source`, `target` and `translated` here. Pictures are float
tensors `(N, C, H, W)` in [-1, 1]. The noise z enters as dropout alone (section 3.1).
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

Adversarial = Literal["cgan", "gan", "none"]
Statistics = Literal["batch", "image", "instance", "none"]


# --------------------------------------------------------------------------- parts of both networks


class Normalization(nn.Module):
    """Batch normalisation without running averages: by the statistics of the pictures at hand.

    Training uses those of the whole batch (`statistics="batch"`, as the paper) or of each picture
    (`"image"`); evaluation always those of each picture. With one picture in a batch they are the
    same, and both equal instance normalisation (section 3.3, "Optimization and inference").
    `"instance"` is `"image"` without the learned scale and shift; `"none"` leaves all as it is.
    """

    def __init__(self, channels: int, statistics: Statistics = "batch", eps: float = 1e-5) -> None:
        super().__init__()
        scale, shift = torch.ones(channels), torch.zeros(channels)
        learned = statistics in ("batch", "image")
        self.weight = nn.Parameter(scale) if learned else nn.Buffer(scale, persistent=False)
        self.bias = nn.Parameter(shift) if learned else nn.Buffer(shift, persistent=False)
        self.statistics, self.eps = statistics, eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)`."""
        if self.statistics == "none":
            return x
        if len(x) == 1 or (self.training and self.statistics == "batch"):
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return F.group_norm(x, x.shape[1], self.weight, self.bias, self.eps)


def initialize(module: nn.Module) -> None:
    """Weights from N(0, 0.02), normalisation scales from N(1, 0.02), shifts 0 (appendix 6.2)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, Normalization) and isinstance(module.weight, nn.Parameter):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


# -------------------------------------------------------------------------------- generator: 6.1.1


class Down(nn.Module):
    """One encoder layer: LeakyReLU, convolution 4x4 with stride 2, normalisation."""

    def __init__(
        self, cin: int, cout: int, statistics: Statistics, first: bool, normalize: bool
    ) -> None:
        super().__init__()
        self.first = first
        shifted = statistics == "instance" and not normalize  # there no norm learns a shift
        self.conv = nn.Conv2d(cin, cout, 4, stride=2, padding=1, bias=shifted)
        self.norm = Normalization(cout, statistics) if normalize else None

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, H / 2, W / 2)`."""
        x = self.conv(x if self.first else F.leaky_relu(x, 0.2))
        return x if self.norm is None else self.norm(x)


class Up(nn.Module):
    """One decoder layer: ReLU, transposed convolution 4x4 with stride 2, normalisation, dropout."""

    def __init__(self, cin: int, cout: int, statistics: Statistics, dropout: float) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(cin, cout, 4, stride=2, padding=1, bias=False)
        self.norm = Normalization(cout, statistics)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C_out, 2H, 2W)`."""
        x = self.norm(self.conv(F.relu(x)))
        return x if self.dropout is None else self.dropout(x)


class UNetGenerator(nn.Module):
    """The U-Net of appendix 6.1.1, and without `skips` its encoder-decoder.

    Encoder C64-C128-C256-C512-C512-C512-C512-C512, no normalisation on the first layer nor at the
    bottleneck; decoder CD512-CD512-CD512-C512-C256-C128-C64 by the widths it writes, then a
    convolution to the output channels and tanh. Skips join layer i to layer n-i.
    Height and width must be multiples of `2 ** levels` (`size_multiple`).
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        base_channels: int = 64,
        levels: int = 8,
        skips: bool = True,
        dropout: float = 0.5,
        statistics: Statistics = "batch",
        dropout_layers: Sequence[int] = (0, 1, 2),  # of the decoder, from the bottleneck
    ) -> None:
        super().__init__()
        self.skips = skips
        self.size_multiple = 2**levels
        widths = [base_channels * min(2**level, 8) for level in range(levels)]
        self.down = nn.ModuleList(
            Down(cin, cout, statistics, first=i == 0, normalize=0 < i < levels - 1)
            for i, (cin, cout) in enumerate(zip([in_channels, *widths], widths, strict=False))
        )
        decoded = widths[-2::-1]
        joined = [widths[-1], *(width * (2 if skips else 1) for width in decoded)]
        self.up = nn.ModuleList(
            Up(cin, cout, statistics, dropout if i in dropout_layers else 0.0)
            for i, (cin, cout) in enumerate(zip(joined, decoded, strict=False))
        )
        self.out = nn.ConvTranspose2d(joined[-1], out_channels, 4, stride=2, padding=1)
        self.apply(initialize)

    def forward(self, source: Tensor) -> Tensor:
        """Translate `(N, C_in, H, W)` to `(N, C_out, H, W)`, both in [-1, 1]."""
        x, encoded = source, []
        for layer in self.down:
            x = layer(x)
            encoded.append(x)
        encoded.pop()
        for layer in self.up:
            x, skip = layer(x), encoded.pop()
            if self.skips:
                x = torch.cat((x, skip), dim=1)
        return torch.tanh(self.out(F.relu(x)))


# ---------------------------------------------------------------------------- discriminator: 6.1.2

STRIDED_LAYERS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # the paper's are 1, 16, 70, 286


class PatchGAN(nn.Module):
    """The discriminators of appendix 6.1.2: each logit judges one patch of the picture.

    Receptive field 70: C64-C128-C256-C512; 16: C64-C128; 286: C64-C128-C256-C512-C512-C512; then a
    convolution to one channel. The last two convolutions have stride 1, the others 2. Receptive
    field 1 (the PixelGAN) is C64-C128 of 1x1 convolutions. The sigmoid is left to the loss.
    """

    def __init__(
        self,
        in_channels: int = 6,
        base_channels: int = 64,
        receptive_field: int = 70,
        statistics: Statistics = "batch",
    ) -> None:
        super().__init__()
        strided = STRIDED_LAYERS[receptive_field]
        kernel, padding = (4, 1) if strided else (1, 0)
        widths = [base_channels * min(2**i, 8) for i in range(max(strided, 1) + 1)]
        layers: list[nn.Module] = []
        for i, (cin, cout) in enumerate(zip([in_channels, *widths], widths, strict=False)):
            stride = 2 if i < strided else 1
            layers.append(nn.Conv2d(cin, cout, kernel, stride, padding, bias=i == 0))
            if i > 0:
                layers.append(Normalization(cout, statistics))
            layers.append(nn.LeakyReLU(0.2))
        shifted = strided > 0 or statistics == "instance"
        layers.append(nn.Conv2d(widths[-1], 1, kernel, 1, padding, bias=shifted))
        self.layers = nn.Sequential(*layers)
        self.apply(initialize)

    def forward(self, pair: Tensor) -> Tensor:
        """Logits `(N, 1, h, w)` of `(N, C, H, W)`; 30x30 of 256x256 at receptive field 70."""
        logits: Tensor = self.layers(pair)
        return logits


# ---------------------------------------------------------------------- objective: equations 1 to 4


def judged(source: Tensor, picture: Tensor, adversarial: Adversarial) -> Tensor:
    """What D sees: the pair for D(x, y) (cGAN, equation 1), y alone for D(y) (GAN, equation 2).

    A source of another size, where the task enlarges, is brought to that of the picture.
    """
    if adversarial != "cgan":
        return picture
    if source.shape[-2:] != picture.shape[-2:]:
        source = F.interpolate(source, picture.shape[-2:], mode="bilinear")
    return torch.cat((source, picture), dim=1)


def minus_log_real(logits: Tensor) -> Tensor:
    """-log D, the mean over patches: what G lowers to be taken for real."""
    return F.softplus(-logits).mean()


def minus_log_translated(logits: Tensor) -> Tensor:
    """-log(1 - D), the mean over patches."""
    return F.softplus(logits).mean()


class Optimizers(NamedTuple):
    """One Adam for each network that learns: rate 2e-4, beta1 0.5, beta2 0.999 (section 3.3)."""

    generator: Optimizer | None
    discriminator: Optimizer | None


def train_step(  # noqa: PLR0913 - all that a step needs, by name
    generator: nn.Module,
    discriminator: nn.Module | None,
    optimizers: Optimizers,
    source: Tensor,
    target: Tensor,
    *,
    known: Tensor | None = None,
    adversarial: Adversarial = "cgan",
    l1: float = 100.0,
    distance: Callable[[Tensor, Tensor], Tensor] = F.l1_loss,
    backward: Callable[[Tensor], object] = Tensor.backward,
) -> dict[str, Tensor]:
    """One step on D, then one on G (section 3.3): G* = arg min_G max_D cGAN + l1 * L1 (equation 4).

    D's loss is halved, which slows D relative to G; G maximises log D(x, G(x)) rather than
    minimising log(1 - D(x, G(x))). Without a discriminator the objective is L1 alone. A network for
    which there is no optimiser does not learn.

    `source` and `target`: `(N, C, H, W)` in [-1, 1]. Where the target has no data `known` is False:
    nothing is learned, both sides show the target. `distance` may stand in for L1. Returns losses
    before the step, detached scalars: `g_l1`; with a discriminator `g_adversarial` (-log D of the
    translated), `d_real` (-log D of the target), `d_translated` (-log(1 - D) of the translated).
    """
    losses: dict[str, Tensor] = {}
    translated = generator(source)
    if known is not None:
        translated = torch.where(known, translated, target.to(translated.dtype))

    if discriminator is not None and optimizers.discriminator is not None:
        discriminator.requires_grad_(True)
        d_real = minus_log_real(discriminator(judged(source, target, adversarial)))
        d_translated = minus_log_translated(
            discriminator(judged(source, translated.detach(), adversarial))
        )
        optimizers.discriminator.zero_grad(set_to_none=True)
        backward(0.5 * (d_real + d_translated))
        optimizers.discriminator.step()
        losses |= {"d_real": d_real, "d_translated": d_translated}
    if optimizers.generator is None:
        return {name: loss.detach() for name, loss in losses.items()}

    losses["g_l1"] = distance(translated, target)
    objective = l1 * losses["g_l1"]
    if discriminator is not None:
        discriminator.requires_grad_(False)
        g_adversarial = minus_log_real(discriminator(judged(source, translated, adversarial)))
        losses["g_adversarial"] = g_adversarial
        objective = objective + g_adversarial
    optimizers.generator.zero_grad(set_to_none=True)
    backward(objective)
    optimizers.generator.step()
    return {name: loss.detach() for name, loss in losses.items()}
