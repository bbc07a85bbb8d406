"""What a place of pictures gives: names of results by those of their sources."""

from pathlib import PurePosixPath

from diptych.errors import DiptychError
from diptych.images.files import PICTURES, VIDEO_SUFFIXES
from diptych.places import Place
from diptych.translation.jobs.file_plan import result_name


def names_in(place: Place, results: Place, form: str) -> tuple[dict[str, str], list[str]]:
    """Pictures and videos of a place with the names of their results, and what is neither.

    Raises DiptychError where there are none, or where two would give one file.
    """
    names: dict[str, str] = {}
    others: list[str] = []
    taken: dict[str, str] = {}
    beyond = place.beyond(results) if results in place else None
    for name in place.names():
        if beyond is not None and name.startswith(beyond):
            continue
        if PurePosixPath(name).suffix.lower() not in PICTURES | VIDEO_SUFFIXES:
            others.append(place.address(name))
            continue
        names[name] = result = str(result_name(PurePosixPath(name), form))
        other = taken.setdefault(result, name)
        if other != name:
            raise DiptychError(
                f"{place.address(other)} and {place.address(name)} would both give "
                f"{results.address(result)}: translate them to two folders"
            )
    if not names:
        raise DiptychError(f"no pictures or videos in {place.url}")
    if results.is_place(place) and set(names) & set(taken):
        raise DiptychError(
            f"{results.url}: results would replace their sources: give another --out"
        )
    return names, others
