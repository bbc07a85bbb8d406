"""Pushed to a hub on this machine and used from there, and all that may be refused."""

import importlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.datasets import hub_client as hub_module
from diptych.datasets.hub_client import is_address, parse_address
from diptych.errors import DiptychError

from .conftest import TOKEN

NOWHERE = "http://127.0.0.1:9"


def test_a_model_is_pushed_and_used_from_there_also_when_the_hub_is_gone(
    hub, run, model, made_pairs, tmp_path
):
    status, said, errors = run(
        hub.address, "push", model, "hf://me/first", "--private", token=TOKEN
    )
    assert status == 0, errors
    assert "diptych translate hf://me/first PICTURES" in said
    files = hub.files["me/first"]
    assert set(files) == {"model.safetensors", "README.md"}
    assert files["model.safetensors"] == (model / "model.safetensors").read_bytes()
    assert hub.private["me/first"]

    files["code.py"], files["weights.pkl"] = b"raise SystemExit(9)", b"no pickle either"
    hub.asked.clear()
    words = ("translate", "hf://me/first@v1", made_pairs, "--side", "right", "--out")
    status, said, errors = run(hub.address, *words, tmp_path / "there")
    assert status == 0, errors
    assert "12 translated" in said
    assert not [line for line in hub.asked if "code.py" in line or "weights.pkl" in line]
    assert any("/resolve/v1/model.safetensors" in line for line in hub.asked)
    status, _, errors = run("", *words[:1], model, *words[2:], tmp_path / "here")
    assert status == 0, errors
    for made in (tmp_path / "here").rglob("*.png"):
        twin = tmp_path / "there" / made.relative_to(tmp_path / "here")
        assert twin.read_bytes() == made.read_bytes()

    for offline in (False, True):
        status, said, errors = run(NOWHERE, "info", "hf://me/first@v1", offline=offline)
        assert (status, errors) == (0, "")
        assert "labels -> photo" in said


def test_where_there_is_only_an_exported_model_that_is_fetched(hub, run):
    hub.files["me/onnx"] = {"README.md": b"", "model.onnx": b"no graph"}
    status, _, errors = run(hub.address, "translate", "hf://me/onnx", ".", "--out", "x")
    assert status == 2
    assert "model.onnx: not a whole ONNX file" in errors or "needs ONNX Runtime" in errors
    status, _, again = run(NOWHERE, "translate", "hf://me/onnx", ".", "--out", "x")
    assert (status, again) == (2, errors)


@pytest.mark.parametrize(
    ("words", "token", "expected"),
    [
        (["push", "RUN", "hf://me/x"], "", "the hub asks who pushes: `hf auth login`"),
        (["push", "RUN", "hf://other/x"], TOKEN, "this token may not write there"),
        (["push", "RUN", "hf://me/x"], "hf_wrong", "this token may not write there"),
        (["push", "RUN", "hf://me/x@v1"], TOKEN, "leave @REVISION out"),
        (["push", "RUN", "me/x"], TOKEN, "me/x: give hf://user/name"),
        (["push", "nowhere", "hf://me/x"], TOKEN, "nowhere: no such model"),
        (["push", "RUN", "hf://me/x", "--license", "GPL 3"], TOKEN, "give the hub's name for it"),
        (["info", "hf://me/none"], "", "hf://me/none: no such model, or a private one"),
        (["info", "hf://me/code"], "", "has no model.safetensors or model.onnx"),
        (["info", "hf://me/code@v2"], "", "hf://me/code@v2: the model has no such revision"),
        (["info", "hf://me/damaged"], "", "not a whole safetensors file"),
        (["info", "hf://me"], "", "give hf://user/name"),
        (["info", "hf://me/x"], None, "HF_HUB_OFFLINE forbids to ask"),
    ],
)
def test_what_is_refused_is_one_line(hub, run, model, words, token, expected):
    hub.files["me/code"] = {"model.pkl": b"", "code.py": b""}
    hub.files["me/damaged"] = {"model.safetensors": b"<html>"}
    given = [model if word == "RUN" else word for word in words]
    status, _, errors = run(hub.address, *given, token=token or "", offline=token is None)
    assert status == 2, errors
    last = errors.strip().splitlines()[-1]
    assert expected in last
    assert "Traceback" not in errors
    assert "me/x" not in hub.files


@pytest.mark.parametrize(("word", "said"), [("info", "no copy is kept here"), ("push", "pushed")])
def test_a_hub_that_cannot_be_reached_is_one_line(run, model, word, said):
    words = [word, model, "hf://me/x"] if word == "push" else [word, "hf://me/x"]
    status, _, errors = run(NOWHERE, *words, token=TOKEN)
    assert status == 2
    assert said in errors
    assert "refused" in errors
    assert len([line for line in errors.splitlines() if "note" not in line]) == 1


def test_a_hub_that_accepts_and_then_says_nothing_is_waited_for_no_longer_than_said(
    monkeypatch, tmp_path
):
    pytest.importorskip("huggingface_hub")
    constants = importlib.import_module("huggingface_hub.constants")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(hub_module, "_TIMEOUT", 0.2)
        with pytest.raises(DiptychError, match=r"hf://me/x: cannot be fetched.*timed out"):
            hub_module.fetch("hf://me/x")


def test_addresses():
    assert parse_address("hf://me/name") == parse_address(Path("hf://me/name"))
    assert str(parse_address(Path("hf://me/a.b-c@refs/pr/1"))) == "hf://me/a.b-c@refs/pr/1"
    assert not is_address("runs/mine")
    assert not is_address("")
    for wrong in ("hf://", "hf://me", "hf://me/a/b", "hf://me/../b", "hf://me/a@", "https://me/a"):
        with pytest.raises(DiptychError, match="give hf://user/name"):
            parse_address(wrong)


def test_what_would_be_pushed_is_written_without_the_library(run, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    out = tmp_path / "out"
    words = ("push", model, "hf://me/x")
    status, said, errors = run(NOWHERE, *words, "--to-folder", out)
    assert status == 0, errors
    assert "nothing was pushed" in said
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert {path.name for path in out.iterdir()} == {"model.safetensors", "README.md"}
    status, _, errors = run(NOWHERE, *words)
    assert status == 2
    assert "needs the hub's library: pip install 'diptych[hub]'" in errors


def test_the_library_is_told_of_the_hub_as_it_documents_it(hub, model, tmp_path):
    pytest.importorskip("huggingface_hub")
    hub.files["me/first"] = {"model.safetensors": (model / "model.safetensors").read_bytes()}
    env = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "diptych", "info", "hf://me/first"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "home") in done.stdout
    assert "labels -> photo" in done.stdout
