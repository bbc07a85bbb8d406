"""Strangers' pictures are decoded in a process of their own, under limits of memory and time.

Whatever a file does to the libraries that read it, it is done to that process: one that ends, or
takes too long, is replaced, and the request gets its answer. What comes back is numbers alone.
"""

import base64
import json
import os
import signal
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError, in_words_of
from diptych.images.arrays import read_array
from diptych.images.domain import Domain
from diptych.images.geo import geo_tags
from diptych.images.limits import VARIABLE, max_pixels
from diptych.images.opening import load_readers
from diptych.images.tiff_writing import Tag
from diptych.serving.spans import span
from diptych.spawning import spawning

SECONDS = 30.0  # for one picture; its limit of pixels is decoded in two or three
START_SECONDS = 60.0  # for the process to be there
# Bytes beside what the process is itself: a few copies of the largest picture, four bytes a pixel.
ROOM, ROOM_FOR_A_PIXEL = 2**29, 32
TRIES = 2  # an idle process may have been ended by others: the next one tells whose fault it is


class _EndedError(Exception):
    """The process is gone."""


class Decoder:
    """The process, which starts with the first picture, or with `start`.

    A picture may take so many `seconds`, and bytes of memory: 0 as the limit of pixels has it.
    """

    def __init__(self, seconds: float = SECONDS, room: int = 0) -> None:
        self.seconds, self.room = seconds, room
        self.process: BaseProcess | None = None
        self._line: Connection | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Have the process, without waiting for it."""
        with self._lock:
            self._started()

    def wait(self) -> None:
        """Wait until it is there, so that no request has to."""
        with self._lock:
            self._started().poll(START_SECONDS)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def read(self, path: Path, domain: Domain) -> np.ndarray:
        """The picture in a file as `read_array` gives it, by way of a file beside it.

        Raises DiptychError as that does, and where it takes too long, or more than a picture may.
        """
        with span("decode"), tempfile.TemporaryDirectory(dir=path.parent) as folder:
            place = Path(folder) / "picture.npy"
            self._ask(path, {"domain": domain.model_dump(mode="json"), "place": str(place)})
            with place.open("rb") as file:
                array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        return array

    def geo_tags(self, path: Path, size: tuple[int, int]) -> list[Tag]:
        """The tags that `geo.geo_tags` finds; raises DiptychError as `read`."""
        tags = self._ask(path, {"size": size})
        return [(*tag[:3], _from_json(tag[3]), tag[4]) for tag in tags]

    def _ask(self, path: Path, question: dict[str, Any]) -> Any:
        asked = json.dumps({"path": os.fspath(path), "most": max_pixels(), **question}).encode()
        with self._lock:
            for _ in range(TRIES):
                try:
                    answer = json.loads(self._answered(path, asked))
                except _EndedError:
                    self._end()
                    continue
                if "error" in answer:
                    raise DiptychError(answer["error"])
                return answer["told"]
        raise DiptychError(f"{path}: cannot be read: damaged, or it takes more than a picture may")

    def _answered(self, path: Path, asked: bytes) -> bytes:
        line = self._started()
        try:
            if not line.poll(START_SECONDS):  # it says so when it is there
                raise _EndedError
            line.recv_bytes()
            line.send_bytes(asked)
            if not line.poll(self.seconds):
                self._end()
                raise DiptychError(f"{path}: takes longer than {self.seconds:g} seconds to read")
            return line.recv_bytes()
        except (EOFError, OSError):
            raise _EndedError from None

    def _started(self) -> Connection:
        if self._line is None or self.process is None or not self.process.is_alive():
            self._end()
            room = self.room or ROOM + ROOM_FOR_A_PIXEL * max_pixels()
            with spawning() as context:
                self._line, its = context.Pipe()
                self.process = context.Process(target=_decode, args=(its, room), daemon=True)
                self.process.start()
            its.close()
        return self._line

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
        if self._line is not None:
            self._line.close()
        self.process = self._line = None


def _decode(line: Connection, room: int) -> None:
    """What the process does, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is answered by who started it
    os.environ["TIFFFILE_NUM_THREADS"] = "1"  # each thread would take room of its own
    _limit_memory(room)
    try:
        while True:
            line.send_bytes(b"ready")
            line.send_bytes(json.dumps(_answer(json.loads(line.recv_bytes()))).encode())
    except (EOFError, OSError):
        return


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    path = Path(question["path"])
    os.environ[VARIABLE] = str(question["most"])
    try:
        if "size" in question:
            tags = geo_tags(path, tuple(question["size"]))
            return {"told": [(*tag[:3], _to_json(tag[3]), tag[4]) for tag in tags]}
        values = read_array(path, Domain.model_validate(question["domain"]))
        with Path(question["place"]).open("xb") as place:  # in a folder that waits for it
            np.save(place, values, allow_pickle=False)
    except MemoryError:
        return {"error": f"{path}: takes more memory than a picture may"}
    except Exception as error:
        words = in_words_of(error)
        return {"error": words if str(path) in words else f"{path}: {words}"}
    return {"told": None}


def _limit_memory(room: int) -> None:
    """So much more than what reads takes itself, where the system tells that."""
    load_readers()
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (ImportError, OSError):
        return
    most = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _to_json(value: Sequence[float] | bytes) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else list(value)


def _from_json(value: Any) -> tuple[float, ...] | bytes:
    return base64.b64decode(value) if isinstance(value, str) else tuple(value)
