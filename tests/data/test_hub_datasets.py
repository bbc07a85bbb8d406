"""Datasets from a hub: a small one on this machine, which the library asks in a process apart."""

import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

pytest.importorskip("datasets", reason="needs pip install 'diptych[hub]'")

COMMIT = "1" * 40
KEEP = """
import sys
from diptych.data.sources import at_hand
from diptych.errors import DiptychError
for location in sys.argv[1:]:
    try:
        print(at_hand(location))
    except DiptychError as error:
        print("error:", error)
"""


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), (value, value, value)).save(file, "PNG")
    return file.getvalue()


def write_parquet(path: Path, rows: list[dict]) -> None:
    """As the library writes it: the kinds of its columns stand beside the table."""
    kinds = {name: {"_type": "Image"} for name in rows[0]}
    about = {"huggingface": json.dumps({"info": {"features": kinds}})}
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([(name, cell) for name in rows[0]], about)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows, schema), path)


class Handler(BaseHTTPRequestHandler):
    """The datasets `USER/NAME` below `root`."""

    protocol_version = "HTTP/1.1"
    root: Path

    def log_message(self, *_) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        api = parts[0] == "api"
        user, name, *rest = [*parts[1 + api :], "", ""]
        folder = self.root / user / name
        inside = folder.joinpath(*rest[2:])
        if not name or not folder.is_dir():
            self.answer(404, X_Error_Code="RepoNotFound")
        elif api and rest[0] == "revision" and rest[1] != COMMIT:
            self.answer(404, X_Error_Code="RevisionNotFound")
        elif api and rest[0] == "tree":
            listed = [entry(path, folder) for path in inside.iterdir()]
            self.answer(200, json.dumps(listed).encode())
        elif api:
            said = {"id": f"{user}/{name}", "sha": COMMIT, "private": False, "tags": []}
            self.answer(200, json.dumps(said | {"siblings": []}).encode())
        elif inside.is_file():
            self.file(inside.read_bytes())
        else:
            self.answer(404, X_Error_Code="EntryNotFound")

    def file(self, body: bytes) -> None:
        told = {"ETag": f'"{len(body)}"', "X_Repo_Commit": COMMIT}
        if wanted := self.headers.get("Range"):
            first, last = map(int, wanted.removeprefix("bytes=").split("-"))
            said = f"bytes {first}-{last}/{len(body)}"
            self.answer(206, body[first : last + 1], Content_Range=said, **told)
        else:
            self.answer(200, body, **told)

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path):
    """The address of a server of the datasets `USER/NAME` below `tmp_path / "hub"`."""
    here = type("Here", (Handler,), {"root": tmp_path / "hub"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def entry(path: Path, folder: Path) -> dict:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "size": 0, "oid": "0"}
    return {"type": "file", "path": name, "size": path.stat().st_size, "oid": name}


@pytest.mark.slow
def test_datasets_of_a_hub_streamed_and_whole(hub, tmp_path):
    rows = [
        {f"image{side}": {"bytes": png(i + n), "path": None} for n, side in ((0, "A"), (50, "B"))}
        for i in range(6)
    ]
    data = tmp_path / "hub" / "user" / "pairs" / "data"
    write_parquet(data / "train-00000-of-00001.parquet", rows)
    write_parquet(data / "validation-00000-of-00001.parquet", rows[:2])
    odd = tmp_path / "hub" / "user" / "odd" / "data" / "train-00000-of-00001.parquet"
    write_parquet(odd, [{"photo": {"bytes": None, "path": "/etc/hostname"}}])
    done = subprocess.run(
        [
            *(sys.executable, "-c", KEEP),
            *("hf://user/pairs?stream=1&rows=3", "hf://user/pairs", "hf://user/pairs"),
            *("hf://user/odd?stream=1", "hf://user/none", "hf://user/pairs?revision=other"),
        ],
        env=os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    streamed, whole, again, outside, none, revision = done.stdout.splitlines()
    kept = [
        [json.loads(line) for line in Path(table).read_text().splitlines()]
        for table in (streamed, whole)
    ]
    for lines, counts in zip(kept, ((3, 2), (6, 2)), strict=True):
        assert [line["split"] for line in lines] == ["train"] * counts[0] + ["val"] * counts[1]
    for line in kept[1]:
        for value, side in ((0, "imageA"), (50, "imageB")):
            stored = Path(whole).parent / line[side]
            assert stored.read_bytes() == png(int(line["name"]) + value)
    assert again == whole
    assert outside == "error: hf://user/odd: /etc/hostname: lies outside of the dataset"
    assert none.startswith("error: hf://user/none: no such dataset on the hub")
    assert revision == "error: hf://user/pairs: has no revision 'other'"
