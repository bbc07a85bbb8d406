"""The scale at which a model learns: how much pictures are reduced, and how far one is from it."""

from collections.abc import Iterable, Sequence

from diptych.data.fitting import Fit, Size
from diptych.data.pairs import Picture, Stack, evenly_spread
from diptych.errors import DiptychError
from diptych.model_file import Header
from diptych.schema import Data

LOOKED_AT = 100  # pictures whose headers say how large they are
EQUAL = 1.1  # times larger, or wider for their height, that nothing is said of
FAR = 1.5  # times larger or smaller than in training, of which a person should know


def typical_size(pictures: Sequence[Picture | Stack]) -> Size | None:
    """Height and width of a picture in the middle of them; None where no file says its size."""
    sizes = []
    for picture in evenly_spread(pictures, LOOKED_AT):
        try:
            width, height = picture.size
        except DiptychError:
            continue  # which others say
        sizes.append((height, width))
    return middle(sizes)


def middle(sizes: Iterable[Size]) -> Size | None:
    """That of which half are smaller, by the shorter side; None of none."""
    ordered = sorted(sizes, key=lambda size: (min(size), max(size)))
    return ordered[len(ordered) // 2] if ordered else None


def learning_scale(size: Size, data: Data) -> str | None:
    """At which scale a model learns from pictures of `size`, in words.

    None where it learns from them as they are, or nearly.
    """
    if data.fit == "patches":
        return None
    height, width = Fit(data.fitting, data.load).of(size)
    down, across = size[0] / height, size[1] / width
    pictures = f"pictures of {size[1]}x{size[0]} (median) are"
    at = "translate others with --at-trained-scale"
    if max(down, across) > EQUAL * min(down, across):
        keeps = "; data.fit=shorter keeps their shape" * (data.shapes == "same")
        return (
            f"{pictures} squeezed to {width}x{height}, {_times(across)} across and {_times(down)} "
            f"down: the model learns that{keeps}; {at}"
        )
    if 1 / EQUAL <= across <= EQUAL:
        return None
    return f"{pictures} {_times(across)} in size: the model learns at that scale; {at}"


def trained_size(header: Header, size: Size) -> Size | None:
    """Height and width to which training brought, or would have brought, a source of `size`.

    Squeezed as those of the training were. None where the model learned from parts of pictures as
    they are.
    """
    data = header.recipe.get("data", {})
    if data.get("fit") not in {"shorter", "resize"}:
        return None
    height, width = (max(1, side // header.scale) for side in header.crop_size)
    exact = data.get("fit") == "resize" or isinstance(data.get("load_size"), list | tuple)
    if exact and header.picture_size is not None:
        rows, columns = header.picture_size
        size = size[0] * height * columns, size[1] * width * rows
    return Fit("shorter", (height, width)).of(size)


def far_in_words(header: Header, size: Size) -> str | None:
    """That a source is far from the scale of the training, and what to do; None where it is not."""
    if header.scale > 1 or header.target_size is not None:  # which are squeezed to it anyway
        return None
    trained = trained_size(header, size) or size
    both = (had / there for had, there in zip(size, trained, strict=True))
    times = max(both, key=_distance)
    if round(_distance(times), 1) <= FAR:  # sides are rounded to pixels
        return None
    off = f"{_distance(times):.1f} times {'larger' if times > 1 else 'smaller'}"
    return (
        f"{size[1]}x{size[0]} is {off} than the {trained[1]}x{trained[0]} that the model learned "
        "at: --at-trained-scale translates at that, and brings the result back"
    )


def _distance(times: float) -> float:
    return max(times, 1 / times)


def _times(times: float) -> str:
    return f"reduced {times:.1f} times" if times > 1 else f"enlarged {1 / times:.1f} times"
