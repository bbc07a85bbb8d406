"""Pictures decoded: those that are kept as they are, all others made first."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from diptych.data.pairs import Progress
from diptych.data.store.identity import Identities
from diptych.data.store.locks import make_known
from diptych.data.store.making import make_parts
from diptych.data.store.part import Part
from diptych.data.store.pictures import Pictures
from diptych.data.store.place import store_folder
from diptych.data.store.wanted import Wanted, distinct, plan_side

if sys.platform != "win32":
    import resource


def decoded(
    wanted: Iterable[Wanted], folder: Path | None = None, on_progress: Progress | None = None
) -> list[Pictures]:
    """The pictures of each side, in their order, memory-mapped from `folder`.

    By default that is the user's cache. They are made once and found again by their files' paths,
    sizes and times of change. Files that two sides share are read once for both. Raises
    DiptychError where a picture is bad, or the folder cannot hold them.
    """
    identities, folder = Identities(), folder or store_folder()
    wanted = list(wanted)
    sides = [plan_side(side, identities) for side in wanted]
    plans = distinct(part for side in sides for part in side.parts)
    _allow_open_files(len(plans))
    parts: dict[str, Part] = {}
    while missing := [plan for plan in plans if plan.name not in parts]:
        opened = {plan.name: plan.open(folder) for plan in missing}
        parts |= {name: part for name, part in opened.items() if part is not None}
        lacking = [plan for plan in missing if plan.name not in parts]
        if lacking:
            parts |= make_parts(lacking, folder, on_progress)
    with suppress(OSError):  # others' folder may be for reading only
        make_known(folder)
    return [
        Pictures([parts[plan.name] for plan in side.parts], side.places, one.domain)
        for one, side in zip(wanted, sides, strict=True)
    ]


def _allow_open_files(count: int) -> None:
    """A part keeps its file open; a shell's usual limit is 1024 of them."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = count + 512
        if soft < needed <= hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
