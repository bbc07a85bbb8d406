import contextlib
import json
import os
import pickle
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from diptych import model_file, tensor_file
from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.model_file import (
    FORMAT,
    Dataset,
    Domain,
    Header,
    Network,
    Strip,
    read_discriminator,
    read_header,
    read_model,
    write_model,
)
from diptych.model_place import model_path
from diptych.tensor_file import KEY

HEADER = Header(
    generator=Network(name="unet", options={"base_channels": 4, "skips": True}),
    size_multiple=32,
    crop_size=(64, 64),
    source=Domain(name="labels"),
    target=Domain(name="photo \u00fc"),
    test=model_file.TestTime(dropout=True),
    strip=Strip(panels=2, source=1, target=0),
    dataset=Dataset(fingerprint="0123456789abcdef", pairs={"train": 400, "val": 20}),
    recipe=load_recipe("facades").model_dump(mode="json"),
    step=123,
    seconds=4.5,
    scores={"l1": 0.25, "ssim": 0.5},
)


def weights() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 2, 2, generator=random)
    return {
        "kernel": torch.nn.Parameter(kernel.to(memory_format=torch.channels_last)),
        "turned": torch.randn(5, 3, generator=random).T,
        "one": torch.randn(1, generator=random),
    }


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "run" / "model.safetensors"
    write_model(path, weights(), HEADER)
    return path


def raw_file(path: Path, metadata: dict[str, str], tensors: bytes = b"") -> Path:
    head = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + tensors)
    return path


def with_header(path: Path, **changes) -> Path:
    """A file whose header is HEADER, with changes that the class itself would refuse."""
    tables = {**json.loads(HEADER.model_dump_json()), **changes}
    return raw_file(path, {KEY: json.dumps(tables)})


def test_what_is_read_is_what_was_written(model):
    header, read = read_model(model)
    assert header == read_header(model) == HEADER
    assert read.keys() == weights().keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in weights().items())
    assert [path.name for path in model.parent.iterdir()] == ["model.safetensors"]


def test_the_header_is_read_without_the_weights(model, monkeypatch):
    """`info` on a large model asks for a few kilobytes of it."""

    @contextlib.contextmanager
    def open_header(*args, **options):
        with safe_open(*args, **options) as file:
            yield SimpleNamespace(
                metadata=file.metadata,
                keys=file.keys,
                get_tensor=lambda name: pytest.fail(f"{name} was read"),
            )

    monkeypatch.setattr(tensor_file, "safe_open", open_header)
    assert read_header(model) == HEADER


def one_line(path: Path) -> str:
    """The message of the error that reading raises: the same for the header and for all of it."""
    messages = []
    for read in (read_header, read_model):
        with pytest.raises(DiptychError) as caught:
            read(path)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith(f"{path}: ")
    assert "\n" not in messages[0]
    return messages[0]


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -200, -1])
def test_a_truncated_file(kept, model):
    model.write_bytes(model.read_bytes()[:kept])
    assert "not a whole safetensors file" in one_line(model)


def test_a_file_of_another_program(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"w": torch.zeros(2)}, path)
    assert "no diptych header" in one_line(path)
    save_file({"w": torch.zeros(2)}, path, metadata={"format": "pt"})
    assert "no diptych header" in one_line(path)


def test_a_discriminator_lies_beside_the_generator(tmp_path):
    path, judge = tmp_path / "m.safetensors", {"one": torch.rand(3), "kernel": torch.rand(2)}
    header = HEADER.model_copy(update={"discriminator": Network(name="patchgan", options={})})
    write_model(path, weights(), header, judge)
    assert read_model(path)[0] == header
    assert read_model(path)[1].keys() == weights().keys()
    found = read_discriminator(path)
    assert found.keys() == judge.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in judge.items())
    write_model(path, weights(), HEADER)
    assert read_discriminator(path) == {}


def test_a_file_of_the_format_before(tmp_path):
    """Which had no discriminator, and one way to normalise."""
    tables = {**json.loads(HEADER.model_dump_json()), "format": 2}
    del tables["discriminator"]
    path = raw_file(tmp_path / "m", {KEY: json.dumps(tables)})
    assert read_header(path) == HEADER.model_copy(update={"format": 2})


class Harm:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["pickle", "checkpoint", "text", "folder", "missing", "pipe"])
def test_no_safetensors_file_at_all(kind, tmp_path):
    path, harm = tmp_path / "model.safetensors", tmp_path / "harm"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Harm(harm)))
    elif kind == "checkpoint":
        torch.save(Harm(harm), path)
    elif kind == "text":
        path.write_text("version https://git-lfs.github.com/spec/v1\n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    assert "not a whole safetensors file" in one_line(path)
    assert not harm.exists(), "nothing in a file is ever executed"


def test_a_newer_format_says_so_whatever_else_is_in_it(tmp_path):
    path = raw_file(tmp_path / "m", {KEY: json.dumps({"format": FORMAT + 1, "new": []})})
    message = one_line(path)
    assert f"model format {FORMAT + 1}, newer than this diptych" in message
    assert "pip install --upgrade diptych" in message


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"generator": {"name": "unet"}}, "generator.options"),
        ({"generator": 3}, "generator"),
        ({"size_multiple": 0}, "size_multiple"),
        ({"crop_size": "large"}, "crop_size"),
        ({"source": {"name": "a", "bits": 16}}, "source.bits"),
        ({"target": {"name": "a", "channels": 0}}, "target.channels"),
        ({"strip": {"panels": 1, "source": 0, "target": 0}}, "strip.panels"),
        ({"recipe": [1]}, "recipe"),
        ({"scores": {"l1": "good"}}, "scores.l1"),
        ({"tiling": "yes"}, "tiling"),
        ({"discriminator": {"name": "patchgan"}}, "discriminator.options"),
        ({"test": {"normalization": "batch"}}, "test.normalization"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"format": None}, "format"),
        ({"format": "1"}, "format"),
    ],
)
def test_a_damaged_header_names_the_place(changes, place, tmp_path):
    message = one_line(with_header(tmp_path / "m.safetensors", **changes))
    assert "damaged header: " in message
    assert place in message.partition("damaged header: ")[2]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "{}", "[" * 100_000, "1" * 5000])
def test_a_header_that_is_no_table(text, tmp_path):
    assert "damaged header: " in one_line(raw_file(tmp_path / "m", {KEY: text}))


def test_a_run_directory_or_a_file_means_a_model(model, tmp_path):
    assert model_path(model) == model_path(model.parent) == model
    with pytest.raises(DiptychError, match="a folder without model"):
        model_path(tmp_path)
    with pytest.raises(DiptychError, match="nowhere: no such model"):
        model_path(tmp_path / "nowhere")
