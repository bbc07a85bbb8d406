"""A model's files, as a repository holds them: in a folder, or on the hub as one commit."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from diptych.datasets.hub_client import Address, hub_library, quietly
from diptych.errors import DiptychError, reason_of
from diptych.version import __version__
from diptych.whole_file import whole_file


def write_folder(folder: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write files, or copy them, under their names; what else lies in the folder stays."""
    for name, content in files.items():
        with whole_file(folder / name) as aside:
            if isinstance(content, bytes):
                aside.write_bytes(content)
            else:
                shutil.copyfile(content, aside)


def push_files(
    address: Address, files: Mapping[str, Path | bytes], message: str, private: bool = False
) -> str:
    """Upload `files`, by their names there, as one commit; gives the address of its page.

    The repository is made where there is none. Raises DiptychError where the hub cannot be reached
    or does not take them.
    """
    hub = hub_library(address)
    with quietly():
        try:
            if hub.get_token() is None:
                raise DiptychError(
                    f"{address}: the hub asks who pushes: `hf auth login`, or set HF_TOKEN to a "
                    "token that may write"
                )
            api = hub.HfApi(library_name="diptych", library_version=__version__)
            page = api.create_repo(address.name, private=private or None, exist_ok=True)
            operations = [hub.CommitOperationAdd(name, path) for name, path in files.items()]
            api.create_commit(address.name, operations, commit_message=message)
        except DiptychError:
            raise
        except Exception as error:
            if getattr(getattr(error, "response", None), "status_code", None) in {401, 403}:
                raise DiptychError(
                    f"{address}: the hub refuses: this token may not write there; "
                    "`hf auth whoami` says whose it is"
                ) from error
            raise DiptychError(f"{address}: cannot be pushed: {reason_of(error)}") from error
    return str(page)
