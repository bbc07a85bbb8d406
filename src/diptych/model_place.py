"""Where a model is: a run directory, a file, or an address on the hub."""

from pathlib import Path

from diptych.datasets.hub_client import fetch, is_address
from diptych.errors import DiptychError

OF_OTHERS = {".pth", ".pt", ".ckpt", ".bin"}


def model_path(place: Path) -> Path:
    """The model file meant by a run directory, a file or an address on the hub, `hf://user/name`.

    A model on the hub is fetched. Raises DiptychError where there is none.
    """
    if is_address(place):
        return fetch(place)
    if place.is_dir():
        path = place / "model.safetensors"
        if not path.is_file():
            raise DiptychError(
                f"{place}: a folder without model.safetensors; give a run directory or a model file"
            )
        return path
    if not place.is_file():
        raise DiptychError(
            f"{place}: no such model; give a run directory, a .safetensors file or hf://user/name"
        )
    if place.suffix.lower() in OF_OTHERS:
        raise DiptychError(
            f"{place}: a checkpoint of another program; `diptych import {place} "
            f"{place.with_suffix('.safetensors').name}` makes a model of it"
        )
    return place
