"""The plain loop: pix2pix as the field's best-known PyTorch port runs it, written straight down.

The yardstick of the other programs here: fp32, NCHW, torch's own Adam, every pair decoded and
resized each time by worker processes, the discriminator run on real and translated pairs one after
the other, losses read where they are logged. It shares no code with diptych.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

LOAD, CROP, LAMBDA = 286, 256, 100.0


class Strips(Dataset[tuple[Tensor, Tensor]]):
    """Files that hold photo | labels; gives (labels, photo), each `(3, crop, crop)` in [-1, 1]."""

    def __init__(self, files: list[Path], load: int = LOAD, crop: int = CROP) -> None:
        self.files, self.load, self.crop = files, load, crop

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        with Image.open(self.files[i]) as opened:
            strip = opened.convert("RGB")
        middle = strip.width // 2
        left, top = torch.randint(self.load - self.crop + 1, (2,)).tolist()
        mirrored = torch.rand(()) < 0.5
        sides = []
        for box in ((middle, 0, strip.width, strip.height), (0, 0, middle, strip.height)):
            side = strip.crop(box).resize((self.load, self.load), Image.Resampling.BICUBIC)
            side = side.crop((left, top, left + self.crop, top + self.crop))
            if mirrored:
                side = side.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            sides.append(as_tensor(side))
        return sides[0], sides[1]


def as_tensor(picture: Image.Image) -> Tensor:
    """`(3, H, W)` in [-1, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().div(255).sub(0.5).div(0.5)


def generator(base: int = 64, levels: int = 8, dropout: float = 0.5) -> nn.Module:
    """The U-Net of the paper."""
    return UNet([base * min(2**level, 8) for level in range(levels)], dropout)


class UNet(nn.Module):
    """Encoder and decoder joined by skips; `widths` of the encoder, outermost first."""

    def __init__(self, widths: list[int], dropout: float) -> None:
        super().__init__()
        depth = len(widths)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, (inner, outer) in enumerate(zip(widths, [3, *widths[:-1]], strict=True)):
            layers: list[nn.Module] = [] if i == 0 else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(outer, inner, 4, 2, 1, bias=False))
            if 0 < i < depth - 1:
                layers.append(nn.BatchNorm2d(inner))
            self.down.append(nn.Sequential(*layers))
        for i in range(depth - 1, 0, -1):
            given = widths[i] * (1 if i == depth - 1 else 2)
            layers = [
                nn.ReLU(),
                nn.ConvTranspose2d(given, widths[i - 1], 4, 2, 1, bias=False),
                nn.BatchNorm2d(widths[i - 1]),
            ]
            if dropout and i >= depth - 3:
                layers.append(nn.Dropout(dropout))
            self.up.append(nn.Sequential(*layers))
        self.out = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], 3, 4, 2, 1), nn.Tanh()
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(N, 3, H, W)` to the same shape, both in [-1, 1]."""
        encoded = []
        for layer in self.down:
            x = layer(x)
            encoded.append(x)
        encoded.pop()
        for layer in self.up:
            x = torch.cat([layer(x), encoded.pop()], 1)
        result: Tensor = self.out(x)
        return result


def discriminator(base: int = 64) -> nn.Module:
    """The 70x70 PatchGAN on source and picture together."""
    layers: list[nn.Module] = [nn.Conv2d(6, base, 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, stride in ((1, 2), (2, 2), (3, 1)):
        layers += [
            nn.Conv2d(base * 2 ** (i - 1), base * 2**i, 4, stride, 1, bias=False),
            nn.BatchNorm2d(base * 2**i),
            nn.LeakyReLU(0.2),
        ]
    return nn.Sequential(*layers, nn.Conv2d(8 * base, 1, 4, 1, 1))


def initialise(network: nn.Module) -> None:
    """Weights from N(0, 0.02), scales from N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
            nn.init.zeros_(module.bias)


class Pix2Pix:
    """Both networks with their optimisers; `step` makes one step on a batch."""

    def __init__(self, g: nn.Module, d: nn.Module, device: str = "cpu") -> None:
        self.g, self.d, self.device = g.to(device), d.to(device), device
        self.adam_g = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
        self.adam_d = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
        self.judge = nn.BCEWithLogitsLoss()
        self.l1 = nn.L1Loss()
        self.steps = 0

    def against(self, logits: Tensor, real: bool) -> Tensor:
        """The cross entropy of logits against what they should say."""
        truth = torch.tensor(1.0 if real else 0.0, device=logits.device).expand_as(logits)
        loss: Tensor = self.judge(logits, truth)
        return loss

    def step(self, source: Tensor, target: Tensor, log_every: int = 100) -> dict[str, Tensor]:
        """A step on D, then one on G; gives the losses before it."""
        source, target = source.to(self.device), target.to(self.device)
        translated = self.g(source)

        self.d.requires_grad_(True)
        self.adam_d.zero_grad()
        d_translated = self.against(self.d(torch.cat((source, translated.detach()), 1)), False)
        d_real = self.against(self.d(torch.cat((source, target), 1)), True)
        ((d_translated + d_real) * 0.5).backward()
        self.adam_d.step()

        self.d.requires_grad_(False)
        self.adam_g.zero_grad()
        g_adversarial = self.against(self.d(torch.cat((source, translated), 1)), True)
        g_l1 = self.l1(translated, target)
        (g_adversarial + g_l1 * LAMBDA).backward()
        self.adam_g.step()

        losses = {
            "g_l1": g_l1,
            "g_adversarial": g_adversarial,
            "d_real": d_real,
            "d_translated": d_translated,
        }
        if self.steps % log_every == 0:
            print({name: round(loss.item(), 4) for name, loss in losses.items()})
        self.steps += 1
        return losses


@torch.no_grad()
def translate(g: nn.Module, files: list[Path], out: Path) -> None:
    """One file after the other, normalised by the picture's own statistics, without dropout."""
    for file in files:
        with Image.open(file) as opened:
            source = as_tensor(opened.convert("RGB"))[None]
        levels = (g(source)[0].permute(1, 2, 0).numpy() + 1) / 2 * 255
        Image.fromarray(levels.astype(np.uint8)).save(out / f"{file.stem}.png")


def at_test_time(g: nn.Module) -> nn.Module:
    """BatchNorm by the picture at hand, dropout off."""
    g.train()
    for module in g.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return g
