"""A plan in shares: for several processes, each of which has whole batches and whole videos."""

from pathlib import Path

from diptych.groups import groups_of
from diptych.translation.jobs.file_plan import Plan, written

Job = tuple[Path, Path]  # a picture, and where its result goes


def is_there(job: Job, samples: int = 0) -> bool:
    """Whether none of the files that a job writes is missing."""
    return all(place.exists() for place in written(job[1], samples))


def shares_of(
    plan: Plan, count: int, *, overwrite: bool = False, samples: int = 0
) -> tuple[list[Plan], int]:
    """So many plans that together do one, and how many pictures and videos these leave as there.

    Groups go round, so that what is large is with all of them; videos go round the other way. A
    group of which nothing is missing is in none, nor is a video that is there.
    """
    shares = [Plan() for _ in range(count)]
    kept = number = 0
    for group in groups_of(plan.jobs):
        if not overwrite and all(is_there(job, samples) for job in group):
            kept += len(group)
            continue
        share = shares[number % count]
        share.jobs += group
        share.together |= {path: plan.together[path] for path, _ in group if path in plan.together}
        number += 1
    missing = [job for job in plan.videos if overwrite or not is_there(job)]
    for number, video in enumerate(missing, 1):
        shares[-number % count].videos.append(video)
    return shares, kept + len(plan.videos) - len(missing)
