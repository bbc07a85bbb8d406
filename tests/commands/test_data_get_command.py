"""`diptych data list` and `get`, as a person runs them."""

import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from diptych.commands.app import data_app
from diptych.datasets.catalogue import CATALOGUE
from diptych.datasets.embedded import EMBEDDED
from diptych.errors import DiptychError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """The address of a folder with a small archive of facades."""
    folder = tmp_path / "served"
    folder.mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (8, 4)).save(picture, "JPEG")
    with tarfile.open(folder / "facades.tar.gz", "w:gz") as tar:
        for split in ("train", "val", "test"):
            member = tarfile.TarInfo(f"facades/{split}/1.jpg")
            member.size = len(picture.getvalue())
            tar.addfile(member, io.BytesIO(picture.getvalue()))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_lists_what_is_known_within_80_columns() -> None:
    result = CliRunner().invoke(data_app, ["list"], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0
    for dataset in (*CATALOGUE.values(), *EMBEDDED.values()):
        lines = [line for line in result.output.splitlines() if line.startswith(dataset.name)]
        line = lines[0]
        assert dataset.task in line
        assert dataset.origin in result.output
        assert dataset.recipe in line
        assert f"{dataset.pairs[0]:,}" in line
        assert line.endswith(("MB", "GB", "by pip"))
    assert max(map(len, result.output.splitlines())) <= 80


def test_gets_a_dataset_and_says_on_what_terms_and_what_next(mirror: str, tmp_path: Path) -> None:
    words = ["get", "facades", "--root", str(tmp_path / "data"), "--mirror", mirror]
    result = CliRunner().invoke(data_app, words, catch_exceptions=False)
    assert result.exit_code == 0
    said = result.output
    assert said.index(CATALOGUE["facades"].terms) < said.index("1 train, 1 val, 1 test")
    assert CATALOGUE["facades"].origin in said
    assert "published were 400 train, 100 val, 106 test" in said
    folder = tmp_path / "data" / "facades"
    assert f"diptych train facades --data {folder} --out runs/facades --dry-run" in said

    result = CliRunner().invoke(data_app, words, catch_exceptions=False)
    assert f"{folder} was there already, and is kept" in result.output


def test_ones_own_archive_is_taken_and_kept(mirror: str, tmp_path: Path) -> None:
    archive = (tmp_path / "served" / "facades.tar.gz").rename(tmp_path / "facades.tar.gz")
    words = ["get", "facades", "--root", str(tmp_path), "--mirror", mirror]
    result = CliRunner().invoke(data_app, words, catch_exceptions=False)
    assert f"{archive} was there already, and is kept" in result.output
    assert archive.is_file()


def test_the_terms_come_before_the_download(tmp_path: Path) -> None:
    words = ["get", "maps", "--root", str(tmp_path), "--mirror", "http://127.0.0.1:9"]
    result = CliRunner().invoke(data_app, words)
    assert isinstance(result.exception, DiptychError)
    assert CATALOGUE["maps"].terms in result.output


def test_what_pip_brought_is_made_without_a_network(tmp_path: Path, monkeypatch) -> None:
    def prepare(folder: Path, on_progress: object) -> Path:
        folder.mkdir(parents=True)
        return folder

    monkeypatch.setitem(EMBEDDED, "earth", replace(EMBEDDED["earth"], prepare=prepare))
    words = ["get", "earth", "--root", str(tmp_path)]
    result = CliRunner().invoke(data_app, words, catch_exceptions=False)
    folder = tmp_path / "earth"
    assert folder.is_dir()
    assert result.output.index("public domain") < result.output.index("264 train, 24 val, 13 test")
    assert f"diptych train earth --data {folder} --out runs/earth --dry-run" in result.output


@pytest.mark.parametrize("option", [("--mirror", "http://127.0.0.1:9"), ("--from", "hub")])
def test_what_pip_brought_has_no_mirror(option: tuple[str, str], tmp_path: Path) -> None:
    words = ["get", "earth", "--root", str(tmp_path), *option]
    result = CliRunner().invoke(data_app, words)
    assert isinstance(result.exception, DiptychError)
    assert not list(tmp_path.iterdir())


def test_an_unknown_name() -> None:
    result = CliRunner().invoke(data_app, ["get", "faces"])
    assert isinstance(result.exception, DiptychError)
    assert not result.output
