"""Models of strangers: headers and files that hypothesis makes up, each a model or one line."""

import io
import json
from pathlib import Path

import pytest
import torch
from hypothesis import strategies as st
from tests.fuzz import JSON, altered, damaged, fuzzed, give
from tests.test_header import MODELS, write

from diptych.exchange.importing import import_checkpoint
from diptych.model_file import Header
from diptych.networks import build_generator
from diptych.tensor_file import parse_header
from diptych.translation.loading import load
from diptych.translation.onnx_content import check_content

HEADERS = {name: json.loads(header.model_dump_json()) for name, (header, _) in MODELS.items()}
WRITTEN = Path(__file__).parent / "written_before"
LIKELY = JSON | st.sampled_from(["rgb", "gray", "values", "labels", "unet", "uint16", "stored"])


@fuzzed(content=damaged([json.dumps(header).encode() for header in HEADERS.values()]))
def test_texts_of_headers(content):
    text = content.decode("utf-8", "replace")
    give(lambda: parse_header("model", text, Header), names="model: ")


@fuzzed(name=st.sampled_from([*HEADERS]), draw=st.data())
def test_headers(name, draw, tmp_path):
    tables = draw.draw(altered([HEADERS[name]], LIKELY))
    path = write(tmp_path / "model.safetensors", tables, MODELS[name][1])
    give(lambda: load(path, device="cpu"), names=path)


@fuzzed(content=damaged([(WRITTEN / f"format_{n}.safetensors").read_bytes() for n in (1, 3)]))
def test_files_of_tensors(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    give(lambda: load(path, device="cpu"), names=path)


def foreign() -> list[bytes]:
    """A generator as others save it, in torch's own format and in the one from before."""
    contents = []
    for zipped in (True, False):
        file = io.BytesIO()
        weights = build_generator("resnet", base_channels=1, blocks=1).state_dict()
        torch.save(weights, file, _use_new_zipfile_serialization=zipped)
        contents.append(file.getvalue())
    return contents


@fuzzed(content=damaged(foreign()))
def test_checkpoints_of_others(content, tmp_path):
    path = tmp_path / "latest_net_G.pth"
    path.write_bytes(content)
    give(lambda: import_checkpoint(path, tmp_path / "model.safetensors"), names=path)


@fuzzed(content=damaged([(WRITTEN / "model.onnx").read_bytes()]))
def test_what_graphs_hold(content):
    path = Path("a.onnx")
    give(lambda: check_content(path, content), names=path, refuses=[ValueError])


@fuzzed(tables=altered([*HEADERS.values()], LIKELY), text=st.none() | st.text(max_size=50))
def test_metadata_of_graphs(tables, text):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from diptych.translation.onnx_translator import OnnxTranslator

    model = onnx.load(WRITTEN / "model.onnx")
    (entry,) = (each for each in model.metadata_props if each.key == "diptych")
    entry.value = json.dumps(tables) if text is None else text
    content = model.SerializeToString()
    give(lambda: OnnxTranslator(Path("a.onnx"), 1, content), names="a.onnx")
