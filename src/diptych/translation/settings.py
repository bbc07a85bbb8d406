"""How a model is to translate, as it can be told to another process."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.translation.loading import load
from diptych.translation.translator import NO_SAMPLES, Translator


@dataclass(frozen=True)
class Settings:
    """The options of a translator, as `load` takes them, and what it is told of its results."""

    device: str = "auto"
    threads: int = 0
    dropout: bool | None = None
    memory: str | None = None
    normalization: str | None = None
    precision: str = "auto"
    at_trained_scale: bool = False
    samples: int = 0
    like: Path | None = None
    colors: tuple[str, ...] = ()
    look: tuple[float, ...] | None = None  # in place of these two

    def load(self, model: Path) -> Translator:
        """The translator; raises DiptychError where it cannot do what is asked for."""
        translator = load(
            model,
            device=self.device,
            threads=self.threads,
            dropout=self.dropout,
            memory=self.memory,
            normalization=self.normalization,
            precision=self.precision,
        )
        if self.at_trained_scale:
            translator = translator.scaled()
        if self.samples and not translator.varies:
            raise DiptychError(f"--samples: {NO_SAMPLES}")
        if self.samples and (self.like is not None or self.colors):
            raise DiptychError("--samples draws looks: not with --like or --colors")
        if self.look is not None:
            return translator.told(look=np.array(self.look))
        if self.like is not None or self.colors:
            return translator.told(like=self.like, colors=self.colors)
        return translator

    def settled(self, translator: Translator) -> "Settings":
        """The same, with what a translator that was loaded by it has decided or found out."""
        look = None if translator.look is None else tuple(map(float, translator.look))
        return replace(self, precision=translator.precision, like=None, colors=(), look=look)
