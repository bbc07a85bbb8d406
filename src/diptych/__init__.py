"""diptych: paired image-to-image translation.

The names below are loaded when they are first used; importing diptych does not import torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from diptych.version import __version__

if TYPE_CHECKING:
    from diptych.errors import DiptychError
    from diptych.evaluation.evaluate import evaluate
    from diptych.networks import build_discriminator, build_generator
    from diptych.training.train import train
    from diptych.translation.loading import load
    from diptych.translation.translator import Translator

__all__ = [
    "DiptychError",
    "Translator",
    "__version__",
    "build_discriminator",
    "build_generator",
    "evaluate",
    "load",
    "train",
]

_HOMES = {
    "DiptychError": "errors",
    "Translator": "translation.translator",
    "build_discriminator": "networks",
    "build_generator": "networks",
    "evaluate": "evaluation.evaluate",
    "load": "translation.loading",
    "train": "training.train",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"diptych.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'diptych' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
