"""What a model's repository holds, as files in a folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from diptych.whole_file import whole_file


def write_folder(folder: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write files, or copy them, under their names; what else lies in the folder stays."""
    for name, content in files.items():
        with whole_file(folder / name) as aside:
            if isinstance(content, bytes):
                aside.write_bytes(content)
            else:
                shutil.copyfile(content, aside)
