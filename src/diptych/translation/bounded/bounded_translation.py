"""A picture translated by windows, within bounded memory, to what it is when translated whole.

Nothing is approximated. The statistics of normalisation are those of the whole picture, what the
bottleneck sees is computed from all of it, and a window is computed with all that it reaches for
(see `feature_maps`). Sums are taken in another order, so that results agree to the rounding of
float32.
"""

import tempfile
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diptych.errors import DiptychError
from diptych.images.encoding import decode, encode
from diptych.images.padding import pad_to_multiple
from diptych.images.windows import Picture, Span, Window
from diptych.model_file import Header
from diptych.networks.noise import NoiseInput
from diptych.networks.padded import translate_padded
from diptych.translation.bounded.feature_maps import FeatureMap
from diptych.translation.bounded.memory import may_be_taken
from diptych.translation.bounded.workspace import Block, Workspace, in_gb

WINDOW = (100_000_000, 1_000_000_000)  # least and most bytes for a window and what it is made of
DECODED = 1_000_000  # numbers decoded at a time: Lab, and rounding, take many times as much
BESIDE = 150_000_000  # what libraries take beside them: rearranged weights and windows


def plan(
    generator: nn.Module,
    header: Header,
    picture: Picture,
    room: int,
    whole: int,
    device: torch.device,
    look: Tensor | None = None,
) -> tuple[Workspace, str]:
    """A workspace of `room` bytes for a picture that would take `whole`, and that in words.

    Raises DiptychError where the room is too small, in memory or on the disk, or where noise is on:
    it is drawn for the whole picture at once, so that a seed means the same on every machine.
    """
    height, width, _ = picture.shape
    name = f"{width}x{height} takes {in_gb(whole)} of memory whole, and {in_gb(room)} can be had"
    if any(isinstance(m, nn.Dropout | NoiseInput) and m.training for m in generator.modules()):
        raise DiptychError(f"{name}; with noise it cannot be translated in parts: --no-dropout")
    left = room - BESIDE - picture.held
    if left < WINDOW[0]:
        least = in_gb(WINDOW[0] + BESIDE + picture.held)
        raise DiptychError(
            f"{name}; in parts it takes {least} beside the program and the model: raise --memory"
        )
    window = max(WINDOW[0], min(left // 2, WINDOW[1]))
    keep = min(left - window, may_be_taken(None, torch.device("cpu")) // 2)
    rehearsed = Workspace(window, keep, device, dry=True)
    translate(generator, header, picture, rehearsed, look)
    needed = rehearsed.most_on_disk
    rehearsed.check_disk(needed)
    scratch = f"{in_gb(needed)} of scratch in {tempfile.gettempdir()}" if needed else "no scratch"
    words = f"{name}: translated in parts, to the same result, with {scratch}"
    return Workspace(window, keep, device), words


def translate(
    generator: nn.Module,
    header: Header,
    picture: Picture,
    workspace: Workspace,
    look: Tensor | None = None,
) -> Block:
    """Translate an array `(H, W, C)` of the source's domain, as `Translator` does."""
    scale, target = header.scale, header.target
    if picture.in_strips:
        picture = _copied(picture, workspace)
    computed = outputs(generator, header, picture, workspace, look)
    dtype = "float32" if target.dtype.startswith("float") else target.dtype
    result = Block((computed.height, computed.width, target.array_channels), dtype, workspace)
    for rows, columns in computed.windows():
        if workspace.dry:
            break
        values = computed.compute((rows, columns))
        high = max(1, DECODED // ((columns[1] - columns[0]) * target.channels))
        for top in range(*rows, high):
            span = top, min(top + high, rows[1])
            part = values[:, :, span[0] - rows[0] : span[1] - rows[0]]
            # What of the source the span shows.
            window = _shrunk(span, scale), _shrunk(columns, scale)
            pixels = decode(part, target, _tensor(picture, window, workspace), header.source)
            result.write((span, columns), pixels[0])
    return result


def _copied(picture: Picture, workspace: Workspace) -> Block:
    """A picture read once from the first row to the last, of which windows then cost no more."""
    height, width, channels = picture.shape
    block = Block(picture.shape, picture.dtype, workspace)
    high = max(1, DECODED // (width * channels))
    for top in range(0, 0 if workspace.dry else height, high):
        window = (top, min(top + high, height)), (0, width)
        block.write(window, picture.read(window))
    return block


def outputs(
    generator: nn.Module,
    header: Header,
    picture: Picture,
    workspace: Workspace,
    look: Tensor | None = None,
) -> FeatureMap:
    """What the network makes of a picture, `(1, C, scale H, scale W)`.

    All statistics are gathered here; windows of the outputs are computed when asked for.
    """

    def make(_: object, window: Window, __: object) -> Tensor:
        return encode(_tensor(picture, window, workspace), header.source)

    height, width, _ = picture.shape
    source: Any = FeatureMap((header.source.channels, height, width), workspace, make)
    padded = pad_to_multiple(source, header.size_multiple)
    translated: FeatureMap = translate_padded(
        generator, padded, (height, width), header.scale, look
    )
    return translated


def _tensor(picture: Picture, window: Window, workspace: Workspace) -> Tensor:
    """A window's pixels, `(1, H, W, C)`."""
    return torch.from_numpy(np.array(picture.read(window)))[None].to(workspace.device)


def _shrunk(span: Span, scale: int) -> Span:
    """The span of a source that a span of its result shows."""
    return span[0] // scale, -(-span[1] // scale)
