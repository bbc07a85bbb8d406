"""A checkpoint from anywhere: its tensors are read, and nothing in it is executed."""

import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.whole_file import whole_file

EXPECTED = "a network as pytorch-CycleGAN-and-pix2pix saves it, latest_net_G.pth"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a plain state dict by name, on the CPU, floating ones in float32.

    The prefix that DataParallel puts before all names is taken off. Raises DiptychError where the
    file is damaged, holds anything but tensors, or unpacks to more than its own size.
    """
    if not path.is_file():
        raise DiptychError(f"{path}: no such file; give {EXPECTED}")
    size = path.stat().st_size
    try:
        # The writer of these files never compresses, so that what would be larger is no such file.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                if sum(part.file_size for part in parts.infolist()) > size:
                    raise DiptychError(
                        f"{path}: unpacks to more than its own size; give {EXPECTED}"
                    )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the ways of older versions
            content = torch.load(path, map_location="cpu", weights_only=True)
    except DiptychError:
        raise
    except Exception as error:  # a damaged file fails in any way
        if isinstance(error, pickle.UnpicklingError) and "Unsupported global" in str(error):
            raise DiptychError(
                f"{path}: holds code beside tensors, which is not executed; give {EXPECTED}"
            ) from None
        raise DiptychError(f"{path}: not a whole checkpoint; give {EXPECTED}") from None
    tensors = _tensors(content, path)
    # A few numbers can be said to be a huge tensor, all of whose rows are the same.
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > size:
        raise DiptychError(f"{path}: its tensors are larger than the file; give {EXPECTED}")
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def write_checkpoint(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a plain state dict as one whole file."""
    with whole_file(path) as aside:
        torch.save({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, aside)


def _tensors(content: object, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not content:
        raise DiptychError(f"{path}: holds no tensors by name; give {EXPECTED}")
    for name, tensor in content.items():
        plain = isinstance(tensor, Tensor) and tensor.layout == torch.strided
        filled = plain and tensor.device.type == "cpu" and tensor.numel()
        if not isinstance(name, str) or not filled:
            raise DiptychError(f"{path}: {str(name)[:80]!r} is no plain tensor; give {EXPECTED}")
    return dict(content)
