"""Exported models give the pictures of the model they were made from."""

import copy
import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from tests.translation.test_wished_look import known_looks
from torch import nn

import diptych
from diptych import model_file
from diptych.errors import DiptychError
from diptych.export.onnx_export import export_onnx
from diptych.export.onnx_graph import build_graph, let_look_be_left_out, padded_places
from diptych.export.onnx_precision import in_precision
from diptych.export.parity import Parity, compare, difference
from diptych.images.domain import Domain, plain, several
from diptych.images.encoding import data_mask
from diptych.images.padding import pad_to_multiple
from diptych.model_file import Dataset, Header, Network
from diptych.networks import GENERATORS, build_generator
from diptych.translation.loading import load
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.onnx_translator import OnnxTranslator

pytestmark = pytest.mark.usefixtures("graphs_built_once")
RADAR = Domain(
    name="radar", kind="values", channels=2, dtype="float32", range=((-30, 2), (-20, 3)), nodata=-99
)
DEPTH = Domain(
    name="depth", kind="values", channels=1, dtype="uint16", range=((0, 9000),), nodata=0
)
CLASSES = Domain(name="classes", kind="labels", channels=5)
HOLED = CLASSES.model_copy(update={"nodata": -9999})
# Generator, its arguments, source, target: every kind of pictures, every generator.
CASES = {
    "colours": ("unet", {"base_channels": 16}, plain("drawing"), plain("photo")),
    "gray to colour": ("unet", {}, plain("gray", "lightness"), plain("colour", "chroma")),
    "holes": ("unet", {}, plain("masked", "rgba"), plain("whole")),
    "values": ("unet", {}, RADAR, DEPTH),
    "classes": ("unet", {}, CLASSES, CLASSES.model_copy(update={"name": "others"})),
    "gray": ("unet", {}, plain("drawing", "gray"), plain("photo", "gray")),
    "classes with holes": ("unet", {}, HOLED, HOLED.model_copy(update={"name": "others"})),
    "several": ("unet", {}, several([plain("edges"), RADAR]), plain("photo")),
    "noise beside the source": ("unet", {"noise_channels": 2}, plain("drawing"), plain("photo")),
    "residual blocks between strides": ("resnet", {"blocks": 2}, plain("drawing"), plain("photo")),
    "residual network": ("resnet", {"blocks": 2}, plain("drawing"), plain("photo")),
    "stored statistics": ("unet", {"statistics": "batch"}, plain("drawing"), plain("photo")),
    "residual u-net": ("resunet", {"blocks": 1}, plain("drawing"), plain("photo")),
    "residual u-net that takes a look": (
        "resunet",
        {"blocks": 1, "look_numbers": 6},
        plain("drawing"),
        plain("photo"),
    ),
    "residual u-net with frozen maps": (
        "resunet",
        {"blocks": 1, "frozen_maps": 2},
        plain("drawing"),
        plain("photo"),
    ),
    "compact": ("compact", {"base_channels": 8}, plain("drawing"), plain("photo")),
    "compact that takes a look": (
        "compact",
        {"base_channels": 8, "look_numbers": 6},
        plain("drawing"),
        plain("photo"),
    ),
    "four times as large": ("residual", {"scale": 4, "blocks": 2}, plain("small"), plain("large")),
}
ONES = np.ones((8, 8, 1), np.uint8)
SMALL = {"base_channels": 4}


def model(name: str, options: dict, source: Domain, target: Domain) -> NetworkTranslator:
    options = SMALL | ({"levels": 5} if name == "unet" else {}) | options
    options |= {"in_channels": source.channels, "out_channels": target.channels}
    torch.manual_seed(0)
    generator = build_generator(name, **options)
    for parameter_name, parameter in generator.named_parameters():
        if parameter_name.endswith(
            ("out.weight", "out.conv.weight")
        ):  # answers that differ from pixel to pixel
            nn.init.normal_(parameter, 0, 0.3)
    header = Header(
        generator=Network(name=name, options=options),
        size_multiple=generator.size_multiple,
        scale=options.get("scale", 1),
        crop_size=(64, 64),
        source=source,
        target=target,
        test=model_file.TestTime(),
        look=known_looks() if "look_numbers" in options else None,
        dataset=Dataset(fingerprint="0" * 16, pairs={"train": 1}),
        recipe={},
    )
    return NetworkTranslator(header, generator)


def pictures(domain: Domain, count: int, height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(0)
    if domain.parts:
        parts = [pictures(part, count, height, width) for part in domain.parts]
        return np.concatenate([part.astype(domain.array_dtype) for part in parts], axis=3)
    if domain.kind == "labels":
        classes = random.integers(0, domain.channels, (count, height, width, 1), np.uint8)
        if domain.void is not None:
            classes[:, : height // 3] = domain.void
        return classes
    if domain.kind == "values":
        low, high = np.array(domain.range).T
        values = low + random.random((count, height, width, domain.channels)) * (high - low)
        values[:, : height // 3] = domain.nodata
        return values.astype(np.float32)
    return random.integers(0, 256, (count, height, width, domain.array_channels), np.uint8)


@functools.cache
def graph_of(name: str) -> bytes:
    """The graph of the model of a case: building it takes seconds."""
    made = model(*CASES[name])
    graph = build_graph(made.generator, made.header)
    let_look_be_left_out(graph)
    return graph.SerializeToString()


@functools.cache
def both(name: str) -> tuple[NetworkTranslator, OnnxTranslator]:
    """The model of a case, and what it was exported as."""
    return model(*CASES[name]), OnnxTranslator(Path("model.onnx"), content=graph_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_graph_translates_as_the_model(name):
    made, other = both(name)
    assert other.header == made.header
    # ONNX Runtime does not reflect a single pixel, of which a ResNet's lowest maps may be.
    least = (5, 7) if made.header.generator.name == "resnet" else (1, 3)
    for size in ((256, 256), (300, 517), least):
        given = pictures(made.header.source, 2, *size)
        ours, theirs = other.translate(given), made.translate(given)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        apart = difference(ours, theirs, made.header.target)
        level = 1 if made.header.target.kind == "labels" else 1.01 / 255
        assert apart.max() <= level, "a level at most, where rounding falls the other way"
        assert np.square(apart).mean() < 1e-6, "60 dB"
        assert np.ptp(theirs.astype(float)) > 0 or size == least, "else this would show nothing"


@pytest.mark.slow
def test_a_graph_is_told_a_look_and_says_what_it_would_have_been():
    made, other = both("residual u-net that takes a look")
    source = pictures(made.header.source, 1, 70, 90)[0]
    np.testing.assert_allclose(other.foretold(source), made.foretold(source), atol=1e-4)
    for said in ({"colors": ["red"]}, {"look": np.full(6, np.nan)}):
        ours, theirs = other.told(**said).apply(source), made.told(**said).apply(source)
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    drawn = zip(other.samples(source, 2), made.samples(source, 2), strict=True)
    assert all(np.abs(ours.astype(int) - theirs).max() <= 1 for ours, theirs in drawn)


@pytest.mark.slow
def test_a_look_that_has_to_be_said_is_said_by_nan():
    made, other = both("residual u-net that takes a look")
    graph = build_graph(made.generator, made.header)
    said = OnnxTranslator(Path("model.onnx"), content=graph.SerializeToString())
    assert [entry.name for entry in said.session.get_inputs()] == ["source", "look"]
    source = pictures(made.header.source, 1, 70, 90)[0]
    for ways in ((said, other), (said.told(colors=["red"]), other.told(colors=["red"]))):
        np.testing.assert_array_equal(*(way.apply(source) for way in ways))


def test_every_generator_has_a_case():
    assert {case[0] for case in CASES.values()} == set(GENERATORS)


@pytest.mark.slow
def test_nothing_stays_nothing():
    _, other = both("values")
    given = pictures(RADAR, 1, 40, 50)
    result = other.translate(given)
    there = data_mask(torch.from_numpy(given), RADAR)
    assert there is not None
    assert np.array_equal(result[..., 0] == 0, ~there.any(dim=-1).numpy())


@pytest.mark.parametrize("multiple", [1, 9, 32])
@pytest.mark.parametrize("side", [1, 4, 5, 16, 17, 33])
def test_padding_within_the_graph_is_that_without(side, multiple):
    padded = pad_to_multiple(torch.arange(side).float().view(1, 1, 1, side), multiple)
    assert padded_places(side, multiple).tolist() == padded[0, 0, 0].tolist()


@pytest.mark.slow
def test_fewer_bits_are_smaller_and_near():
    made, full = both("colours")
    graph = onnx.load_from_string(graph_of("colours"))
    given = [pictures(plain("drawing"), 1, 64, 64) for _ in range(2)]
    size = graph.ByteSize()
    for precision, share, psnr in (("fp16", 0.6, 45), ("int8", 0.45, 20)):
        content = in_precision(copy.deepcopy(graph), precision, given).SerializeToString()
        onnx.checker.check_model(content)
        assert len(content) < share * size
        other = OnnxTranslator(Path("x.onnx"), content=content)
        assert other.header == full.header
        found, *_ = compare(other.translate, made.translate, [given[0][0]], plain("photo"))
        assert psnr < found["psnr"] < 80, "near, and not the same"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for i in range(6):
        drawn = np.kron(np.random.default_rng(i).integers(0, 256, (6, 12, 3), np.uint8), ONES)
        Image.fromarray(drawn).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory) -> Path:
    changes = {
        "data.load_size": 36,
        "data.crop_size": 32,
        "generator.base_channels": 4,
        "discriminator.base_channels": 4,
        "train.steps": 3,
    }
    folder = tmp_path_factory.mktemp("run")
    return diptych.train(data=pairs, out=folder, overrides=changes).model


@pytest.fixture(scope="module")
def proved(trained, pairs, tmp_path_factory, graphs_built_once) -> tuple[Path, Parity]:
    out = tmp_path_factory.mktemp("out") / "model.onnx"
    return out, export_onnx(load(trained), out, pairs)


def test_an_export_is_proved_on_pairs_and_translates_alike(trained, proved):
    out, parity = proved
    translator = load(trained)
    report = json.loads((out.parent / "model.parity.json").read_text("utf-8"))
    assert report == parity.model_dump()
    assert parity.psnr >= 60
    assert parity.holds
    assert parity.sizes == ["32x32", "27x23"]
    assert parity.megabytes == pytest.approx(out.stat().st_size / 1e6, abs=1e-3)
    assert parity.scores.keys() == parity.model_scores.keys() >= {"l1", "psnr", "ssim"}
    other = load(out)
    assert isinstance(other, OnnxTranslator)
    assert other.header == translator.header
    picture = Image.fromarray(pictures(plain("x"), 1, 50, 70)[0])
    apart = np.asarray(other(picture)).astype(int) - np.asarray(translator(picture))
    assert np.abs(apart).max() <= 1


def test_nothing_in_it_tells_of_the_machine_it_was_made_on(proved):
    content = proved[0].read_bytes()
    assert str(Path(diptych.__file__).parents[1]).encode() not in content
    assert b".py" not in content


@pytest.mark.slow
def test_what_does_not_reach_the_limit_is_not_kept(trained, pairs, tmp_path):
    out = tmp_path / "model.onnx"
    with pytest.raises(DiptychError, match=r"not kept: .* below 500; --least-psnr"):
        export_onnx(load(trained), out, pairs, least_psnr=500)
    assert not list(tmp_path.glob("*.onnx")) + list(tmp_path.glob("*.json"))


@pytest.mark.slow
def test_the_network_alone(trained, pairs, tmp_path):
    out = tmp_path / "model.onnx"
    translator = load(trained)
    assert export_onnx(translator, out, pairs, bare=True).psnr >= 60
    import onnxruntime

    session = onnxruntime.InferenceSession(out)
    given = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.inference_mode():
        expected = translator.generator(given).numpy()
    (made,) = session.run(None, {"source": given.numpy()})
    assert np.abs(made - expected).max() < 1e-4
    with pytest.raises(DiptychError, match=r"the network alone.*without"):
        load(out)
    size = out.stat().st_size
    for precision, least in (("fp16", 40), ("int8", 20)):
        parity = export_onnx(translator, out, pairs, bare=True, precision=precision)
        assert parity.psnr >= least
        assert out.stat().st_size < size


def test_without_torch(trained, proved, pairs, tmp_path):
    """As in an environment that has none: importing it fails."""
    out, _ = proved
    program = (
        "import sys; sys.modules['torch'] = None; "
        "from diptych.commands.app import main; sys.argv[0] = 'diptych'; main()"
    )

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("translate", out, pairs, "--side", "left", "--out", tmp_path / "translated")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "translated").rglob("*.png"))) == 6
    assert run("info", out).returncode == 0
    done = run("evaluate", out, "--data", pairs)
    assert (done.returncode, done.stderr) == (
        2,
        "diptych: this command needs torch: pip install diptych\n",
    )
    done = run("translate", trained, pairs, "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "needs torch: pip install diptych" in done.stderr


def refused(path: Path) -> str:
    with pytest.raises(DiptychError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_none(proved, tmp_path):
    text, cut, foreign = (tmp_path / f"{name}.onnx" for name in ("text", "cut", "foreign"))
    text.write_text("no model")
    assert "text.onnx: not a whole ONNX file" in refused(text)
    graph = onnx.load(proved[0])
    cut.write_bytes(graph.SerializeToString()[:-2000])
    assert "cut.onnx: not a whole ONNX file" in refused(cut)
    del graph.metadata_props[:]
    foreign.write_bytes(graph.SerializeToString())
    assert "no diptych header" in refused(foreign)
    entry = graph.metadata_props.add()
    entry.key, entry.value = "diptych", '{"format": 99}'
    foreign.write_bytes(graph.SerializeToString())
    assert "newer than this diptych" in refused(foreign)
    with pytest.raises(DiptychError, match="--dropout"):
        load(cut, dropout=True)


def test_a_file_cannot_have_others_read_beside_it(proved, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(4 * 4 * 4 * 3 * 4))
    graph = onnx.load(proved[0])
    weight = next(w for w in graph.graph.initializer if w.name.endswith("down.0.conv.weight"))
    onnx.external_data_helper.set_external_data(weight, "secret", length=secret.stat().st_size)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    path = tmp_path / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    monkeypatch.chdir("/")
    assert "lie in another file, which is not read" in refused(path)
