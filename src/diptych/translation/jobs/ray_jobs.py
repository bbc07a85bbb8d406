"""A folder of any size and place through a model, on all machines of a Ray cluster.

A Ray Data pipeline whose rows are groups of pictures, as `shares` makes them: actors that hold the
model copy a group to their machine, translate it as the plain command does, and copy the results to
their place. Ray starts an actor again that was lost, and gives it the group that it had.
"""

import importlib
import json
import logging
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from diptych.errors import DiptychError, optional, reason_of
from diptych.groups import groups_of
from diptych.translation.jobs.pipeline import Outcome
from diptych.translation.jobs.ray_actor import (
    Common,
    Group,
    Translating,
    Wanted,
    Work,
    is_video,
    is_whole,
    result_files,
)
from diptych.translation.settings import Settings
from diptych.translation.translator import Progress

STORE = 2**28  # bytes of shared memory that a Ray of our own takes; only the model goes through it
MOST_BLOCKS = 10_000  # that Ray keeps account of


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

    `actors`: so many, else one for each GPU of the cluster, or for each core or so many threads.
    Raises DiptychError where Ray is not there, or fails.
    """
    ray = optional("ray", "--ray needs Ray: pip install 'diptych[ray]'")
    groups, outcome = wanted_groups(work, names, overwrite)
    if not groups:
        return outcome
    if outcome.kept:
        on_progress(outcome.kept, len(names))
    with _running(ray), _in_a_line(ray):
        common = ray.remote(Common).options(num_cpus=0).remote(work.model.read_bytes())
        needs = _needs(ray, work.settings)
        work = replace(work, settings=_settled(ray, work, common, groups, needs, notice))
        for became in _outcomes(ray, work, common, groups, actors, needs):
            if isinstance(became, str):
                raise DiptychError(f"{became}: the same command does the rest")
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


@contextmanager
def _running(ray: Any) -> Iterator[None]:
    """The Ray that RAY_ADDRESS names, else one of our own, of this machine; it tells nobody."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    begun = not ray.is_initialized()
    own = begun and not os.environ.get("RAY_ADDRESS")
    if begun:
        ray.init(
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({"include_dashboard": False, "object_store_memory": STORE} if own else {}),
        )
    try:
        yield
    finally:
        if begun:
            ray.shutdown()


@contextmanager
def _in_a_line(ray: Any) -> Iterator[None]:
    """What Ray raises, as a DiptychError."""
    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise DiptychError(f"--ray: {reason_of(cause)}: the same command does the rest") from None


def _needs(ray: Any, settings: Settings) -> dict[str, float]:
    """What an actor takes of the cluster."""
    gpus = ray.cluster_resources().get("GPU", 0)
    if settings.device == "cuda" or (settings.device == "auto" and gpus):
        return {"num_gpus": 1}
    return {"num_cpus": settings.threads or 1}


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


def _outcomes(
    ray: Any,
    work: Work,
    common: Any,
    groups: Sequence[Group],
    actors: int,
    needs: Mapping[str, float],
) -> Iterator[Outcome | str]:
    """What became of every group, as they come."""
    data = importlib.import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # large pictures take their time
    kind, share = ("GPU", 1.0) if "num_gpus" in needs else ("CPU", needs["num_cpus"])
    actors = actors or max(1, int(ray.cluster_resources().get(kind, 1) // share))
    rows = [{"number": i, "group": json.dumps(group)} for i, group in enumerate(groups)]
    pipeline = data.from_items(rows, override_num_blocks=min(len(rows), MOST_BLOCKS)).map(
        Translating,
        fn_constructor_args=[work, common],
        compute=data.ActorPoolStrategy(size=min(actors, len(rows))),
        **needs,
    )
    for row in pipeline.iter_rows():
        yield pickle.loads(row["became"])  # noqa: S301 - of our own actors
