"""The files of ONNX Runtime Web, as they were published or not at all."""

import os
import shutil
from pathlib import Path

import pytest

from diptych.errors import DiptychError
from diptych.export.page.web_runtime import FILES, find_runtime, runtime_by_npm, runtime_from


def lay(folder: Path, content: bytes) -> Path:
    folder.mkdir(parents=True)
    for file in FILES:
        (folder / file.name).write_bytes(content)
    return folder


def test_a_folder_must_hold_the_package(tmp_path):
    with pytest.raises(DiptychError, match=r"no ort\.wasm.* there; unpack `npm pack onnxruntime"):
        runtime_from(tmp_path)


@pytest.mark.parametrize("place", [".", "dist", "node_modules/onnxruntime-web/dist"])
def test_of_another_version_or_damaged_it_is_refused(place, tmp_path):
    lay(tmp_path / "package" / place, b"const ort = {};")
    with pytest.raises(DiptychError, match=r"ort\.wasm.*: not that of onnxruntime-web 1"):
        runtime_from(tmp_path / "package")


def test_a_folder_and_a_cdn_are_too_many(tmp_path):
    with pytest.raises(DiptychError, match="--runtime, --cdn: give one"):
        find_runtime(tmp_path, cdn=True)


def test_without_npm_it_says_what_else_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiptychError, match=r"npm is not installed.*--runtime.*--cdn"):
        runtime_by_npm()


def an_npm_that(does: str, folder: Path, monkeypatch) -> None:
    npm = folder / "npm"
    npm.write_text(f"#!{shutil.which('sh')}\n{does}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder) + os.pathsep + os.environ["PATH"])


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script in place of npm")
def test_where_npm_fails_its_reason_is_said(tmp_path, monkeypatch):
    an_npm_that("echo 'npm error network is down' >&2; exit 1", tmp_path, monkeypatch)
    with pytest.raises(DiptychError, match=r"npm error network is down; --runtime"):
        runtime_by_npm()


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script in place of npm")
def test_an_archive_that_holds_other_files_is_refused(tmp_path, monkeypatch):
    lay(tmp_path / "package" / "dist", b"const ort = {};")
    an_npm_that(f"tar czf some.tgz -C {tmp_path} package", tmp_path, monkeypatch)
    with pytest.raises(DiptychError, match=r"its ort\.wasm.* is not the one published"):
        runtime_by_npm()
