"""What the pictures of one side are: their kind, their numbers, and what these stand for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch

# rgb: 8-bit colours. rgba: colours with holes. lightness, chroma: L, and a and b, of Lab, of 8-bit
# colours. values: any number of channels in units of their own. labels: one class a pixel.
# several: the channels of several domains, one after the other.
Kind = Literal["rgb", "rgba", "lightness", "chroma", "values", "labels", "several"]
# Channels that a network sees, of the kinds in which they are fixed.
CHANNELS: dict[Kind, int] = {"rgb": 3, "rgba": 4, "lightness": 1, "chroma": 2}
Range = tuple[float, float]
Arrays = TypeVar("Arrays", np.ndarray, "torch.Tensor")


class Domain(BaseModel):
    """One side of the pairs, as it lies in files and as a network sees it.

    Arrays of a domain are `(H, W, C)`: uint8 RGB or RGBA for colours, the numbers of the files for
    `values` (8 bits as they are, wider ones as float32), indices `(H, W, 1)` uint8 for `labels`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Kind = "rgb"
    channels: int = Field(3, ge=1, le=512)  # that a network sees: for labels one a class
    dtype: str = "uint8"  # of the files
    # What -1 and 1 stand for: one for all channels, or one for each.
    range: tuple[Range, ...] = ((0, 255),)
    nodata: float | None = None  # the value of pixels that hold nothing
    palette: tuple[str, ...] = ()  # of labels, "#rrggbb" each
    parts: tuple["Domain", ...] = ()  # of several

    @property
    def array_channels(self) -> int:
        """Channels of the arrays."""
        if self.parts:
            return sum(part.array_channels for part in self.parts)
        return {"values": self.channels, "labels": 1, "rgba": 4}.get(self.kind, 3)

    @property
    def array_dtype(self) -> np.dtype:
        """Type of the arrays: what is no 8 bits is held as float32."""
        if self.parts:
            return np.result_type(*(part.array_dtype for part in self.parts))
        return np.dtype("uint8" if self.dtype == "uint8" else "float32")

    @property
    def is_picture(self) -> bool:
        """Whether results are 8-bit colours, as screens show them."""
        return self.kind not in {"values", "labels", "several"}

    @property
    def sharp(self) -> bool:
        """Whether neighbouring numbers must not be mixed: classes, or values beside nothing."""
        own = self.kind == "labels" or self.nodata is not None
        return own or any(part.sharp for part in self.parts)


def several(parts: Sequence[Domain]) -> Domain:
    """The domain of sources that are given together."""
    return Domain(
        name=" + ".join(part.name for part in parts),
        kind="several",
        channels=sum(part.channels for part in parts),
        parts=tuple(parts),
    )


def apart(arrays: Arrays, domain: Domain) -> list[Arrays]:
    """Arrays `(..., C)` of several domains, each in its own type."""
    pieces, start = [], 0
    for part in domain.parts:
        stop = start + part.array_channels
        pieces.append(of_type(arrays[..., start:stop], part))
        start = stop
    return pieces


def of_type(arrays: Arrays, domain: Domain) -> Arrays:
    """Arrays that lay beside others of a wider type, in the type of their domain."""
    if isinstance(arrays, np.ndarray):
        return arrays.astype(domain.array_dtype, copy=False)
    import torch  # which reading files does without

    return arrays.to(torch.uint8 if domain.array_dtype == np.uint8 else torch.float32)


def plain(name: str, kind: Kind = "rgb") -> Domain:
    """A domain of 8-bit colours."""
    return Domain(name=name, kind=kind, channels=CHANNELS[kind])
