"""The files of ONNX Runtime Web that a page needs: by npm, from a folder, or left to a CDN."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import DiptychError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
CDN = f"https://cdn.jsdelivr.net/npm/{PACKAGE}@{VERSION}/dist/"
LICENSE = """\
ONNX Runtime Web, MIT License. Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class RuntimeFile:
    """One file as it was published with that version."""

    name: str
    size: int  # in bytes
    sha256: str  # in base64, as browsers take it

    def facts(self, place: str) -> dict[str, object]:
        """Where below `place` a browser finds it, and how it knows that it is whole."""
        integrity = f"sha256-{self.sha256}"
        return {"url": place + self.name, "bytes": self.size, "integrity": integrity}

    def is_whole(self, content: bytes) -> bool:
        """Whether it is that file, bit for bit."""
        digest = hashlib.sha256(content).digest()
        return base64.b64encode(digest).decode() == self.sha256


# What runs the model, by where: on the processor in one thread, or on the graphics processor.
RUNTIMES = {
    "wasm": {
        "script": RuntimeFile(
            "ort.wasm.bundle.min.mjs", 73_054, "EeZL2P/hG9GiovDWJ1/fu7pyYvC3a5m1PSKKiiLvPZA="
        ),
        "wasm": RuntimeFile(
            "ort-wasm-simd-threaded.wasm",
            14_239_897,
            "M5jBDQfSKb2Rs2RUjhMODlGo5XBLiMfAg+u+t4hC3uI=",
        ),
    },
    "webgpu": {
        "script": RuntimeFile(
            "ort.jspi.bundle.min.mjs", 115_872, "B+wJA1XhGzQslUNttU2i0MK9Wx0xl0W/0zN+a9zxcKw="
        ),
        "wasm": RuntimeFile(
            "ort-wasm-simd-threaded.jspi.wasm",
            16_758_545,
            "pUx2+GsPDZVyOAzxxikqezkDcW/8vNaw5ccFC/Qw65M=",
        ),
    },
}
FILES = [file for runtime in RUNTIMES.values() for file in runtime.values()]


def find_runtime(folder: Path | None, cdn: bool) -> dict[str, bytes] | None:
    """From the folder, or by npm where none is given; None where browsers fetch it from a CDN."""
    if folder is not None and cdn:
        raise DiptychError("--runtime, --cdn: give one of them")
    if cdn:
        return None
    return runtime_from(folder) if folder is not None else runtime_by_npm()


def runtime_from(folder: Path) -> dict[str, bytes]:
    """The contents of `FILES` by name, from a folder that holds the package, or its `dist`.

    Raises DiptychError where one is missing or of another version.
    """
    for place in (folder, folder / "dist", folder / "node_modules" / PACKAGE / "dist"):
        if (place / FILES[0].name).is_file():
            break
    else:
        raise DiptychError(
            f"--runtime {folder}: no {FILES[0].name} there; unpack `npm pack {PACKAGE}@{VERSION}` "
            "and name its folder"
        )
    contents = {}
    for file in FILES:
        path = place / file.name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DiptychError(f"{path}: cannot be read: {error.strerror or error}") from None
        if not file.is_whole(content):
            raise DiptychError(f"{path}: not that of {PACKAGE} {VERSION}, or damaged")
        contents[file.name] = content
    return contents


def runtime_by_npm() -> dict[str, bytes]:
    """As `runtime_from`, of the package that npm fetches (33 MB) into a folder that goes again."""
    npm = shutil.which("npm")
    if npm is None:
        raise DiptychError(
            f"npm is not installed, which fetches {PACKAGE} for the page; --runtime FOLDER takes "
            f"the unpacked package of version {VERSION}, --cdn leaves it to a CDN"
        )
    with tempfile.TemporaryDirectory() as folder:
        fetched = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel=error"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if fetched.returncode or not archives:
            reason = next((line for line in fetched.stderr.splitlines() if line.strip()), "")
            raise DiptychError(
                f"npm pack {PACKAGE}@{VERSION}: {reason or 'left no archive'}; --runtime FOLDER "
                "takes the package unpacked, --cdn leaves it to a CDN"
            )
        return _unpacked(archives[0])


def _unpacked(archive: Path) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(archive) as members:
        names = set(members.getnames())
        for file in FILES:
            name = f"package/dist/{file.name}"
            member = members.extractfile(name) if name in names else None
            content = member.read(file.size + 1) if member is not None else b""
            if not file.is_whole(content):
                raise DiptychError(
                    f"npm pack {PACKAGE}@{VERSION}: its {file.name} is not the one published"
                )
            contents[file.name] = content
    return contents
