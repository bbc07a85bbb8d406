import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.translation.looks import translator_with_looks

from diptych.model_file import Dataset, Domain, Header, Network, TestTime, write_model
from diptych.networks import build_generator

OPTIONS = {"base_channels": 4, "levels": 5}


def make_model(path: Path, source: str = "drawing", **options) -> Path:
    torch.manual_seed(0)
    header = Header(
        generator=Network(name="unet", options=OPTIONS | options),
        size_multiple=32,
        crop_size=(32, 32),
        source=Domain(name=source),
        target=Domain(name="colour"),
        test=TestTime(),
        dataset=Dataset(fingerprint="", pairs={"train": 1785}),
        recipe={"data": {"fit": "resize"}},
        step=608,
    )
    write_model(path, build_generator("unet", **header.generator.options).state_dict(), header)
    return path


def model_with_looks(path: Path) -> Path:
    made = translator_with_looks()
    write_model(path, made.generator.state_dict(), made.header)
    return path


@pytest.fixture(scope="session")
def model_files(tmp_path_factory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("models")
    return (
        make_model(folder / "emoji.safetensors"),
        make_model(folder / "plain.safetensors", source="labels", dropout=0.0),
        model_with_looks(folder / "shoes.safetensors"),
    )


@pytest.fixture
def picture(tmp_path) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    path = tmp_path / "drawing.png"
    Image.fromarray(values).save(path)
    return path


@dataclass
class Server:
    url: str
    models: dict
    folder: Path

    def post(self, path: str, content, **given):
        return self._ask("POST", path, content=content, **given)

    def get(self, path: str, **given):
        return self._ask("GET", path, **given)

    def _ask(self, method: str, path: str, **given):
        import httpx

        return httpx.request(method, self.url + path, timeout=30, **given)


@pytest.fixture(scope="module")
def serving(model_files, tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """Start servers of the two models, with settings; until the tests of a module are done."""
    pytest.importorskip("fastapi", reason="needs pip install 'diptych[serve]'")
    import uvicorn

    from diptych.serving.connections import Connection
    from diptych.serving.models import load_models
    from diptych.serving.server import Settings, make_server

    started = []

    def start(**settings) -> Server:
        models = load_models([str(path) for path in model_files], device="cpu", threads=1)
        folder = tmp_path_factory.mktemp("served")
        app = make_server(models, Settings(**settings))
        place = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, http=Connection, ws="none", log_level="error", access_log=False,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        started.append((server, thread, place))
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        return Server(f"http://127.0.0.1:{place.getsockname()[1]}", models, folder)

    yield start
    for server, thread, place in started:
        server.should_exit = True
        thread.join()
        place.close()


@pytest.fixture(scope="module")
def server(serving) -> Server:
    return serving(waiting=2, seconds=20, upload=1_000_000)
