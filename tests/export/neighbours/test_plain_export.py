"""Files for other programs give the pictures of their model, in those programs' own readers."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tifffile
import torch
from PIL import Image
from tests.export.neighbours.drawn_pairs import draw_pairs, of_pairs
from tests.export.test_onnx_export import CASES, model, pictures
from tests.translation.looks import known_looks

from diptych.errors import DiptychError
from diptych.export.neighbours.plain_export import as_plain, export_plain
from diptych.export.neighbours.plain_graph import (
    IR_VERSION,
    OPSET,
    PlainTranslation,
    plain_graph,
)
from diptych.export.neighbours.qgis_export import export_qgis, map_names
from diptych.export.parity import difference
from diptych.images.domain import Domain, plain
from diptych.tensor_file import KEY
from diptych.translation.loading import load
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.onnx_translator import OnnxTranslator
from diptych.translation.plain_form import FORM, PlainForm

SIZE = (64, 96)
SIDE = 32
LEVEL = 1.01 / 255  # where rounding falls the other way
FORMS = {
    "any size": PlainForm(),
    "one size": PlainForm(size=SIZE),
    "divided": PlainForm(size=SIZE, divided=True),
    "apart": PlainForm(size=SIZE, apart=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_picture_goes_in_and_out(name):
    made = as_plain(model(*CASES[name]), "plain", in_tiles=True)
    header = made.header
    given = pictures(header.source, 1, *SIZE)
    expected = made.translator.translate(given)
    for form in FORMS.values():
        content = plain_graph(made.generator, header, form).SerializeToString()
        exported = OnnxTranslator(Path("plain.onnx"), content=content)
        assert exported.form == form
        assert exported.header == header
        apart = difference(exported.translate(given), expected, header.target)
        labels = header.target.kind == "labels"
        assert apart.max() <= (0 if labels else LEVEL)
        assert np.square(apart).mean() < 1e-6, "60 dB"


@pytest.fixture(scope="module")
def small() -> NetworkTranslator:
    """Sees 95 pixels far."""
    return of_pairs("resunet", {"blocks": 0}, SIDE, fit="shorter")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("pairs"), SIDE, 4)


@pytest.fixture(scope="module")
def one_size(small, pairs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "plain.onnx"
    assert export_plain(small, out, pairs, size=SIZE).psnr >= 60
    return out


@pytest.fixture(scope="module")
def tiled(small, pairs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("qgis") / "qgis.onnx"
    parity = export_qgis(small, out, pairs)
    assert parity.tiles is not None
    assert parity.tiles.exact
    assert parity.tiles.max_difference <= LEVEL
    assert (parity.tiles.size, parity.tiles.overlap, parity.tiles.picture) == (384, 192, "576x576")
    return out


def floats_of(small: NetworkTranslator) -> tuple[np.ndarray, np.ndarray]:
    """A picture as programs hold it, and what its translation is then."""
    given = pictures(small.header.source, 1, *SIZE)
    expected = np.moveaxis(small.translate(given).astype(np.float32) / 255, 3, 1)
    return np.moveaxis(given.astype(np.float32) / 255, 3, 1), expected


def test_onnx_runtime_of_years_ago_reads_it(one_size, small):
    graph = onnx.load(one_size)
    onnx.checker.check_model(graph, full_check=True)
    assert (graph.ir_version, graph.opset_import[0].version) == (IR_VERSION, OPSET) == (8, 18)
    session = onnxruntime.InferenceSession(one_size)
    given, expected = floats_of(small)
    (result,) = session.run(None, {"source": np.ascontiguousarray(given)})
    assert result.dtype == np.float32
    assert np.abs(result - expected).max() <= 0.51 / 255
    assert result.min() >= 0
    assert result.max() <= 1


def test_opencv_reads_it(one_size, small):
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless")
    given, expected = floats_of(small)
    network = cv2.dnn.readNetFromONNX(str(one_size))
    network.setInput(np.ascontiguousarray(given))
    assert np.abs(network.forward() - expected).max() <= 0.51 / 255


def test_openvino_reads_it(one_size, small):
    openvino = pytest.importorskip("openvino", reason="needs openvino")
    given, expected = floats_of(small)
    full = {"INFERENCE_PRECISION_HINT": "f32"}  # by itself it takes 16 bits where that is fast
    compiled = openvino.Core().compile_model(str(one_size), "CPU", full)
    assert np.abs(compiled(given)[0] - expected).max() <= 0.51 / 255


def test_a_file_of_one_size_says_so(one_size):
    other = Image.new("RGB", (50, 40))
    with pytest.raises(
        DiptychError,
        match=r"takes pictures 96 wide and 64 high \(--size 64x96\); this one is 50 wide",
    ):
        load(one_size)(other)


def test_translate_puts_a_picture_together_from_tiles(tiled, small):
    picture = pictures(small.header.source, 1, 576, 576)[0]
    exported = load(tiled)
    apart = difference(exported.apply(picture), small.apply(picture), small.header.target)
    assert apart.max() <= LEVEL
    assert exported.header.generator == small.header.generator


def test_the_plugin_reads_what_it_has_to_know(tiled):
    """By its rules: https://github.com/PUTvision/qgis-plugin-deepness, `model_base.py`."""
    session = onnxruntime.InferenceSession(tiled)
    (entry,), results = session.get_inputs(), session.get_outputs()
    assert entry.shape == [1, 3, 384, 384]
    assert [result.shape for result in results] == 3 * [[1, 1, 384, 384]], "it takes one of each"
    said = session.get_modelmeta().custom_metadata_map
    assert str(json.loads(said["model_type"])).capitalize() == "Regressor"
    assert int(json.loads(said["tile_size"])) == 384
    assert int(json.loads(said["tiles_overlap"])) == 50
    assert float(json.loads(said["reg_output_scaling"])) == 1
    names = json.loads(said["class_names"])
    assert names == [{"0": "photo red"}, {"0": "photo green"}, {"0": "photo blue"}]
    assert "resolution" not in said, "the pairs have no place on the Earth"
    assert PlainForm.model_validate_json(said[FORM]).divided


def test_info_says_how_a_file_takes_pictures(one_size, tiled, run):
    _, said, _ = run("info", one_size)
    assert "96x64 alone; trained at" in said
    assert "floats (1, C, H, W), colours in [0, 1]" in said
    _, said, _ = run("info", tiled)
    assert "any, in tiles of 384x384 that overlap by 192" in said
    assert "all numbers divided by 255, each map an output of its own" in said


def test_statistics_of_the_whole_are_refused_with_what_tiles_differ_by(pairs, tmp_path):
    out = tmp_path / "q.onnx"
    said = r"takes statistics of the whole picture: tiles of 64 differ .* by at most .* of 255"
    with pytest.raises(DiptychError, match=said):
        export_qgis(
            of_pairs("unet", {"statistics": "image"}, SIDE, fit="shorter"), out, pairs, size=64
        )
    assert not out.exists()


@pytest.mark.slow
def test_anyway_tiles_are_what_the_model_makes_of_each(pairs, tmp_path):
    out = tmp_path / "q.onnx"
    made = of_pairs("unet", {"statistics": "image"}, SIDE, fit="shorter")
    parity = export_qgis(made, out, pairs, size=64, anyway=True)
    assert parity.holds
    assert parity.tiles is not None
    assert not parity.tiles.exact
    assert out.exists()


@pytest.mark.slow
def test_pairs_with_a_place_on_the_earth_say_what_a_pixel_is(small, tmp_path):
    scale = [(33550, 12, 3, (10.0, 10.0, 0.0), True), (33922, 12, 6, (0.0,) * 6, True)]
    metres = [(34735, 3, 8, (1, 1, 0, 1, 3076, 0, 1, 9001), True)]
    for i in range(4):
        for side in "AB":
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(i).integers(0, 256, (128, 128, 3), np.uint8)
            path = tmp_path / "pairs" / side / f"{i}.tif"
            tifffile.imwrite(path, pixels, photometric="rgb", extratags=scale + metres)
    export_qgis(small, tmp_path / "q.onnx", tmp_path / "pairs")
    said = onnxruntime.InferenceSession(tmp_path / "q.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(said["resolution"]) == 2000, "cm: brought to half its size in training"


def test_sides_of_other_shapes_are_refused(small):
    header = small.header.model_copy(update={"target_size": (64, 32)})
    with pytest.raises(DiptychError, match=r"--to qgis: results keep the shape.*--to onnx takes"):
        as_plain(NetworkTranslator(header, small.generator), "qgis", in_tiles=True)


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (plain("a/b"), ["a b red", "a b green", "a b blue"]),
        (plain("gray", "gray"), ["gray"]),
        (Domain(name="use", kind="labels", channels=2), ["use 0", "use 1"]),
        (
            Domain(name="dem", kind="values", channels=2, dtype="float32", range=((0, 1),)),
            ["dem band 1", "dem band 2"],
        ),
    ],
)
def test_maps_have_names(target, names):
    assert map_names(target) == names


@pytest.mark.parametrize(
    "false",
    [
        {"size": (4096, 4096), "overlap": 4094},  # a million tiles of a picture
        {"size": (2, 2), "overlap": 0},
        {"size": (64, 32), "overlap": 0},
        {"size": (64, 64), "overlap": 31},
    ],
)
def test_tiles_that_would_never_end_are_no_form(false):
    with pytest.raises(ValueError, match="tiles"):
        PlainForm.model_validate(false)


def test_a_file_whose_header_has_a_look_and_its_graph_none_is_refused(one_size, tmp_path):
    graph = onnx.load(one_size)
    header = json.loads({one.key: one.value for one in graph.metadata_props}[KEY])
    header["generator"]["options"]["look_numbers"] = 6
    header["look"] = known_looks().model_dump()
    for one in graph.metadata_props:
        if one.key == KEY:
            one.value = json.dumps(header)
    onnx.save(graph, tmp_path / "false.onnx")
    with pytest.raises(DiptychError, match="does not fit its header"):
        load(tmp_path / "false.onnx")


def test_whole_numbers_are_whole_in_the_graph():
    """Programs that cut results to whole ones, towards zero, have the same as `translate`."""
    depth = Domain(name="depth", kind="values", channels=1, dtype="int16", range=((-50, 50),))
    made = model("resunet", {"blocks": 0}, plain("drawing"), depth)
    source = pictures(made.header.source, 1, 32, 32)
    form = PlainForm()
    graph = PlainTranslation(made.generator, made.header, form)
    with torch.inference_mode():
        results = graph(torch.from_numpy(form.floats(source, made.header.source))).numpy()
    assert (results < 0).any()
    np.testing.assert_array_equal(results, results.round())
    cut = np.moveaxis(results, 1, 3).astype("int16")
    assert np.abs(cut.astype(int) - made.translate(source)).max() <= 1
