"""`diptych translate --ray`: a place of pictures to another, on a Ray cluster."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from diptych.by_ray.ray_translating import translate_places
from diptych.by_ray.translating_actor import Work
from diptych.commands.terminal.console import Counter, pace_in_words, say_note
from diptych.commands.terminal.quiet_ray import quiet_ray
from diptych.commands.translate_command import show_outcome
from diptych.errors import DiptychError
from diptych.images.limits import max_pixels
from diptych.model_place import model_path
from diptych.places import Place
from diptych.translation.jobs.file_plan import check_format, check_side, default_format
from diptych.translation.jobs.pipeline import Outcome
from diptych.translation.jobs.place_plan import names_in
from diptych.translation.settings import Settings


def translate_by_ray(
    settings: Settings,
    model: Path,
    inputs: list[str],
    out: str,
    form: str | None,
    side: str | None,
    translate: Callable[..., Outcome],
    overwrite: bool,
    actors: int,
) -> bool:
    """Translate, say what became of it and how fast; whether anything failed."""
    if len(inputs) != 1:
        raise DiptychError("--ray: one folder at a time, as s3://bucket/photos")
    sources, results = map(_place, (*inputs, out))
    # On the processor, for what is wrong to be said at once; its look is that of all.
    translator = replace(settings, device="cpu").load(model)
    target = translator.header.target
    form = form or default_format(target)
    check_format(form, target)
    work = Work(
        model=model_path(model),
        settings=settings.settled(translator),
        sources=sources,
        results=results,
        panel=check_side(side, translator.header),
        translate=translate,
        max_pixels=max_pixels(),
    )
    names, not_pictures = names_in(sources, results, form)
    begun = time.monotonic()
    with quiet_ray(), Counter("translating") as counted:
        outcome = translate_places(
            work,
            names,
            overwrite=overwrite,
            actors=actors,
            on_progress=counted,
            notice=say_note,
        )
    took = time.monotonic() - begun
    rate = f" {pace_in_words(outcome.translated, took)}" if took >= 1 else ""
    show_outcome(not_pictures, outcome, out, rate if outcome.translated else "")
    return bool(outcome.failures)


def _place(url: str) -> Place:
    return Place(url if "://" in url else str(Path(url).resolve()))
