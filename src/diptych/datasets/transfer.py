"""One file over HTTP: continued where it broke off, and whole under its name or not there."""

import hashlib
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from diptych.errors import DiptychError
from diptych.version import __version__

_CHUNK = 2**20
_TIMEOUT = 30  # seconds without a byte
_TRIES = 5  # in a row that bring nothing new
_PAUSE = 2.0  # seconds before another such try, times their number

Progress = Callable[[int, int], object]  # bytes so far, and in total: 0 where nobody tells


class UnavailableError(DiptychError):
    """The server cannot be reached, or does not give the file, for this `reason`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class _DroppedError(Exception):
    """The connection was not made, or broke."""


def download(url: str, path: Path, on_progress: Progress | None = None, sha256: str = "") -> None:
    """Download `url` to `path`.

    What has come lies in `path.part` until it is whole. After a broken connection, in this call
    or a later one, only the rest is asked for, provided that the server's ETag or date of change
    says that it is still the same file; otherwise it begins anew.

    `sha256`: hex digits that the file's SHA-256 begins with, where they are published.

    Raises:
        UnavailableError: the server cannot be reached, does not have the file, or the connection
            breaks again and again.
        DiptychError: the address is not of http or https, the file is not the published one, or it
            cannot be written, as on a full disk or over a `path.part` of somebody else.
    """
    if not url.startswith(("http://", "https://")):
        raise DiptychError(f"{url}: not an address that starts with http:// or https://")
    part = path.with_name(f"{path.name}.part")
    try:
        if _size(part) and not _stamp(part).exists():
            raise DiptychError(f"{part}: does not come from this program; move it away")
        _fetch(url, part, on_progress or (lambda *_: None))
        if sha256 and not sha256_of(part).startswith(sha256):
            part.unlink()
            _stamp(part).unlink(missing_ok=True)
            raise DiptychError(f"{url}: the download is damaged (its checksum differs); try again")
        part.replace(path)
        _stamp(part).unlink(missing_ok=True)
    except OSError as error:
        raise DiptychError(
            f"{part}: cannot be written: {error.strerror or error}; make room or name another "
            "folder, the same again goes on"
        ) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, part: Path, on_progress: Progress) -> None:
    """Bring `part` to the whole, over as many connections as that takes."""
    furthest = start = _size(part)
    idle = 0
    while True:
        try:
            return _fetch_rest(url, part, on_progress)
        except _DroppedError as drop:
            reached = _size(part)
            idle = 0 if reached > furthest else idle + 1
            furthest = max(furthest, reached)
            # A server that never gave anything is not asked again and again.
            if idle == _TRIES or furthest == start:
                kept = "; what came is kept, the same again goes on" if reached else ""
                reason = f"{drop}{kept}"
                raise UnavailableError(f"{url}: cannot be downloaded: {reason}", reason) from drop
            time.sleep(idle * _PAUSE)


def _fetch_rest(url: str, part: Path, on_progress: Progress) -> None:
    """Bring `part` from what it holds to the whole; raises _DroppedError where it stays short."""
    begun, validator = _begun(url, part)
    headers = {"User-Agent": f"diptych/{__version__}"}
    if begun:
        headers |= {"Range": f"bytes={begun}-", "If-Range": validator}
    reply = _ask(url, headers, part, begun)
    if reply is None:
        return
    with reply:
        if reply.status == HTTPStatus.PARTIAL_CONTENT:
            first, total = _range(reply.headers)
            if first != begun:
                part.unlink()
                raise _DroppedError("the server answered with another part than it was asked for")
        else:
            begun, total = 0, reply.length or 0
        done = begun
        with part.open("ab" if begun else "wb") as file:
            if not begun:
                _remember(url, part, reply.headers)
            while chunk := _read(reply):
                file.write(chunk)
                done += len(chunk)
                on_progress(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total and done != total:
        raise _DroppedError(f"the connection broke at {done:,} of {total:,} bytes")


def _ask(url: str, headers: dict[str, str], part: Path, begun: int) -> HTTPResponse | None:
    """The server's answer; None where it says that there is no more than has begun."""
    try:  # S310: download takes http and https only
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        reply: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if not begun or error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            reason = f"the server says {error.code} {error.reason}"
            raise UnavailableError(f"{url}: {reason}", reason) from error
        if _range(error.headers) == (None, begun):
            return None
        part.unlink()
        raise _DroppedError("what had come is no part of the server's file") from error
    except (OSError, HTTPException, ValueError) as error:  # of addresses that are none, the last
        raise _DroppedError(str(getattr(error, "reason", error))) from error
    return reply


def _read(reply: HTTPResponse) -> bytes:
    # Apart from the writing, whose errors are the disk's.
    try:
        return reply.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"the connection broke: {error}") from error


def _range(headers: Message) -> tuple[int | None, int]:
    """The first byte and the total of `Content-Range: bytes 5-9/10`, or None of `bytes */10`."""
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", headers.get("Content-Range", ""))
    if not match:
        return None, 0
    return (int(match[1]) if match[1] else None), int(match[2])


def _stamp(part: Path) -> Path:
    """The file beside `part` that says of what it is a part."""
    return part.with_name(f"{part.name}.json")


def _remember(url: str, part: Path, headers: Message) -> None:
    # A weak ETag (W/...) does not promise the same bytes, and may not be asked with.
    validator = headers.get("ETag", "")
    if not validator.startswith('"'):
        validator = headers.get("Last-Modified", "")
    _stamp(part).write_text(json.dumps({"url": url, "validator": validator}), "utf-8")


def _begun(url: str, part: Path) -> tuple[int, str]:
    """How many bytes of this file are here, and by what the server knows it; else 0."""
    try:
        stamp = json.loads(_stamp(part).read_text("utf-8"))
        validator = str(stamp["validator"]) if stamp["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        validator = ""
    return (_size(part), validator) if validator else (0, "")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
