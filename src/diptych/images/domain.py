"""What the pictures of one side are: their kind, their numbers, and what these stand for."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeVar

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    import torch

# rgb: 8-bit colours. gray: one channel of 8 bits. rgba: colours with holes. lightness, chroma: L,
# and a and b, of Lab, of 8-bit colours. values: any number of channels in units of their own.
# labels: one class a pixel. several: the channels of several domains, one after the other.
Kind = Literal["rgb", "gray", "rgba", "lightness", "chroma", "values", "labels", "several"]
# Channels that a network sees, of the kinds in which they are fixed.
CHANNELS: dict[Kind, int] = {"rgb": 3, "gray": 1, "rgba": 4, "lightness": 1, "chroma": 2}
Range = tuple[float, float]
Arrays = TypeVar("Arrays", np.ndarray, "torch.Tensor")


def _in_one_line(text: str) -> str:
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text):
        raise ValueError("holds control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


Line = Annotated[str, Field(max_length=1000), AfterValidator(_in_one_line)]
Name = Annotated[Line, AfterValidator(_not_blank)]


class Domain(BaseModel):
    """One side of the pairs, as it lies in files and as a network sees it.

    Arrays of a domain are `(H, W, C)`: uint8 RGB or RGBA for colours, one channel for `gray`, the
    numbers of the files for `values` (8 bits as they are, wider ones as float32), indices
    `(H, W, 1)` uint8 for `labels`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: Kind = "rgb"
    channels: int = Field(3, ge=1, le=512)  # that a network sees: for labels one a class
    dtype: str = Field("uint8", pattern=r"^(u?int(8|16|32|64)|float(16|32|64))$")  # of the files
    # What -1 and 1 stand for: one for all channels, or one for each.
    range: tuple[Range, ...] = ((0, 255),)
    nodata: float | None = None  # the value of pixels that hold nothing
    palette: tuple[Annotated[str, Field(pattern="^#[0-9a-f]{6}$")], ...] = ()  # of labels
    parts: tuple["Domain", ...] = ()  # of several

    @model_validator(mode="after")
    def _sound(self) -> Self:
        fault = next(_faults(self), None)
        if fault is not None:
            raise ValueError(fault)
        return self

    @property
    def array_channels(self) -> int:
        """Channels of the arrays."""
        if self.parts:
            return sum(part.array_channels for part in self.parts)
        return {"values": self.channels, "labels": 1, "gray": 1, "rgba": 4}.get(self.kind, 3)

    @property
    def array_dtype(self) -> np.dtype:
        """Type of the arrays: what is no 8 bits is held as float32."""
        if self.parts:
            return np.result_type(*(part.array_dtype for part in self.parts))
        return np.dtype("uint8" if self.dtype == "uint8" else "float32")

    @property
    def pixel_bytes(self) -> int:
        """What a pixel of the arrays takes."""
        return self.array_channels * self.array_dtype.itemsize

    @property
    def is_picture(self) -> bool:
        """Whether results are of 8 bits, gray or colours, as screens show them."""
        return self.kind not in {"values", "labels", "several"}

    @property
    def void(self) -> float | None:
        """What pixels without data hold in arrays; None where none are said to be so.

        Arrays of labels have 8 bits: what these cannot hold is 255 there. Those of floats have 32.
        """
        if self.nodata is None:
            return None
        if self.kind == "labels":
            return int(self.nodata) if _in_8_bits(self.nodata) else 255
        with np.errstate(over="ignore"):
            return float(np.float32(self.nodata)) if self.dtype[0] == "f" else self.nodata

    @property
    def sharp(self) -> bool:
        """Whether neighbouring numbers must not be mixed: classes, or values beside nothing."""
        own = self.kind == "labels" or self.nodata is not None
        return own or any(part.sharp for part in self.parts)


def _faults(domain: Domain) -> Iterator[str]:
    """What of a domain contradicts the rest of it."""
    kind, channels = domain.kind, domain.channels
    expected = sum(part.channels for part in domain.parts) or CHANNELS.get(kind, channels)
    if channels != expected:
        yield f"channels: {kind} has {expected}, not {channels}"
    if kind != "values" and domain.dtype != "uint8":
        yield f"dtype: {kind} is uint8, not {domain.dtype}"
    if kind not in {"values", "labels"} and domain.nodata is not None:
        yield f"nodata: {kind} has none"
    if kind == "labels" and channels == 256 and not _in_8_bits(domain.nodata or 0):
        yield f"nodata: beside 256 classes there is no room for {domain.nodata:g}"
    if bool(domain.parts) != (kind == "several") or any(part.parts for part in domain.parts):
        yield f"parts: of kind several, which has some, and they have none; this is {kind}"
    if kind == "labels" and not 2 <= channels <= 256:
        yield f"channels: labels have 2 to 256 classes, not {channels}"
    if domain.palette and (kind != "labels" or len(domain.palette) != channels):
        yield f"palette: {len(domain.palette)} colours for {channels} channels of {kind}"
    if len(domain.range) not in (1, channels):
        yield f"range: {len(domain.range)} for {channels} channels"
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.array(domain.range, np.float32).reshape(-1, 2).T  # as networks are given it
        span = high - low
    if not (np.isfinite(span) & (span > 0)).all():
        yield "range: runs from the lower to the higher, both within float32"


def _in_8_bits(number: float) -> bool:
    return number in range(256)


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
    """A domain of 8-bit pictures."""
    return Domain(name=name, kind=kind, channels=CHANNELS[kind])
