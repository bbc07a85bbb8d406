"""Networks without values, where only their shapes are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

DRAWS = {Tensor.normal_, Tensor.uniform_}


@contextmanager
def unfilled() -> Iterator[None]:
    """Networks built within have shapes alone: nothing is allocated, and nothing drawn.

    On torch's meta device, which to draw numbers that are nowhere imports a compiler, for seconds.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are where a layer would initialise them."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if function in DRAWS:  # which some of torch.nn.init call out of its sight
            return args[0]
        return function(*args, **kwargs)
