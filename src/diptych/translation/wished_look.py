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

    That of the training target whose own colours are nearest, moved by what the rest of the way
    changes as a rule. Raises DiptychError where a colour is none, or targets have none.
    """
    if not known.colours:
        raise DiptychError("--colors: the targets of this model have no colours; say --like FILE")
    if not 1 <= len(colours) <= 2:
        raise DiptychError("--colors: one colour, or two, the largest first")
    wished = lab_of_colours([list(colours)], len(colours))[0]
    own, moves = colour_moves(known, len(colours))
    nearest = int(np.linalg.norm(own - wished, axis=1).argmin())
    look = np.array(known.examples[nearest]) + (wished - own[nearest]) @ moves
    return bounded(look, known, BEYOND)


def colour_moves(known: KnownLooks, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` largest colours of the examples in Lab, and how looks change with them.

    `(examples, 3 count)`, and by ridge regression `(3 count, numbers)`.
    """
    own, examples = lab_of_colours(known.colours, count), np.array(known.examples)
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
    return bounded(foretold + left[chosen], known)


def bounded(look: np.ndarray, known: KnownLooks, beyond: float = 0.0) -> np.ndarray:
    """Numbers within those of the examples, or beyond by a share of how far these lie apart."""
    examples = np.array(known.examples)
    low, high = examples.min(0), examples.max(0)
    room = beyond * (high - low)
    low, high = low - room, high + room
    half = len(low) // 2
    low[half:] = low[half:].clip(min=0)  # deviations
    return look.clip(low, high).astype(np.float32)


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
            f"--colors {colour!r}: a colour is #rrggbb, or an English name as red"
        ) from None
