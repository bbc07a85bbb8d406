"""What the pictures of one side are: their kind, their numbers, and what these stand for."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

# rgb: 8-bit colours. rgba: colours with holes. lightness, chroma: L, and a and b, of Lab, of 8-bit
# colours. values: any number of channels in units of their own. labels: one class a pixel.
Kind = Literal["rgb", "rgba", "lightness", "chroma", "values", "labels"]
# Channels that a network sees, of the kinds in which they are fixed.
CHANNELS: dict[Kind, int] = {"rgb": 3, "rgba": 4, "lightness": 1, "chroma": 2}
Range = tuple[float, float]


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

    @property
    def array_channels(self) -> int:
        """Channels of the arrays."""
        return {"values": self.channels, "labels": 1, "rgba": 4}.get(self.kind, 3)

    @property
    def array_dtype(self) -> np.dtype:
        """Type of the arrays: what is no 8 bits is held as float32."""
        return np.dtype("uint8" if self.dtype == "uint8" else "float32")

    @property
    def is_picture(self) -> bool:
        """Whether results are 8-bit colours, as screens show them."""
        return self.kind not in {"values", "labels"}

    @property
    def sharp(self) -> bool:
        """Whether neighbouring numbers must not be mixed: classes, or values beside nothing."""
        return self.kind == "labels" or self.nodata is not None


def plain(name: str, kind: Kind = "rgb") -> Domain:
    """A domain of 8-bit colours."""
    return Domain(name=name, kind=kind, channels=CHANNELS[kind])
