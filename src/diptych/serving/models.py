"""The models that are served, by name, and what a page can say of each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.serving.picture_decoder import Decoder
from diptych.translation.loading import load
from diptych.translation.translator import Translator

LINES = frozenset({"drawing", "edge", "line", "lineart", "outline", "scribble", "sketch"})


@dataclass(frozen=True)
class Served:
    """A model under the name that requests call it by."""

    name: str
    translator: Translator
    decoder: Decoder = field(default_factory=Decoder)

    def read(self, path: Path) -> np.ndarray:
        """A stranger's picture, as an array of the source's domain; raises DiptychError."""
        return self.decoder.read(path, self.translator.header.source)

    @property
    def title(self) -> str:
        """What goes in and what comes out: `drawing → colour`."""
        header = self.translator.header
        return f"{header.source.name} → {header.target.name}"

    @property
    def draws(self) -> bool:
        """Whether its sources are drawings in lines, such as a person makes with a brush."""
        return self.translator.header.source.name.lower().rstrip("s") in LINES

    @cached_property
    def scaled(self) -> Translator | None:
        """The model at the scale of its training; None where it has none that helps."""
        header = self.translator.header
        if header.scale > 1 or header.target_size is not None or not header.source.is_picture:
            return None
        try:
            return self.translator.scaled()
        except DiptychError:
            return None

    def fitting(self, fit: bool) -> Translator:
        """What translates, with `fit` at the scale of the training where there is one."""
        return self.scaled if fit and self.scaled is not None else self.translator

    @property
    def facts(self) -> dict[str, str]:
        """What is known of it, in words."""
        header = self.translator.header
        facts = {
            "Model": f"{self.name}, {header.generator.name}, diptych {header.version}",
        }
        if "features" in header.scores:
            pairs = "pairs that it was chosen by"
            if header.dataset.spared:
                pairs += ", and did not learn from"
            distance = f"{header.scores['features']:.3f} (0 is the best), on {pairs}"
            facts["Feature distance in validation"] = distance
        tested = header.dataset.pairs.get("test", 0)
        if tested and header.dataset.spared and header.recipe.get("data", {}).get("test") != "val":
            facts["Never saw"] = f"{tested:,} test pairs"
        if self.scaled is not None:
            side = min(header.crop_size)
            facts["At its best at"] = f"{side} pixels (the shorter side), as it learned"
        elif header.scale > 1:
            facts["Results"] = f"{header.scale} times as large"
        return facts


class UnknownModelError(DiptychError):
    """No model has that name."""


def find_model(models: Mapping[str, Served], name: str) -> Served:
    """A model by name; raises UnknownModelError, naming those there are."""
    if name not in models:
        raise UnknownModelError(f"no model called {name!r}; there are: {', '.join(models)}")
    return models[name]


def load_models(
    places: Sequence[str], *, device: str = "auto", threads: int = 0, memory: str | None = None
) -> dict[str, Served]:
    """The models of `MODEL` or `NAME=MODEL` each, loaded, and tried on a blank picture.

    Without a name it is that of the run directory or the file. Raises DiptychError where one cannot
    be loaded or run, takes several sources, or where two have one name.
    """
    served: dict[str, Served] = {}
    decoder = Decoder()
    decoder.start()
    for text in places:
        name, path = _name_and_path(text)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
            raise DiptychError(
                f"{text}: {name!r} cannot be a name: letters, digits, - and _; give NAME={path}"
            )
        if name in served:
            raise DiptychError(f"{text}: two models called {name!r}; give NAME={path}")
        translator = load(path, device=device, threads=threads, memory=memory)
        if translator.header.source.parts:
            raise DiptychError(f"{path}: takes several sources; only `diptych translate` does that")
        _try(translator)
        served[name] = Served(name, translator, decoder)
    decoder.wait()
    return served


def _name_and_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if equals and not Path(text).exists():
        return name, Path(path)
    place = Path(text)
    folder = place.parent if place.name == "model.safetensors" else place
    name = folder.resolve().name if folder.is_dir() else folder.stem
    return name, place


def _try(translator: Translator) -> None:
    """What cannot run is said at the start; the first request finds the model warm."""
    header = translator.header
    height, width = header.crop_size
    blank = np.zeros((height, width, header.source.array_channels), header.source.array_dtype)
    translator.apply(blank)
