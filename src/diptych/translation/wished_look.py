"""How results are to look, from what a person says: like a picture, in some colours, or drawn.

A look is a row of numbers, as `networks.told_look` has it: of every channel of the target, on
[-1, 1], the mean over the picture, then the standard deviation. NaN: as the source foretells.
"""

from collections.abc import Sequence

import numpy as np
from PIL import ImageColor

from diptych.errors import DiptychError
from diptych.images.domain import Domain
from diptych.model_file import KnownLooks

NO_LOOK = (
    "this model takes no look: it was not told the colours of its targets when it learned "
    "(generator.look)"
)
STRENGTH = 1.0  # of the ridge, for colours in units of their spread
NEAREST = 5  # looks that one in a wished colour is made of
BEYOND = 0.5  # of what was seen of a number, by which it may lie outside


def look_like(picture: np.ndarray, target: Domain) -> np.ndarray:
    """The look of a picture `(H, W, C)`, an array of the target's domain."""
    import torch

    from diptych.images.encoding import encode, known_places
    from diptych.networks.told_look import look_of

    pictures = torch.from_numpy(np.array(picture))[None]
    numbers = look_of(encode(pictures, target), known_places(pictures, target))
    look: np.ndarray = numbers[0].numpy()
    return look


def look_in_colours(colours: Sequence[str], known: KnownLooks) -> np.ndarray:
    """The look of a result whose largest colours are these: `#a03020`, or names as `red`.

    The mean of those training targets whose own colours are nearest, each moved by what the rest of
    the way changes as a rule. Raises DiptychError where a colour is none, or targets have none.
    """
    if not known.colours:
        raise DiptychError("colors: the targets of this model have no colours; like takes a file")
    if not 1 <= len(colours) <= 2:
        raise DiptychError("colors: one colour, or two, the largest first")
    wished = lab_of_colours([list(colours)], len(colours))[0]
    own, moves = colour_moves(known, len(colours))
    nearest = np.linalg.norm(own - wished, axis=1).argsort()[:NEAREST]
    looks = all_looks(known)[nearest] + (wished - own[nearest]) @ moves
    return bounded(looks.mean(0), all_looks(known), BEYOND)


def colour_moves(known: KnownLooks, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` largest colours of `all_looks` in Lab, and how these change with them.

    `(looks, 3 count)`, and by ridge regression `(3 count, numbers)`.
    """
    own = lab_of_colours([*known.colours, *known.changed_colours], count)
    examples = all_looks(known)
    spread = own.std(0) + 1e-6
    apart = (own - own.mean(0)) / spread
    weight = np.linalg.solve(
        apart.T @ apart + STRENGTH * np.eye(apart.shape[1]),
        apart.T @ (examples - examples.mean(0)),
    )
    return own, weight / spread[:, None]


def drawn_looks(foretold: np.ndarray, known: KnownLooks, count: int, seed: int) -> np.ndarray:
    """So many looks, `(count, numbers)`, as different as those of training targets were.

    To what the source foretells comes what a training pair had beyond that, another each time while
    there are some.
    """
    left = np.array(known.left)
    random = np.random.default_rng(seed)
    rounds = -(-count // len(left))
    chosen = np.concatenate([random.permutation(len(left)) for _ in range(rounds)])[:count]
    return bounded(foretold + left[chosen], np.array(known.examples))


def all_looks(known: KnownLooks) -> np.ndarray:
    """Of training targets as they are, and as they were shown in other colours."""
    return np.array([*known.examples, *known.changed])


def bounded(look: np.ndarray, looks: np.ndarray, beyond: float = 0.0) -> np.ndarray:
    """Numbers within `bounds`."""
    return look.clip(*bounds(looks, beyond)).astype(np.float32)


def bounds(looks: np.ndarray, beyond: float) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of each number, or beyond by a share of how far these lie apart."""
    low, high = looks.min(0), looks.max(0)
    room = beyond * (high - low)
    low, high = low - room, high + room
    half = len(low) // 2
    low[half:] = low[half:].clip(min=0)  # deviations
    return low, high


def lab_of_colours(colours: Sequence[Sequence[str]], count: int) -> np.ndarray:
    """The first `count` of each row of colours in Lab, the last again where a row has fewer."""
    from diptych.images.main_colours import lab_of

    chosen = [[row[min(i, len(row) - 1)] for i in range(count)] for row in colours]
    rgb = np.array([[_rgb(colour) for colour in row] for row in chosen], np.uint8)
    lab: np.ndarray = lab_of(rgb.reshape(-1, 3)).reshape(len(colours), -1)
    return lab


def _rgb(colour: str) -> tuple[int, ...]:
    digits = set(colour) <= set("0123456789abcdefABCDEF") and len(colour) == 6
    try:
        return ImageColor.getrgb(f"#{colour}" if digits else colour.strip())[:3]
    except ValueError:
        raise DiptychError(
            f"colors {colour!r}: a colour is #rrggbb, or an English name as red"
        ) from None
