"""Models on the hub: `hf://user/name`, or `hf://user/name@revision`, fetched.

A model there is a repository of plain files. Of these one is fetched, the model file, into the
cache of the hub's library; nothing else is read, and nothing is executed.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError, optional, reason_of
from diptych.version import __version__

PREFIX = "hf://"
FILES = ("model.safetensors", "model.onnx")  # the first that a repository has is the model
_TIMEOUT = 10  # seconds that the hub gets to answer


@dataclass(frozen=True)
class Address:
    """A repository on the hub, `name` being `user/name`; no revision means the main branch."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}" + (f"@{self.revision}" if self.revision else "")


def is_address(place: str | Path) -> bool:
    """Whether a model is meant by its address; as a path `hf://user/name` is `hf:/user/name`."""
    return Path(place).parts[:1] == ("hf:",)


def parse_address(place: str | Path) -> Address:
    """The repository of an address; raises DiptychError where it is none."""
    name, at, revision = "/".join(Path(place).parts[1:]).partition("@")
    if (
        not is_address(place)
        or not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name, re.ASCII)
        or bool(at) != bool(revision)
    ):
        raise DiptychError(f"{place}: give hf://user/name, or hf://user/name@revision")
    return Address(name, revision or None)


def fetch(place: str | Path) -> Path:
    """The model file of an address, in the cache of the hub's library.

    Where the hub cannot be reached, the copy that is there. Raises DiptychError where there is
    none, or where the hub has no such model or does not give it.
    """
    address = parse_address(place)
    hub = hub_library(address)
    reason = "HF_HUB_OFFLINE forbids to ask"
    with quietly():
        if not hub.is_offline_mode():
            try:
                return _download(hub, address)
            except DiptychError:
                raise
            except Exception as error:  # of many types: the network's, the server's, the disk's
                reason = reason_of(error)
        for file in FILES:
            with suppress(hub.errors.LocalEntryNotFoundError):
                copy = hub.hf_hub_download(
                    address.name, file, revision=address.revision, local_files_only=True
                )
                return Path(copy)
    raise DiptychError(f"{address}: cannot be fetched, and no copy is kept here: {reason}")


def _download(hub: Any, address: Address) -> Path:
    # Asked once, and before the download, which would ask an absent hub for half a minute.
    try:
        info = hub.HfApi().model_info(address.name, revision=address.revision, timeout=_TIMEOUT)
    except hub.errors.GatedRepoError as error:
        raise DiptychError(f"{address}: its author gives it on request: ask on its page") from error
    except hub.errors.RevisionNotFoundError as error:
        raise DiptychError(f"{address}: the model has no such revision") from error
    except hub.errors.RepositoryNotFoundError as error:
        raise DiptychError(
            f"{address}: no such model, or a private one, which needs `hf auth login`"
        ) from error
    files = {sibling.rfilename for sibling in info.siblings or ()}
    file = next((name for name in FILES if name in files), None)
    if file is None:
        raise DiptychError(f"{address}: no model of this program: has no {' or '.join(FILES)}")
    return Path(
        hub.hf_hub_download(
            address.name,
            file,
            revision=address.revision,
            library_name="diptych",
            library_version=__version__,
        )
    )


def hub_library(address: Address) -> Any:
    """The hub's library, imported; raises DiptychError where it is missing."""
    needs = f"{address}: needs the hub's library: pip install 'diptych[hub]'"
    return optional("huggingface_hub", needs)


@contextmanager
def quietly() -> Iterator[None]:
    """Without the lines that the hub's library logs of each attempt."""
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
