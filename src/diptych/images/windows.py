"""Pictures of which windows are read one by one, so that none has to be whole in memory."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Span = tuple[int, int]  # from the first place to the one behind the last
Window = tuple[Span, Span]  # rows, columns


class Picture(Protocol):
    """A picture of which windows can be read."""

    shape: tuple[int, int, int]  # height, width and channels
    dtype: np.dtype[Any]
    held: int  # bytes of memory that reading windows comes to hold
    in_strips: bool  # whether a window costs as much as all of its rows, the whole width of them

    def read(self, window: Window) -> np.ndarray:
        """The values in a window, `(rows, columns, channels)`."""


class ArrayPicture:
    """A picture that is an array `(H, W, C)` in memory."""

    held = 0
    in_strips = False

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        self.dtype = pixels.dtype

    def read(self, window: Window) -> np.ndarray:
        """A view of the window."""
        rows, columns = window
        return self.pixels[slice(*rows), slice(*columns)]


class PicturesBeside:
    """Pictures of one size as one, their channels one after the other, in a type that holds all."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self.pictures = pictures
        height, width, _ = pictures[0].shape
        self.shape = (height, width, sum(picture.shape[2] for picture in pictures))
        self.dtype = np.result_type(*(picture.dtype for picture in pictures))
        self.held = sum(picture.held for picture in pictures)
        self.in_strips = any(picture.in_strips for picture in pictures)

    def read(self, window: Window) -> np.ndarray:
        """The window of each."""
        return np.concatenate([picture.read(window) for picture in self.pictures], axis=2)
