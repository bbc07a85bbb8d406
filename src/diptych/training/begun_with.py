"""What a run keeps of the model it began with: it goes on though that has moved or changed."""

import json
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from torch import nn

from diptych.errors import DiptychError
from diptych.model_file import Header, Network
from diptych.model_place import model_path
from diptych.tensor_file import parse_header
from diptych.training.initial import Initial, fingerprint_of, read_initial
from diptych.whole_file import write_whole


def write_begun_with(file: Path, model: Initial) -> None:
    """All but the weights: those are in the run's own checkpoints."""
    judge = model.discriminator
    kept = {
        "model": str(model.place),
        "fingerprint": model.fingerprint,
        "header": model.header.model_dump(mode="json"),
        "discriminator": None if judge is None else judge.model_dump(mode="json"),
    }
    write_whole(file, json.dumps(kept) + "\n")


def initial_again(place: Path, file: Path, note: Callable[[str], object]) -> Initial:
    """The model in `place`, for a run that goes on and keeps in `file` what it began with.

    Where it began with that, what it keeps is taken, without weights; `note` hears where the model
    has changed since or is not there any more. Raises DiptychError as `read_initial`.
    """
    kept = _kept(file)
    if kept is None:  # as in runs from before, where nothing of it was kept
        return read_initial(place)
    same_place = place.absolute() == kept.place.absolute()
    try:
        there = fingerprint_of(model_path(place))
    except DiptychError:
        if not same_place:
            raise
        there = "none"
    if there != kept.fingerprint:
        if not same_place:
            return read_initial(place)
        how = "is not there any more" if there == "none" else "has changed since"
        note(f"{place}, with which the run began, {how}; it goes on from its own checkpoint")
    return kept


def _kept(file: Path) -> Initial | None:
    """None where there is nothing, or not all."""
    try:
        kept = json.loads(file.read_text("utf-8"))
        header, judge = kept["header"], kept["discriminator"]
        return Initial(
            Path(kept["model"]),
            str(kept["fingerprint"]),
            parse_header(file, json.dumps(header), Header),
            nn.Module(),
            None if judge is None else Network.model_validate(judge),
            {},
        )
    except (OSError, ValueError, LookupError, TypeError, ValidationError):
        return None
