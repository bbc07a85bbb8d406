"""A server under siege: honest clients get their pictures, whatever others do; then it stops clean.

Some seconds by default; `make torture` has ten minutes, by DIPTYCH_SIEGE.
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.images.crafted import npy_header, tiled, zipped
from tests.serving.test_api import huge_png

pytest.importorskip("fastapi", reason="needs pip install 'diptych[serve]'")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by Linux's way")

SECONDS = float(os.environ.get("DIPTYCH_SIEGE", "4"))
WHOLE = SECONDS > 60
CLIENTS = 64 if WHOLE else 8
PATIENCE = 60.0  # seconds for one answer
ASK = "/translate/plain"  # a model without noise


@dataclass
class Siege:
    """Where all attack, until when, and what came of it."""

    place: tuple[str, int]
    process: int
    until: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    counts: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)  # of honest clients, from asking to the end
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def connected(self) -> socket.socket:
        return socket.create_connection(self.place, timeout=PATIENCE)

    def asked(self, path: str, body: bytes | None) -> tuple[int, bytes, str | None]:
        """Status and body of the answer, and when to try again."""
        connection = http.client.HTTPConnection(*self.place, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET" if body is None else "POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers["retry-after"]


def honest(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Sends a picture, waits for it, and compares; tries again where it is told to."""
    chance = random.Random(number)
    while siege.goes_on():
        source, expected = chance.choice(pictures)
        begun = time.monotonic()
        try:
            status, body, again = siege.asked(ASK, source)
            while status == 503 and again is not None and time.monotonic() - begun < PATIENCE:
                siege.count("honest: told to come again")
                time.sleep(chance.uniform(0.2, 1.0))  # sooner than told
                status, body, again = siege.asked(ASK, source)
        except (OSError, http.client.HTTPException) as error:
            siege.wrong.append(f"{type(error).__name__}: {error}")
            continue
        if status == 200 and body == expected:
            siege.count("honest: answered")
            siege.waits.append(time.monotonic() - begun)
        else:
            siege.wrong.append(f"{status}: {body[:200]!r}")
        time.sleep(chance.uniform(1, 5) if WHOLE else 0.1)


HEAD = "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n"


def slow(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Sends a byte now and then."""
    while siege.goes_on():
        with contextlib.suppress(OSError), siege.connected() as one:
            siege.count("hostile: slow")
            one.sendall(HEAD.format(ASK, 1_000_000).encode())
            while siege.goes_on():
                one.sendall(b"x")
                time.sleep(0.5)


def silent(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Opens a hundred connections, and says nothing."""
    while siege.goes_on():
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for _ in range(100):
                stack.enter_context(siege.connected())
                siege.count("hostile: silent")
            time.sleep(min(5.0, SECONDS / 4))


def flood(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Asks for many things at once, and takes no answer."""
    asked = 200 * b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    while siege.goes_on():
        with contextlib.suppress(OSError), siege.connected() as one:
            siege.count("hostile: floods")
            one.sendall(asked + bytes(2000))
            time.sleep(0.2)


def half(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Begins to send a picture, or a form, and goes."""
    form = HEAD.format("/batch/plain", 900_000).replace(
        "\r\n\r\n", "\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="p"; filename="a.png"\r\n\r\n',
    )  # fmt: skip
    while siege.goes_on():
        for head in (HEAD.format(ASK, 900_000), form):
            with contextlib.suppress(OSError), siege.connected() as one:
                siege.count("hostile: half uploads")
                one.sendall(head.encode() + bytes(400_000))
        time.sleep(0.3)


def bombs() -> list[bytes]:
    """Small files that would be large."""
    header = npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (60000, 60000)}")
    return [
        huge_png(),
        header,
        zipped({"a.npy": npy_header("", 50_000_000)}),
        tiled((16384, 32768), bytes(100), {}),
        b"P2 12000 12000 255\n" + b"1 " * 1000,
        b"no picture",
        b"",
    ]


def bomb(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Sends what is no picture, or would be a large one; it is refused, or it is not its turn."""
    chance, files = random.Random(number), bombs()
    while siege.goes_on():
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, body, _ = siege.asked(ASK, chance.choice(files))
            siege.count("hostile: bombs")
            if status not in {400, 503, 504}:
                siege.wrong.append(f"a bomb: {status}: {body[:200]!r}")
        time.sleep(chance.uniform(0.5, 2))


def kill(siege: Siege, number: int, pictures: list[tuple[bytes, bytes]]) -> None:
    """Kills the process that decodes, now and then; not twice for one file, or that is to blame."""
    chance, answered = random.Random(number), 0
    while siege.goes_on():
        time.sleep(chance.uniform(10, 25) if WHOLE else 0.5)
        if siege.counts["honest: answered"] < answered + CLIENTS:
            continue
        for child in decoders(siege.process)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                siege.count("kills of the decoding process")
        answered = siege.counts["honest: answered"]


def decoders(process: int) -> list[int]:
    """Its children that decode, whichever of its threads started them."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text("ascii").split()]
    return [child for child in children if "spawn_main" in _command(child)]


def _command(process: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace")
    return ""


def megabytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) // 1024


def files_open(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


@contextlib.contextmanager
def served(model: Path, aside: Path) -> Iterator[tuple[subprocess.Popen, tuple[str, int]]]:
    aside.mkdir()
    command = ["-m", "diptych", "serve", f"plain={model}", "--port", "0", "--threads", "1"]
    environment = os.environ | {"TMPDIR": str(aside), "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, *command, "--max-upload", "1MB"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert server.stdout.readline() == "plain: labels → colour\n"
        address = server.stdout.readline().split()[0]
        host, port = address.removeprefix("http://").split(":")
        yield server, (host, int(port))
    finally:
        server.kill()
        server.communicate()


@linux
def test_under_siege(model_files, tmp_path, capsys):
    aside, random_ = tmp_path / "aside", np.random.default_rng(0)
    files = []
    for i in range(6):
        picture = random_.integers(0, 256, (40 + 8 * i, 48, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
        files.append((tmp_path / f"{i}.png").read_bytes())
    with served(model_files[1], aside) as (server, place):
        siege = Siege(place, server.pid)
        pictures = [(file, siege.asked(ASK, file)[1]) for file in files]
        assert all(result.startswith(b"\x89PNG") for _, result in pictures)
        before, files_before = megabytes(server.pid), files_open(server.pid)
        roles: list[Callable] = CLIENTS * [honest]
        roles += (8 if WHOLE else 1) * [slow, flood, half, bomb] + (4 if WHOLE else 1) * [silent]
        siege.until = time.monotonic() + SECONDS
        clients = [
            threading.Thread(target=role, args=(siege, number, pictures), daemon=True)
            for number, role in enumerate([*roles, kill])
        ]
        for client in clients:
            client.start()
        memory = []
        while siege.goes_on():
            memory.append(megabytes(server.pid))
            time.sleep(min(5.0, SECONDS / 4))
        for client in clients:
            client.join(2 * PATIENCE)
            assert not client.is_alive()
        assert siege.asked(ASK, files[0])[1] == pictures[0][1], "and it is as it was"
        health = json.loads(siege.asked("/health", None)[1])
        after, files_after = megabytes(server.pid), files_open(server.pid)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        errors = server.stderr.read()
    waits = sorted(siege.waits)
    told = (
        f"{SECONDS:.0f} s, {CLIENTS} honest clients: {dict(sorted(siege.counts.items()))}; "
        f"median {statistics.median(waits):.2f} s, 95 % within "
        f"{waits[int(0.95 * len(waits))]:.2f} s, longest {waits[-1]:.2f} s; memory {before} MB "
        f"before, {max(memory)} at most, {after} after; files open {files_before} before, "
        f"{files_after} after"
    )
    with capsys.disabled() if WHOLE else contextlib.nullcontext():
        print(f"\n{told}")  # noqa: T201
    assert siege.wrong == []
    assert len(waits) > SECONDS
    assert siege.counts["kills of the decoding process"] > 0
    assert health["in_line"] == 0
    assert after < before + 150, "its memory is level"
    assert files_after < files_before + 40
    assert list(aside.glob("diptych-*")) == []
    assert "Traceback" not in errors, errors[-3000:]
