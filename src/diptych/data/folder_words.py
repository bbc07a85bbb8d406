"""The words by which people name splits and sides, in folders, files and columns."""

import re
from collections.abc import Collection

# Other names that people give splits.
SPELLINGS = {
    "train": ("train", "training", "trainval"),
    "val": ("val", "valid", "validation", "eval", "evaluation", "dev"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {word: split for split, words in SPELLINGS.items() for word in words}
_ANY = "|".join(sorted(_SPLIT_OF, key=len, reverse=True))
_APART = re.compile(rf"(?:(.+?)[ _.-]+)?({_ANY})(?:[ _.-]+(.+))?", re.IGNORECASE)
_JOINED = re.compile(rf"({_ANY})(.+)", re.IGNORECASE)

# What a side is called that is usually translated from, and one that is usually translated to.
_FROM = """
a images image img imgs photo photos picture pictures pic rgb input inputs in src source sources x
lr low lq noisy noise blur blurry blurred degraded raw before sat satellite jpeg jpg jpegs
jpegimages left gray grey sketch sketches edge edges condition conditions hazy rainy frames real
"""
_TO = """
b mask masks label labels annot annots annotation annotations anno seg segs segmentation
segmentations segmentationclass gt groundtruth truth target targets tgt output outputs out y hr high
hq clean sharp after clear expert map maps color colour png gif bmp class classes semantic semantics
depth disparity normal normals thermal infrared ir
"""
# What people call pictures that a model made; no side of pairs where there are two others.
_RESULTS = """
translated translation translations result results prediction predictions predicted pred preds
generated fake fakes
"""
_USUAL_SIDE = dict.fromkeys(_FROM.split(), 0) | dict.fromkeys(_TO.split(), 2)


def split_named(word: str) -> str | None:
    """Train, val or test by any of its names; None for what is none of them."""
    return _SPLIT_OF.get(word.lower())


def split_within(folder: str, beside: Collection[str]) -> tuple[str, str] | None:
    """The split that a folder's name tells, and what else it tells: `train_masks`, `TestA`, `val`.

    Words that are written together, as in `trainannot`, are taken apart only where a folder
    `beside` shows that they are two: `train`, `valannot` or `trainimages`.
    """
    if apart := _APART.fullmatch(folder):
        before, word, after = apart.groups()
        return _SPLIT_OF[word.lower()], "_".join(part for part in (before, after) if part)
    if not (joined := _JOINED.fullmatch(folder)):
        return None
    word, rest = joined[1].lower(), joined[2]
    if len(rest) == 1 or rest[0].isupper() or rest.isdigit():
        return _SPLIT_OF[word], rest
    for other in map(str.lower, beside):
        if other == folder.lower():
            continue
        match = _JOINED.fullmatch(other)
        if other in _SPLIT_OF or (match and (match[1] == word or match[2] == rest.lower())):
            return _SPLIT_OF[word], rest
    return None


def usual_side(name: str) -> int:
    """0 for what is usually translated from, 2 for what is translated to, 1 for any other name."""
    return max((_USUAL_SIDE[word] for word in _words(name) if word in _USUAL_SIDE), default=1)


def is_of_results(name: str) -> bool:
    """Whether that is what people call what a model made."""
    return not {*_RESULTS.split()}.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [name.lower(), *re.findall(r"[^\W\d_]+", apart.lower())]
