"""A folder of any size and place through a model, on all machines of a Ray cluster.

Rows are groups of pictures, as `shares` makes them: actors that hold the model copy a group to
their machine, translate it as the plain command does, and copy the results to their place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diptych.by_ray.ray_rows import common_of, done_rows, needs_of, running_ray
from diptych.by_ray.translating_actor import (
    Group,
    Translating,
    Wanted,
    Work,
    is_video,
    is_whole,
    result_files,
)
from diptych.groups import groups_of
from diptych.translation.jobs.pipeline import Outcome
from diptych.translation.settings import Settings
from diptych.translation.translator import Progress


def translate_places(
    work: Work,
    names: Mapping[str, str],
    *,
    overwrite: bool = False,
    actors: int = 0,
    on_progress: Progress = lambda *_: None,
    notice: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Translate what `names` has, by name in `work.sources`, to these names in `work.results`.

    `actors`: so many, else as `done_rows` has it. Raises DiptychError where Ray is not there, or
    fails.
    """
    groups, outcome = wanted_groups(work, names, overwrite)
    if not groups:
        return outcome
    if outcome.kept:
        on_progress(outcome.kept, len(names))
    with running_ray("does the rest") as ray:
        common = common_of(ray, work.model.read_bytes())
        needs = needs_of(ray, work.settings.device, work.settings.threads)
        work = replace(work, settings=_settled(ray, work, common, groups, needs, notice))
        for _, became in done_rows(ray, Translating, [work, common], groups, actors, needs):
            outcome.add(became)
            on_progress(outcome.kept + outcome.translated + len(outcome.failures), len(names))
    outcome.failures.sort()
    return outcome


def wanted_groups(
    work: Work, names: Mapping[str, str], overwrite: bool
) -> tuple[list[Group], Outcome]:
    """Groups of which something is missing, and an outcome that counts what is there.

    A picture's group is that of the plain command. A video is a group.
    """
    there = set() if overwrite else set(work.results.names())

    def wanted(name: str, result: str) -> Wanted:
        return Wanted(
            name, result, [each for each in result_files(work, name, result) if each in there]
        )

    every = [wanted(name, result) for name, result in names.items()]
    pictures = [each for each in every if not is_video(each.name)]
    groups = [list(group) for group in groups_of(pictures)]
    groups += [[each] for each in every if is_video(each.name)]
    missing = [group for group in groups if not all(is_whole(work, each) for each in group)]
    return missing, Outcome(kept=sum(is_whole(work, each) for each in every))


def _settled(
    ray: Any,
    work: Work,
    common: Any,
    groups: Sequence[Group],
    needs: Mapping[str, float],
    notice: Callable[[str], None],
) -> Settings:
    """Settings for all actors alike, after what the first picture decides where they are."""
    settings = replace(work.settings, threads=work.settings.threads or 1)
    if settings.precision != "auto":
        return settings
    actor = (
        ray.remote(Translating).options(**needs).remote(replace(work, settings=settings), common)
    )
    for group in groups:
        precision, notes = ray.get(actor.settle.remote(group))
        if precision != "auto":
            for note in notes:
                notice(note)
            break
    ray.kill(actor)
    return replace(settings, precision="fp32" if precision == "auto" else precision)
