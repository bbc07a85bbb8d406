"""Sets of pairs that are made here: a folder appears whole or not at all, and is made once."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError


def make_once(
    folder: Path,
    kind: str,
    wanted: Mapping[str, Any],
    credit: str,
    write: Callable[[Path], Mapping[str, Any]],
) -> Path:
    """Fill `folder` by `write`, unless it holds that set already, and return it.

    `kind` names the file that lies in a whole set of this kind and in no other folder, `KIND.json`:
    it holds what was `wanted`, of which `kind` is a key, beside what `write` returns. Another set
    of the same kind is replaced. `credit` goes into CREDITS.txt. Raises DiptychError where the
    folder holds something else.
    """
    stamp_name = f"{kind}.json"
    old_stamp = _read_stamp(folder / stamp_name, kind)
    if old_stamp is not None and wanted.items() <= old_stamp.items():
        return folder
    if old_stamp is None and (folder.is_file() or (folder.is_dir() and any(folder.iterdir()))):
        raise DiptychError(
            f"{folder}: holds something other than the pairs of {kind} (no {stamp_name}); "
            "name a folder that is new or empty"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as aside:
        whole = Path(aside, "new")
        whole.mkdir()
        stamp = {**wanted, **write(whole)}
        (whole / stamp_name).write_text(json.dumps(stamp, indent=2, ensure_ascii=False), "utf-8")
        (whole / "CREDITS.txt").write_text(credit, "utf-8")
        if folder.exists():
            folder.rename(Path(aside, "old"))
        whole.rename(folder)
    return folder


def _read_stamp(file: Path, kind: str) -> dict[str, Any] | None:
    try:
        stamp = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) and kind in stamp else None
