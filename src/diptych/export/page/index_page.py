"""The page of a model: what differs between one without a server and one that a server shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from diptych.evaluation.html_pages import filled
from diptych.evaluation.words import duration
from diptych.export.page.page_looks import page_looks
from diptych.model_file import Header

# The longer side of pictures for a model trained on patches, of which only larger ones are resized.
LARGE = 512


@dataclass(frozen=True)
class Kind:
    """What a page says and may do by where its model runs.

    `policy`: the Content-Security-Policy; `place`: where its scripts lie, seen from it; `side`:
    what the sizes to choose from are called; `accepts`: pictures that it offers to open.
    """

    policy: str
    promise: str
    place: str = ""
    side: str = "Longer side"
    accepts: str = "image/*"
    batch: bool = False
    model: str = ""
    models: Mapping[str, str] = field(default_factory=dict)  # the addresses of their pages, by name


def page_html(
    header: Header, kind: Kind, settings: Mapping[str, Any], facts: Mapping[str, str], terms: str
) -> str:
    """The page; `settings` is what its scripts are told beside what the header says."""
    height, width = header.crop_size
    of_model = {
        "size": [width, height],
        "side": page_side(header),
        "enlarge": not _on_patches(header),
        "looks": page_looks(header) if header.target.kind in {"rgb", "chroma"} else None,
    }
    return filled(
        "diptych.export.page",
        "index.html.jinja",
        source=header.source.name,
        target=header.target.name,
        settings=of_model | dict(settings),
        facts=facts,
        terms=terms,
        **{name: getattr(kind, name) for name in Kind.__dataclass_fields__},
    )


def page_side(header: Header) -> int:
    """The longer side that a page brings pictures to."""
    return LARGE // header.scale if _on_patches(header) else max(header.crop_size)


def page_facts(header: Header) -> dict[str, str]:
    """What is known of a model, in words."""
    return {
        "Trained on": f"{header.dataset.training_pairs} at {header.crop_size[1]}×"
        f"{header.crop_size[0]}, {header.step:,} steps, {duration(header.seconds)}",
    }


def page_files() -> dict[str, bytes]:
    """Scripts and styles of a page, by name."""
    return {
        entry.name: entry.read_bytes()
        for entry in files("diptych.export.page").iterdir()
        if entry.name.endswith((".js", ".css"))
    }


def _on_patches(header: Header) -> bool:
    """Whether it learned from patches of larger pictures."""
    return bool(header.recipe.get("data", {}).get("fit") == "patches")
