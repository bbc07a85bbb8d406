"""One training at a time in a run directory, whichever machines can reach it."""

import contextlib
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError
from diptych.tensor_file import in_words
from diptych.whole_file import cannot_be_written

BEAT = 10.0  # seconds between two signs of life
PATIENCE = 4  # beats after which an owner that gave none is dead
_closed: set[str] = set()  # tokens of this process: the files stay where a disk is read-only


class Lock:
    """A file that says who trains, and gives a sign of life now and then.

    Whether the owner lives is seen at once on its own machine, by its process. From elsewhere, as
    in the container of a job that was queued again, its signs of life are waited for. No clock
    counts, for clocks differ and jump.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._me = _myself(path) | {"token": secrets.token_hex(8)}
        self._file: FileIO | None = None
        self._released = threading.Event()

    @property
    def held(self) -> bool:
        """Whether it was taken here."""
        return self._file is not None and not self._file.closed

    def take(self, note: Callable[[str], object] = lambda _: None) -> None:
        """Become the owner; `note` hears where that takes a while.

        Raises DiptychError where another training lives that has it, or where it cannot be written.
        """
        while not self._create():
            seen = self._read()
            alive = _alive(seen, self._me)
            if alive is None:
                alive = self._gives_a_sign(seen, note)
            if alive:
                owner = _owner(self._read() or seen)
                raise DiptychError(
                    f"{self.path.parent}: {_words(owner)} trains in it; wait for that, or stop it "
                    f"(where there is no such training, remove {self.path})"
                )
            self._remove(seen)
        threading.Thread(target=self._beat, name="lock", daemon=True).start()

    def check(self) -> None:
        """Raise DiptychError where it was lost: another took over, or the directory has gone.

        What takes over believed this process dead, which slept too long perhaps.
        """
        owner = _owner(self._read())
        if not owner and not self.path.exists():
            if not self.path.parent.is_dir():
                raise DiptychError(f"{self.path.parent}: has gone while it was trained in")
            self._create()  # somebody removed the file alone
            owner = _owner(self._read())
        if owner and owner.get("token") != self._me["token"]:
            raise DiptychError(
                f"{self.path.parent}: {_words(owner)} has taken over; this training ends"
            )

    def close(self) -> None:
        """Let others have it."""
        self._released.set()
        if self._file is None:
            return
        _closed.add(self._me["token"])
        with contextlib.suppress(OSError):
            self._file.close()
            if _owner(self._read()).get("token") == self._me["token"]:
                self.path.unlink()

    def _create(self) -> bool:
        """Whether there was none, and is one now."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("xb", buffering=0)
            file.write(json.dumps(self._me).encode() + b"\n")
        except FileExistsError:
            return False
        except OSError as error:
            raise cannot_be_written(self.path, error) from error
        if self._file is not None:
            self._file.close()
        self._file = file
        return True

    def _beat(self) -> None:
        """Into the file that was made here, whatever has come of its name."""
        count = 0
        while self._file is not None and not self._released.wait(BEAT):
            count += 1
            line = json.dumps(self._me | {"sign": count}).encode() + b"\n"
            with contextlib.suppress(OSError, ValueError):  # a disk that is full; just closed
                self._file.seek(0)
                self._file.write(line)
                os.fsync(self._file.fileno())  # or another machine would not see it

    def _read(self) -> str:
        try:
            return self.path.read_text("utf-8", "replace")
        except OSError:
            return ""

    def _gives_a_sign(self, seen: str, note: Callable[[str], object]) -> bool:
        """Whether the file changes while it is watched; no where it goes."""
        if not seen and not self.path.exists():
            return False
        seconds = BEAT * PATIENCE
        note(
            f"{self.path.parent}: {_words(_owner(seen))} trained in it; waiting {seconds:.0f} s "
            "for a sign of life"
        )
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(BEAT / 5)
            now = self._read()
            if now != seen:
                return bool(now)
        return False

    def _remove(self, seen: str) -> None:
        """Remove the lock of a dead owner; where another just did, and has its own, leave that."""
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            self.path.rename(aside)
            if aside.read_text("utf-8", "replace") != seen and not self.path.exists():
                aside.rename(self.path)
            else:
                aside.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DiptychError(
                f"{self.path}: of a training that ended; cannot be removed: "
                f"{error.strerror or error}"
            ) from error


def _myself(path: Path) -> dict[str, Any]:
    """What tells this process from all others."""
    return {
        "host": platform.node(),
        "machine": f"{_text('/proc/sys/kernel/random/boot_id')} {_link('/proc/self/ns/pid')}",
        "process": os.getpid(),
        "started": _started(os.getpid()),
        "place": os.path.realpath(path),
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
    }


def _alive(seen: str, me: dict[str, Any]) -> bool | None:
    """Whether the owner's process runs; None where that cannot be seen from here.

    A copy of a run directory holds the lock of the original.
    """
    owner = _owner(seen)
    if not owner or any(owner.get(key) != me[key] for key in ("host", "machine", "place")):
        return None
    if owner.get("token") in _closed:
        return False
    if me["started"] is None:
        return None
    return _started(owner.get("process")) == owner.get("started")


def _started(process: object) -> str | None:
    """When a process began, as its machine counts; None where there is none, or it is dead."""
    words = _text(f"/proc/{in_words(process)}/stat").rpartition(")")[2].split()
    return words[19] if len(words) > 19 and words[0] not in "ZX" else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _owner(seen: str) -> dict[str, Any]:
    """Empty where it cannot be told."""
    try:
        owner = json.loads(seen.partition("\n")[0])
    except (ValueError, RecursionError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _words(owner: dict[str, Any]) -> str:
    if not owner:
        return "another process"
    process, host, since = (in_words(owner.get(key)) for key in ("process", "host", "since"))
    return f"process {process} on {host} (since {since})"
