"""Rules on sizes: source against target, and pictures against the crop."""

from collections.abc import Iterator

from diptych.data.pairs import of_one_shape
from diptych.doctor.file_rules import ODD_SHARE
from diptych.doctor.findings import Finding, Place, Severity, count
from diptych.doctor.survey import Survey, most_common
from diptych.schema import Recipe


def sizes(survey: Survey, recipe: Recipe) -> Iterator[Finding]:
    """Pairs whose source and target do not cover each other."""
    if recipe.data.shapes == "own" or len(survey.domains) == 1:
        return
    patches = recipe.data.fit == "patches"
    refused: list[Place] = []
    resized: list[Place] = []
    for number, record in enumerate(survey.records):
        source, target = (seen.header for seen in record.sides)
        if source is None or target is None or record.sides[0].fault:
            continue
        size, other = (source.width, source.height), (target.width, target.height)
        if size == other:
            continue
        differ = not of_one_shape(size, other)  # as in training
        detail = f"{size[0]}x{size[1]}, its target {other[0]}x{other[1]}"
        (refused if differ or patches else resized).append(survey.place(number, 0, detail))
    if refused:
        what = "size" if patches else "shape"
        message = f"{count(len(refused), 'pair')} whose source and target differ in {what}"
        advice = (
            "training stops at it: cut both to the same part of the scene, or leave it out; "
            "if all are meant so, --set data.shapes=own"
            + (" --set data.fit=shorter" if patches else "")
        )
        yield Finding("sizes", "error", "certain", message, advice, refused, leave_out=True)
    if resized:
        few = len(resized) < ODD_SHARE * len(survey.records)
        message = (
            f"{count(len(resized), 'pair')} whose source and target differ in size, not in shape"
        )
        advice = "training brings both to one size: see that the files belong together"
        yield Finding("sizes", "warning" if few else "note", "certain", message, advice, resized)


def panel_shape(survey: Survey) -> Iterator[Finding]:
    """Files cut into panels of another shape than most: a photo alone would be cut as they are."""
    if survey.data.strip is None:
        return
    headers = {
        number: header
        for number, header in survey.headers(0).items()
        if not survey.records[number].sides[0].fault
    }
    shapes = {n: f"{header.width / header.height:.2f}" for n, header in headers.items()}
    usual = most_common(shapes.values())
    odd = [number for number, shape in shapes.items() if shape != usual]
    if not 0 < len(odd) < ODD_SHARE * len(shapes):
        return
    like = next(headers[number] for number, shape in shapes.items() if shape == usual)
    message = (
        f"{count(len(odd), 'file')} cut into panels of another shape than most, which are "
        f"{like.width}x{like.height}"
    )
    advice = "each should hold source and target: a photo alone is cut down its middle"
    places = [
        Place(
            survey.in_words(survey.pairs[number].target.path),
            f"panels of {headers[number].width}x{headers[number].height}",
            number,
        )
        for number in odd
    ]
    yield Finding("panel shape", "warning", "possible", message, advice, places)


def too_small(survey: Survey, recipe: Recipe) -> Iterator[Finding]:
    """Pictures that patches do not fit in, or that are enlarged to more than twice their size."""
    data, patches = recipe.data, recipe.data.fit == "patches"
    height, width = data.crop if patches else (data.load[0] / 2, data.load[1] / 2)
    places = []
    for number, record in enumerate(survey.records):
        for side, seen in enumerate(record.sides):
            header = seen.header
            if header is not None and (header.width < width or header.height < height):
                places.append(survey.place(number, side, f"{header.width}x{header.height}"))
                break
    if not places:
        return
    few = len(places) < ODD_SHARE * len(survey.records)
    smallest = smallest_side(survey)
    limit = (
        f"the patches of {data.crop_size} pixels"
        if patches
        else f"half of the {data.load_size} pixels that they are resized to"
    )
    if few:
        advice = "leave them out, or get them larger"
    else:
        key = "crop_size" if patches else "load_size"
        advice = f"--set data.{key}={max(32, largest_crop(smallest))} fits them"
    message = f"{count(len(places), 'pair')} smaller than {limit}"
    advice = ("training stops at it: " if patches else "enlarging teaches blur: ") + advice
    severity: Severity = "error" if patches else "warning" if few else "note"
    yield Finding("too small", severity, "certain", message, advice, places, leave_out=few)


def smallest_side(survey: Survey) -> int:
    """Of all pictures whose header could be read, in pixels; 0 where there is none."""
    sides = (survey.headers(side).values() for side in range(len(survey.domains)))
    return min((min(h.width, h.height) for headers in sides for h in headers), default=0)


def largest_crop(smallest: int) -> int:
    """The largest crop, a multiple of 32, that pictures with such a side have room for."""
    return smallest // 32 * 32
