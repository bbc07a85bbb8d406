"""Adam over weights as they lie in memory."""

from typing import Any

import torch
from torch import Tensor


class Adam(torch.optim.Adam):
    """torch's fused Adam, without its copies of every channels-last weight.

    On a CPU the fused kernel makes plainly contiguous copies of what is laid out otherwise, which
    takes longer than the step itself. Adam works element by element, so it is handed each tensor
    with its axes in the order of memory. State and checkpoints are torch's own.
    """

    def _init_group(self, group: Any, *lists: Any) -> Any:
        complex_ones = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        parameters, gradients, averages, squares = lists[:4]
        for i, tensors in enumerate(zip(parameters, gradients, averages, squares, strict=True)):
            if all(t.dim() == 4 and _channels_last(t) for t in tensors):
                parameters[i], gradients[i], averages[i], squares[i] = (
                    t.permute(0, 2, 3, 1) for t in tensors
                )
        return complex_ones


def _channels_last(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=torch.channels_last)
