"""Train, val and test, from what splits there are."""

import hashlib
import sys
from dataclasses import replace
from operator import attrgetter

from diptych.data.pairs import Pair, PairedData, as_bytes

SHARES = {"test": 10, "val": 20}  # of the training pairs one in so many, in this order
MOST_HELD_OUT = 500  # pairs of a slice that stands in for a missing split


def held_out(split: str, whole: int, most: int = MOST_HELD_OUT) -> int:
    """How many of `whole` training pairs are held out for a split that is missing.

    A tenth for test, a twentieth for val, at least one and at `most` so many.
    """
    return max(1, min(whole // SHARES[split], most))


def fill_splits(
    listed: dict[str, list[Pair]],
    seed: int,
    *,
    test_on_val: bool = False,
    validated: int = MOST_HELD_OUT,
    most: int = MOST_HELD_OUT,
) -> tuple[dict[str, list[Pair]], list[str]]:
    """Train, val and test from what there is; a slice of train stands in for a missing one.

    A pair's place follows from a hash of its name and the seed, so that the slice is the same on
    every machine; `held_out` says how many it takes, at `most` so many, and for val no more than
    are `validated` on. With `test_on_val` val stands in for a missing test split. Returns the
    splits and a note for each that is missing. Where train has too few pairs to give any away, they
    are validated and tested on themselves, and the note says so.
    """

    def place(pair: Pair) -> str:
        return hashlib.sha256(as_bytes(f"{seed}/{pair.name}")).hexdigest()

    def by_name(pairs: list[Pair]) -> list[Pair]:
        return sorted(pairs, key=attrgetter("name"))

    order = sorted(listed.get("train", []), key=place)
    whole = len(order)
    splits: dict[str, list[Pair]] = {}
    notes: list[str] = []
    for split in SHARES:
        if listed.get(split):
            splits[split] = listed[split]
        elif split == "test" and test_on_val:
            continue
        elif whole == 0:
            splits[split] = []
        elif whole < 5:
            splits[split] = by_name(order)
            notes.append(f"no {split} split, and too few pairs to spare any: train stands in")
        else:
            count = held_out(split, whole, min(most, validated) if split == "val" else most)
            splits[split] = by_name(order[:count])
            order = order[count:]
            notes.append(
                f"no {split} split: {count} of {whole} training pairs, chosen by "
                f"data.split_seed {seed}, are kept out of training and stand in"
            )
    if "test" not in splits:
        splits["test"] = splits["val"]
        notes += ["no test split: val stands in, as data.test says"] * bool(splits["val"])
    splits["train"] = by_name(order)
    return splits, notes


def divide_as_begun(paired: PairedData, seed: int, fingerprint: str) -> None:
    """Divide the pairs as a run began that has this fingerprint.

    Slices had no upper limit once. Where those are not what it began with either, all stays.
    """
    if paired.fingerprint() == fingerprint:
        return
    undivided = set(paired.undivided)
    of_their_own = {
        split: pairs for split, pairs in paired.splits.items() if not undivided & set(pairs)
    }
    listed = of_their_own | {"train": paired.undivided}
    splits, notes = fill_splits(listed, seed, validated=sys.maxsize, most=sys.maxsize)
    if replace(paired, splits=splits).fingerprint() == fingerprint:
        paired.splits = splits
        others = [note for note in paired.notes if not note.startswith(("no test ", "no val "))]
        paired.notes = others + notes
