"""The FCN score: do translated pictures show what their labels say?

The paper's measure for labels -> photo: a network that segments real photos is run on translated
ones, and what it sees is scored against the labels they were made from. The paper takes FCN-8s;
this one is small and trained on the user's own real pairs. Its scores on real photos that it was
not trained on are the ceiling.
"""

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from diptych.data.pairs import Progress, counted
from diptych.errors import DiptychError
from diptych.images.encoding import to_unit_range
from diptych.tensor_file import Part, read_tensors, write_tensors
from diptych.version import __version__

FORMAT = 1

NO_CLASS = -1  # of pixels that have none
BATCH = 8
PEAK_RATE = 4e-3
WEIGHT_DECAY = 1e-2
_WARM = 0.1  # share of the steps over which the rate rises
_CROP = 7 / 8  # of each side: what a training step sees of a picture
_PIXELS = 2**20  # segmented at once: what bounds the memory


class SegmentationNet(nn.Module):
    """A small U-Net: `(N, 3, H, W)` in [-1, 1] to logits `(N, classes, H, W)`, of any size.

    Made to be trained on a CPU in minutes: it decides at half the resolution (FCN-8s at an eighth),
    and skips are added, not joined. With `width` 16 it has 0.8 million parameters.
    """

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.classes, self.width = classes, width
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.stem = _block(3, width, stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(_block(above, below, stride=2), _block(below, below))
            for above, below in pairwise(widths)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(below, above, 1) for above, below in pairwise(widths))
        self.up = nn.ModuleList(_block(above, above) for above in widths[:-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, photos: Tensor) -> Tensor:
        """Logits of every pixel."""
        skips = [self.stem(photos)]
        for down in self.down:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for narrow, up in zip(reversed(self.narrow), reversed(self.up), strict=True):
            skip = skips.pop()
            x = F.interpolate(narrow(x), skip.shape[2:], mode="bilinear")
            x = up(skip + x)
        return F.interpolate(self.head(x), photos.shape[2:], mode="bilinear")


def _block(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, stride, 1, bias=False),
        nn.GroupNorm(math.gcd(8, out), out),
        nn.ReLU(inplace=True),
    )


def train_segmenter(
    photos: np.ndarray,
    classes: np.ndarray,
    count: int,
    *,
    steps: int = 2000,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_progress: Progress | None = None,
) -> SegmentationNet:
    """A network that segments photos, trained on real pairs; frozen.

    Cross-entropy on random crops, mirrored half of the time, under another exposure each. On one
    CPU the result follows from the `seed` of weights, order and crops; the caller's random state
    stays as it was.

    `photos` are uint8 `(N, H, W, 3)`, `classes` integers `(N, H, W)` below `count`, or NO_CLASS
    where nothing is learned. A step takes `BATCH` crops; 2000 take 2 to 3 CPU minutes at 128x128.
    It is trained on `device`, and stays there. Raises DiptychError where photos and classes do not
    belong together.
    """
    _check(photos, classes, count)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = SegmentationNet(count)
    network.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    weight = _class_weights(classes, count).to(device)
    random = np.random.default_rng(seed)
    for step in counted(range(steps), steps, on_progress):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * _share_of_rate(step / steps)
        x, y = _crops(photos, classes, random)
        logits = network(x.to(device))
        optimizer.zero_grad()
        loss = F.cross_entropy(logits, y.to(device), weight, ignore_index=NO_CLASS)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval().requires_grad_(False)


def _check(photos: np.ndarray, classes: np.ndarray, count: int) -> None:
    if photos.dtype != np.uint8 or photos.ndim != 4 or photos.shape[3] != 3:
        raise DiptychError(
            f"a segmenter takes 8-bit photos (N, H, W, 3); these are {photos.dtype} {photos.shape}"
        )
    if classes.shape != photos.shape[:3] or not classes.size:
        raise DiptychError(
            f"photos {photos.shape} and classes {classes.shape} (N, H, W) differ in number or "
            "size, or are none"
        )
    if not 2 <= count <= 256 or classes.min() < NO_CLASS or not 0 <= classes.max() < count:
        raise DiptychError(
            f"classes go from {classes.min()} to {classes.max()}; of {count}, from 2 to 256, "
            f"they go from 0 to {count - 1}"
        )


def _class_weights(classes: np.ndarray, count: int) -> Tensor:
    """`(count,)`: the rarer the heavier, by the root of how rare; 0 for a class never shown.

    Between no weights, which pass over rare classes, and full ones, which see them everywhere.
    """
    shares = np.bincount(classes[classes >= 0], minlength=count) / classes.size
    weights = torch.tensor(shares, dtype=torch.float32).rsqrt()
    return torch.where(weights.isfinite(), weights, 0)


def _share_of_rate(done: float) -> float:
    """Rises over the first `_WARM`, then falls along a cosine; `done` from 0 to 1."""
    if done < _WARM:
        return (done + 1e-3) / _WARM
    return (1 + math.cos(math.pi * (done - _WARM) / (1 - _WARM))) / 2


def _crops(
    photos: np.ndarray, classes: np.ndarray, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A batch of float `(B, 3, h, w)` in about [-1, 1], and int64 `(B, h, w)`."""
    height, width = (math.ceil(side * _CROP) for side in photos.shape[1:3])
    x = np.empty((BATCH, height, width, 3), np.uint8)
    y = np.empty((BATCH, height, width), np.int64)
    for i, chosen in enumerate(random.integers(len(photos), size=BATCH)):
        top = random.integers(photos.shape[1] - height + 1)
        left = random.integers(photos.shape[2] - width + 1)
        way = random.choice((-1, 1))  # -1 mirrors
        window = chosen, slice(top, top + height), slice(left, left + width)
        x[i], y[i] = photos[window][:, ::way], classes[window][:, ::way]
    exposure = torch.from_numpy(random.uniform(0.8, 1.25, (BATCH, 1, 1, 1)).astype(np.float32))
    return (to_unit_range(torch.from_numpy(x)) + 1) * exposure - 1, torch.from_numpy(y)


def segment(network: SegmentationNet, photos: np.ndarray) -> np.ndarray:
    """The class that `network` finds likeliest for every pixel, uint8 `(N, H, W)`.

    `photos`: uint8 `(N, H, W, 3)`, real or translated, of any size.
    """
    device = network.head.weight.device
    classes = np.empty(photos.shape[:3], np.uint8)
    step = max(1, _PIXELS // max(1, math.prod(photos.shape[1:3])))
    with torch.no_grad():
        for start in range(0, len(photos), step):
            batch = torch.from_numpy(np.array(photos[start : start + step])).to(device)
            logits = network(to_unit_range(batch).contiguous(memory_format=torch.channels_last))
            classes[start : start + step] = logits.argmax(1).byte().cpu().numpy()
    return classes


Level = Annotated[int, Field(ge=0, le=255)]


class SegmenterHeader(Part):
    """What a segmenter's file says beside the weights."""

    kind: Literal["segmenter"] = "segmenter"
    format: int = FORMAT
    version: str = __version__
    classes: int = Field(ge=2, le=256)
    width: int = Field(ge=1, le=256)
    palette: list[tuple[Level, Level, Level]]  # the colour of each class in label pictures
    fingerprint: str  # of the dataset it was trained on

    @model_validator(mode="after")
    def _one_colour_a_class(self) -> Self:
        if len(self.palette) != self.classes:
            raise ValueError(f"{len(self.palette)} colours of palette for {self.classes} classes")
        return self


def write_segmenter(
    path: Path, network: SegmentationNet, palette: np.ndarray, fingerprint: str
) -> None:
    """Write a trained network, with the palette whose places its classes are, as one whole file."""
    header = SegmenterHeader(
        classes=network.classes,
        width=network.width,
        palette=[(int(r), int(g), int(b)) for r, g, b in palette],
        fingerprint=fingerprint,
    )
    write_tensors(path, network.state_dict(), header)


def read_segmenter(
    path: Path, device: torch.device | str = "cpu"
) -> tuple[SegmentationNet, SegmenterHeader]:
    """The frozen network and its header; raises DiptychError where the file is no segmenter."""
    header, weights = read_tensors(path, SegmenterHeader)
    with torch.device("meta"):  # where it takes no memory: the file may hold less than it says
        network = SegmentationNet(header.classes, header.width)
    try:
        network.load_state_dict(
            {name: tensor.to(torch.float32, copy=True) for name, tensor in weights.items()},
            assign=True,
        )
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise DiptychError(f"{path}: does not fit its own header: {reason}") from None
    return network.to(device).eval().requires_grad_(False), header
