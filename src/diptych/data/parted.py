"""Pictures of one size as a tensor, though they lie in several files."""

import warnings

import numpy as np
import torch
from torch import Tensor

from diptych.data.store.pictures import Pictures


class Parted:
    """Looks like a tensor `(N, H, W, C)`, as far as parts of single pictures are asked for."""

    device = torch.device("cpu")

    def __init__(self, pictures: Pictures) -> None:
        self.nbytes, self._places = pictures.nbytes, pictures.places.tolist()
        # Of each part one tensor, or one for each of its pictures where they differ in size.
        self._parts: list[Tensor | list[Tensor]] = [
            [as_tensor(part[place]) for place in range(len(part))]
            if part.together is None
            else as_tensor(part.together)
            for part in pictures.parts
        ]
        first = self._picture(0)
        self.shape, self.dtype = (len(pictures), *first.shape), first.dtype

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, at: tuple[int, slice, slice]) -> Tensor:
        number, rows, columns = at
        return self._picture(number)[rows, columns]

    def _picture(self, number: int) -> Tensor:
        part, place = self._places[number]
        picture: Tensor = self._parts[part][place]
        return picture

    def to(self, device: torch.device) -> Tensor:
        """All of them on a device."""
        everything = torch.empty(self.shape, dtype=self.dtype, device=device)
        for number in range(len(self)):
            everything[number] = self._picture(number)
        return everything


def as_tensor(array: np.ndarray) -> Tensor:
    """An array that may be read only, as a tensor that nobody writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
