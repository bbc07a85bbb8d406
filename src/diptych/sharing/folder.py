"""What a model's repository holds, as files in a folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from diptych.model_file import Header, read_header
from diptych.translation.translator import load
from diptych.whole_file import whole_file


def read_any_header(path: Path) -> Header:
    """The header of a model file, or of an exported `.onnx` file; raises DiptychError as `load`."""
    return load(path).header if path.suffix.lower() == ".onnx" else read_header(path)


def write_folder(folder: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write files, or copy them, under their names; what else lies in the folder stays."""
    for name, content in files.items():
        with whole_file(folder / name) as aside:
            if isinstance(content, bytes):
                aside.write_bytes(content)
            else:
                shutil.copyfile(content, aside)
