"""Networks in ncnn, by ncnn's own runtime; what it cannot hold is said."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from tests.export.neighbours.drawn_pairs import draw_pairs, of_pairs
from tests.export.test_onnx_export import CLASSES, DEPTH, model

from diptych.errors import DiptychError
from diptych.export.neighbours.ncnn_export import NEEDS, export_ncnn, runner
from diptych.images.domain import plain

SIDE = 64
installed = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("ncnn", "pnnx"))),
    reason="needs pip install 'diptych[ncnn]'",
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("pairs"), SIDE, 3)


@installed
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("resunet", {"blocks": 1, "look_numbers": 6}, "rgb"),
        ("unet", {"statistics": "image"}, "rgb"),
        ("unet", {}, "gray"),
        ("resnet", {"blocks": 2}, "rgb"),
        ("residual", {"blocks": 2}, "rgb"),
        ("compact", {}, "rgb"),
    ],
)
def test_ncnn_gives_the_pictures_of_the_model_at_other_sizes_too(
    name, options, kind, pairs, tmp_path
):
    made, out = of_pairs(name, options, SIDE, kind), tmp_path / "mine.param"
    parity = export_ncnn(made, out, pairs)
    assert parity.psnr >= 60
    assert {path.name for path in tmp_path.iterdir()} == {
        "mine.param", "mine.bin", "mine.parity.json",
    }  # fmt: skip
    said = json.loads((tmp_path / "mine.parity.json").read_text())
    sizes = [path.stat().st_size for path in (out, tmp_path / "mine.bin")]
    assert said["megabytes"] == pytest.approx(sum(sizes) / 1e6, abs=1e-3)
    multiple, channels = made.header.size_multiple, made.header.source.array_channels
    size = 3 * max(multiple, 16), 2 * max(multiple, 16)
    source = np.random.default_rng(9).integers(0, 256, (*size, channels), np.uint8)
    run = runner(out, tmp_path / "mine.bin", 1)
    result = run(np.moveaxis(source / np.float32(255), 2, 0))
    look = None if made.header.look is None else np.zeros(6, np.float32)  # `known_looks` has it
    expected = (made if look is None else made.told(look=look)).translate(source[None])[0]
    levels = np.rint(np.moveaxis(result, 0, 2) * 255).astype(int)
    assert np.abs(levels - expected).max() <= 1


@installed
@pytest.mark.slow
def test_in_half_precision_the_weights_are_half_as_large(pairs, tmp_path):
    made = of_pairs("resunet", {"blocks": 1}, SIDE)
    parity = [
        export_ncnn(made, tmp_path / f"{precision}.param", pairs, precision=precision)
        for precision in ("fp32", "fp16")
    ]
    assert 40 <= parity[1].psnr < parity[0].psnr
    weights = [(tmp_path / f"{name}.bin").stat().st_size for name in ("fp32", "fp16")]
    assert weights[1] < 0.6 * weights[0]


@installed
@pytest.mark.slow
def test_an_operation_that_it_does_not_know_is_named(pairs, tmp_path):
    made = of_pairs("residual", {"blocks": 1, "scale": 4}, SIDE)
    with pytest.raises(DiptychError, match=r"aten::_upsample_bicubic2d_aa: --to plain takes"):
        export_ncnn(made, tmp_path / "a.param", pairs)


@pytest.mark.parametrize(
    ("target", "out", "precision", "said"),
    [
        (CLASSES, "a.param", "fp32", "classes is labels, and this is for colours and gray alone"),
        (DEPTH, "a.param", "fp32", "depth is values.*--to plain takes the model"),
        (plain("photo"), "a.bin", "fp32", r"name it \.param"),
        (plain("photo"), "a.param", "int8", "fp32 or fp16"),
    ],
)
def test_what_ncnn_cannot_hold_is_said_before_anything_is_read(
    target, out, precision, said, tmp_path
):
    made = model("unet", {}, plain("drawing"), target)
    with pytest.raises(DiptychError, match=said):
        export_ncnn(made, tmp_path / out, tmp_path / "no pairs", precision=precision)


@pytest.mark.skipif(bool(importlib.util.find_spec("pnnx")), reason="it is installed")
def test_without_its_tool_one_line_says_how_to_get_it(pairs, tmp_path):
    with pytest.raises(DiptychError) as caught:
        export_ncnn(of_pairs("unet", {}, SIDE), tmp_path / "a.param", pairs)
    assert str(caught.value) == NEEDS
    assert not list(tmp_path.iterdir())
