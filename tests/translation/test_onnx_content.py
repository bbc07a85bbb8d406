"""What an ONNX file may not hold, wherever in it that stands."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from diptych.errors import DiptychError
from diptych.translation.onnx_content import check_content

onnx = pytest.importorskip("onnx")


def tensor(location: str | None = None):
    made = onnx.numpy_helper.from_array(np.array([1, 2], np.float32), "weight")
    if location is not None:
        onnx.external_data_helper.set_external_data(made, location)
        made.ClearField("raw_data")
    return made


def graph(nodes=(), tensors=(), sparse=()):
    entry = onnx.helper.make_tensor_value_info("in", onnx.TensorProto.FLOAT, [2])
    end = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [2])
    nodes = nodes or [onnx.helper.make_node("Identity", ["in"], ["out"])]
    return onnx.helper.make_graph(
        list(nodes), "g", [entry], [end], list(tensors), sparse_initializer=list(sparse)
    )


def with_attribute(**attributes):
    return [onnx.helper.make_node("Odd", ["in"], ["out"], **attributes)]


def model(held, way: str):
    """A model with a tensor somewhere in it."""
    index = onnx.numpy_helper.from_array(np.array([0, 1]), "")
    sparse = onnx.helper.make_sparse_tensor(held, index, [4])
    graphs = {
        "initialiser": lambda: graph(tensors=[held]),
        "sparse": lambda: graph(sparse=[sparse]),
        "constant": lambda: graph(with_attribute(value=held)),
        "constants": lambda: graph(with_attribute(values=[held])),
        "sparse constant": lambda: graph(with_attribute(value=sparse)),
        "branch": lambda: graph(with_attribute(then=graph(tensors=[held]))),
        "branches": lambda: graph(with_attribute(then=[graph(tensors=[held])])),
        "deep": lambda: graph(with_attribute(then=graph(with_attribute(value=held)))),
        "function": graph,
    }
    made = onnx.helper.make_model(graphs[way]())
    if way == "function":
        opset = [onnx.helper.make_opsetid("", 17)]
        nodes = with_attribute(value=held)
        made.functions.append(onnx.helper.make_function("d", "f", ["in"], ["out"], nodes, opset))
    return made.SerializeToString()


WAYS = ["initialiser", "sparse", "constant", "constants", "sparse constant", "branch", "branches",
        "deep", "function"]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["memory", "file"])
def test_numbers_in_another_file_are_found_wherever_it_is_said(way, place, tmp_path):
    path = tmp_path / "a.onnx"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        check_content(path, content if place == "memory" else None)

    check(model(tensor(), way))
    for location in ("beside", "/etc/hostname", "../secret", "a.onnx", "", "."):
        with pytest.raises(DiptychError, match="'weight' lie in another file, which is not read"):
            check(model(tensor(location=location), way))


def test_a_location_alone_is_enough():
    held = tensor()
    held.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(DiptychError, match="another file"):
        check_content(Path("a"), model(held, "initialiser"))


def test_damaged_files_are_said_to_be():
    content = model(tensor(), "initialiser")
    for end in range(1, len(content)):
        with contextlib.suppress(ValueError):
            check_content(Path("a"), content[:end])
    with pytest.raises(ValueError, match="damaged"):
        check_content(Path("a"), b"\xff" * 40)
