"""A hub on this machine: what its library asks for, answered from memory."""

import base64
import hashlib
import importlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from diptych.config import load_recipe
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network, TestTime, write_model
from diptych.networks import build_generator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of_a_test"  # noqa: S105


@dataclass
class Hub:
    """The files of each repository, and what was asked for."""

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def hub() -> Iterator[Hub]:  # noqa: C901 - a server's answers
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def reply(self, content: object) -> None:
            self.answer(200, json.dumps(content).encode(), Content_Type="application/json")

        def do_GET(self) -> None:
            state.asked.append(f"{self.command} {self.path}")
            parts = self.path.split("?")[0].strip("/").split("/")
            name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
            if name not in state.files:
                self.answer(404, X_Error_Code="RepoNotFound")
            elif parts[0] == "api" and parts[4:] not in ([], ["revision", "v1"]):
                self.answer(404, X_Error_Code="RevisionNotFound")
            elif parts[0] == "api":
                siblings = [{"rfilename": file} for file in state.files[name]]
                self.reply({"id": name, "sha": COMMIT, "siblings": siblings})
            else:
                content = state.files[name][parts[-1]]
                etag = f'"{hashlib.sha256(content).hexdigest()}"'
                self.answer(200, content, ETag=etag, X_Repo_Commit=COMMIT)

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            state.asked.append(f"{self.command} {self.path}")
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(401, b'{"error": "Invalid username or password."}')
            elif self.path.endswith("/repos/create"):
                given = json.loads(content)
                name = f"{given['organization']}/{given['name']}"
                if given["organization"] != "me":
                    self.answer(403, b'{"error": "You may not."}')
                    return
                state.files.setdefault(name, {})
                state.private[name] = "private" in (given.get("visibility"), *given)
                self.reply({"url": f"{state.address}/{name}", "name": name})
            elif "/preupload/" in self.path:
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(content)["files"]
                ]
                self.reply({"files": files})
            elif "/commit/" in self.path:
                name = "/".join(self.path.split("/")[3:5])
                for line in map(json.loads, content.splitlines()):
                    if line["key"] == "file":
                        value = line["value"]
                        state.files[name][value["path"]] = base64.b64decode(value["content"])
                url = f"{state.address}/{name}/commit/{COMMIT}"
                self.reply({"commitUrl": url, "commitOid": COMMIT, "success": True})
            else:  # of the card's front matter
                self.reply({"warnings": [], "errors": []})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run, monkeypatch, tmp_path) -> Run:
    """Run a command whose hub is at an address; `token` and `offline` as a person would set them.

    The library reads its settings once, when it is imported, so that they are set there.
    """
    pytest.importorskip("huggingface_hub", reason="needs diptych[hub]")
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))

    def command(
        address: str, *words: object, token: str = "", offline: bool = False
    ) -> tuple[int, str, str]:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        monkeypatch.setenv("HF_TOKEN", token)
        return run(*words)

    return command


@pytest.fixture
def header() -> Header:
    """Of a model of the facades, from labels to photos."""
    options = {"base_channels": 4, "in_channels": 3, "out_channels": 3, "levels": 5}
    return Header(
        generator=Network(name="unet", options=options),
        size_multiple=32,
        crop_size=(32, 32),
        source=plain("labels"),
        target=plain("photo"),
        test=TestTime(),
        dataset=Dataset(fingerprint="0" * 16, pairs={"train": 10, "val": 1, "test": 1}),
        recipe=load_recipe("facades", ["data.load_size=32", "data.crop_size=32"]).model_dump(
            mode="json", exclude_none=True
        ),
        step=1234,
        seconds=100,
        scores={"l1": 0.1234, "ssim": 0.5},
    )


@pytest.fixture
def model(tmp_path, header) -> Path:
    """An untrained model in a run directory."""
    torch.manual_seed(0)
    generator = build_generator(header.generator.name, **header.generator.options)
    write_model(tmp_path / "run" / "model.safetensors", generator.state_dict(), header)
    return tmp_path / "run"
