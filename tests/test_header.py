"""A sound header, each of its fields changed in every way: a sound model comes of it, or one line.

What is changed is found in the header as it is written, so that a new field is changed as well.
"""

import copy
import json
import resource
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load as load_tensors
from safetensors.torch import save

from diptych import model_file
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain, several
from diptych.model_file import Dataset, Header, Network, Strip
from diptych.model_networks import discriminator_of
from diptych.networks import build_discriminator, build_generator
from diptych.tensor_file import KEY, parse_header
from diptych.translation.loading import load

MEMORY = 600_000_000  # bytes beside what the program holds
SECONDS = 3.0  # of the processor
ELSE = [
    *(None, True, 0, -1, 1, 0.5, 1e-300, 1e300, 2**16 + 1, 2**31, 10**30),
    *(float("nan"), float("inf"), "", " ", "x", "a\nb", "a\x1b[0m", "\u2028", "1", "x" * 5000),
    *([], [1], [None], ["x"], [[]], [1, 0], [0, 0], [[0, 0]], [[5, 1]], [[0, 1]] * 3, [1] * 5000),
    *({}, {"x": 1}, {"a\nb": 1}, {"name": "x"}, {"train": -1}),
]


def several_sources() -> tuple[Header, bytes]:
    """Values and labels to values at twice the size."""
    heat = Domain(name="heat", kind="values", channels=2, dtype="float32",
                  range=((-5, 5), (0, 300)), nodata=-9999)  # fmt: skip
    roads = Domain(name="roads", kind="labels", channels=3,
                   palette=("#000000", "#ff0000", "#00ff00"))  # fmt: skip
    options = {"in_channels": 5, "out_channels": 1, "base_channels": 2, "blocks": 1, "scale": 2}
    header = Header(
        generator=Network(name="residual", options=options),
        size_multiple=1,
        scale=2,
        crop_size=(32, 48),
        source=several([heat, roads]),
        target=Domain(name="depth", kind="values", channels=1, dtype="uint16", range=((0, 900),)),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="0" * 16, pairs={"train": 40, "val": 2}),
        recipe={"data": {"fit": "patches"}},
        scores={"mae": 2.5},
    )
    return header, save(build_generator("residual", **options).state_dict())


def with_discriminator() -> tuple[Header, bytes]:
    """An imported U-Net of the paper, with its discriminator."""
    options = {"in_channels": 3, "out_channels": 3, "base_channels": 1, "levels": 5, "skips": True,
               "dropout": 0.5, "dropout_layers": [1], "statistics": "batch",
               "stored_statistics": True}  # fmt: skip
    judging = {"in_channels": 6, "base_channels": 1, "receptive_field": 16, "statistics": "image"}
    header = Header(
        generator=Network(name="unet", options=options),
        discriminator=Network(name="patchgan", options=judging),
        size_multiple=32,
        crop_size=(32, 32),
        source=plain("labels"),
        target=plain("photo"),
        target_size=(40, 30),
        test=model_file.TestTime(dropout=True, normalization="stored"),
        strip=Strip(panels=2, source=0, target=1),
        dataset=Dataset(fingerprint="", pairs={}),
        picture_size=(300, 400),
        recipe={"data": {"fit": "resize"}, "train": {"epochs": 2}},
        step=3,
        seconds=1.5,
    )
    beside = build_discriminator("patchgan", **judging).state_dict()
    tensors = {f"discriminator.{name}": tensor for name, tensor in beside.items()}
    return header, save(build_generator("unet", **options).state_dict() | tensors)


def residual_u_net() -> tuple[Header, bytes]:
    """With its discriminator, which sees what a frozen network sees."""
    options = {"in_channels": 3, "out_channels": 1, "base_channels": 1, "blocks": 1,
               "noise_channels": 1}  # fmt: skip
    header = Header(
        generator=Network(name="resunet", options=options),
        discriminator=Network(name="projected", options={"base_channels": 1}),
        size_multiple=32,
        crop_size=(32, 64),
        source=plain("photo"),
        target=Domain(name="drawing", kind="gray", channels=1),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={"loss": {"features": 20.0}},
    )
    beside = build_discriminator("projected", base_channels=1).state_dict()
    tensors = {f"discriminator.{name}": tensor for name, tensor in beside.items()}
    return header, save(build_generator("resunet", **options).state_dict() | tensors)


MODELS = {make.__name__: make() for make in (several_sources, with_discriminator, residual_u_net)}


def write(path: Path, tables: Any, content: bytes) -> Path:
    """A model file of tensors, with any JSON for a header."""
    (length,) = struct.unpack("<Q", content[:8])
    head = json.loads(content[8 : 8 + length])
    head["__metadata__"] = {KEY: json.dumps(tables)}
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return path


def places(tables: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where there is something in nested tables and lists, they themselves included."""
    if here:
        yield here
    if not isinstance(tables, dict | list):
        return
    for key, inside in tables.items() if isinstance(tables, dict) else enumerate(tables):
        yield from places(inside, (*here, key))


def changes(tables: Any, place: tuple[str | int, ...]) -> Iterator[Any]:
    """The tables with what stands at one place missing, extended, or something else."""

    def changed(how: str, value: Any = None) -> Any:
        whole = copy.deepcopy(tables)
        holder = whole
        for key in place[:-1]:
            holder = holder[key]
        if how == "missing":
            del holder[place[-1]]
        elif how == "extended":
            inside = holder[place[-1]]
            inside.update(value) if isinstance(inside, dict) else inside.append(value)
        else:
            holder[place[-1]] = value
        return whole

    yield changed("missing")
    for value in ELSE:
        yield changed("replaced", value)
    inside = tables
    for key in place:
        inside = inside[key]
    if isinstance(inside, dict):
        yield changed("extended", {"unheard_of": 1})
        yield changed("extended", {"a\nb": 1})
    if isinstance(inside, list):
        yield changed("extended", inside[0] if inside else 1)
        yield changed("replaced", 300 * inside)


def arrays_of(domain: Domain) -> np.ndarray:
    """A small picture of a domain."""
    return np.ones((20, 24, domain.array_channels), domain.array_dtype)


def line(error: DiptychError, path: Path) -> str:
    """Its message, which has to be one line that names the file."""
    message = str(error)
    assert message.startswith(f"{path}: "), message
    assert message.isprintable(), message
    assert len(message) < 800, message
    return message.removeprefix(f"{path}: ")


def outcome(path: Path) -> str:
    """What loading and translating come to: nothing, or the line that says why not."""
    try:
        translator = load(path, device="cpu")
        result = translator.apply(arrays_of(translator.header.source))
        if path.suffix == ".safetensors":
            discriminator_of(path, translator.header)
    except DiptychError as error:
        return line(error, path)
    header = translator.header
    scaled = (20 * header.scale, 24 * header.scale)
    assert result.shape[:2] == (header.target_size[::-1] if header.target_size else scaled)
    assert result.shape[2] == header.target.array_channels
    assert np.isfinite(result).all()
    return ""


def header_of(tables: Any, path: Path) -> Header | str:
    """The header in the metadata of a file, of either runtime, or why there is none."""
    try:
        return parse_header(path, json.dumps(tables), Header)
    except DiptychError as error:
        return line(error, path)


@pytest.fixture
def bounded() -> Iterator[None]:
    """Within it little more memory is to be had than is held already."""
    held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_field_in_every_way(name, tmp_path, bounded):
    header, content = MODELS[name]
    tables, path = json.loads(header.model_dump_json()), tmp_path / "model.safetensors"
    assert outcome(write(path, tables, content)) == ""
    tried, refused = {header.model_dump_json()}, 0
    for place in places(tables):
        if place[:1] == ("recipe",) and len(place) > 2:
            continue  # what it says is for those who train, who check it then
        for number, changed in enumerate(changes(tables, place)):
            begun = time.process_time()
            try:
                other = header_of(changed, path)
                if isinstance(other, Header) and other.model_dump_json() not in tried:
                    tried.add(other.model_dump_json())
                    other = outcome(write(path, changed, content))
            except Exception as error:
                raise AssertionError(f"{place}, change {number}: {error!r}") from error
            assert time.process_time() - begun < SECONDS, f"{place}, change {number}"
            refused += isinstance(other, str) and other != ""
    assert refused > len(tried) > 50


def changed(tables: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The tables with another value at `a.b.c`."""
    whole = copy.deepcopy(tables)
    *path, last = key.split(".")
    holder = whole
    for part in path:
        holder = holder[part]
    holder[last] = value
    return whole


FIRST, SECOND, THIRD = MODELS


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        (FIRST, "size_multiple", 20_000, "size_multiple: "),
        (FIRST, "size_multiple", 2, "size_multiple is 2, of this residual 1"),
        (SECOND, "size_multiple", 64, "size_multiple is 64, of this unet 32"),
        (FIRST, "scale", 4, "scale is 4, of this residual 2"),
        (FIRST, "scale", 16, "scale: "),
        (FIRST, "crop_size", [5000, 5000], "crop_size is more than 16,777,216 pixels"),
        (FIRST, "crop_size", [0, 32], "crop_size.0: "),
        (SECOND, "picture_size", [0, 40], "picture_size.0: "),
        (SECOND, "picture_size", [40, 2**41], "picture_size.1: "),
        (SECOND, "picture_size", [40], "picture_size"),
        (SECOND, "target_size", [9000, 9000], "target_size is more than 67,108,864 pixels"),
        (FIRST, "target.range", [[0, 0]], "target: range: runs from the lower to the higher"),
        (FIRST, "target.range", [[2**24, 2**24 + 1]], "target: range: "),
        (FIRST, "target.range", [[-1e38, 1e39]], "target: range: "),
        (FIRST, "target.range", [], "target: range: 0 for 1 channels"),
        (FIRST, "target.dtype", "uint128", "target.dtype: "),
        (FIRST, "target.dtype", "object", "target.dtype: "),
        (FIRST, "target.kind", "rgba", "target: channels: rgba has 4, not 1"),
        (FIRST, "target.kind", "several", "target: "),
        (FIRST, "target.channels", 2, "target.channels is 2, of this residual 1"),
        (FIRST, "target.name", "a\nb", "target.name: holds control characters"),
        (FIRST, "target.name", "\t", "target.name: "),
        (SECOND, "target.kind", "lightness", "target: channels: lightness has 1, not 3"),
        (SECOND, "target.nodata", 5, "target: nodata: rgb has none"),
        (SECOND, "source.dtype", "uint16", "source: dtype: rgb is uint8, not uint16"),
        (SECOND, "source.kind", "values", ""),
        (FIRST, "source.channels", 6, "source: channels: several has 5, not 6"),
        (FIRST, "source.parts", [], "source: parts: "),
        (FIRST, "test.normalization", "stored", "test.normalization: this generator has no stored"),
        (SECOND, "strip.target", 0, "strip: source and target are two of the 2 panels"),
        (SECOND, "strip.target", 2, "strip: source and target are two of the 2 panels"),
        (FIRST, "dataset.pairs", {"trian": 4}, "dataset.pairs.trian"),
        (FIRST, "dataset.pairs", {"train": -4}, "dataset.pairs.train: "),
        (FIRST, "scores", {"l1": float("nan")}, "NaN is no number"),
        (FIRST, "scores", {"L 1": 1.0}, "scores.L 1"),
        (FIRST, "seconds", 1e999, "Infinity is no number"),
        (FIRST, "step", -1, "step: "),
        (FIRST, "generator.name", "later", "generator.name 'later' is not known: one of unet, "),
        (FIRST, "generator.name", "unet", "generator.options: unet has no 'blocks'"),
        (FIRST, "generator.options.blocks", 2, "does not fit its own header: blocks.1.first.bias"),
        (FIRST, "generator.options.blocks", 60_000, "the network has more layers"),
        (FIRST, "generator.options.blocks", 10**9, "generator.options.blocks: 1000000000, more"),
        (FIRST, "generator.options.base_channels", 2**16, "does not fit its own header: "),
        (FIRST, "generator.options.base_channels", 0, "does not fit its own header: "),
        (FIRST, "generator.options.name", "x", "generator.options: residual has no 'name'"),
        (FIRST, "generator.options.noise_channels", 1, "does not fit its own header: "),
        (FIRST, "generator.options.noise_channels", "1", "generator.options.noise_channels: "),
        (SECOND, "generator.options.levels", 60_000, "levels: 60000, not from 2 to 10"),
        (SECOND, "generator.options.levels", 1, "generator.options.levels: 1, not from 2"),
        (SECOND, "generator.options.statistics", "mine", "generator.options.statistics: "),
        (SECOND, "generator.options.dropout_layers", [1] * 100, "dropout_layers: 100, more than"),
        (SECOND, "generator.options.dropout", 2.0, "generator unet: "),
        (SECOND, "discriminator.options.receptive_field", 70, "does not fit its own header: "),
        (SECOND, "discriminator.options.receptive_field", 71, "discriminator patchgan: "),
        (SECOND, "discriminator.name", "later", "discriminator.name 'later' is not known"),
        (THIRD, "size_multiple", 16, "size_multiple is 16, of this resunet 32"),
        (THIRD, "scale", 2, "scale is 2, of this resunet 1"),
        (THIRD, "generator.options.statistics", "image", "resunet has no 'statistics'"),
        (THIRD, "generator.options.blocks", 2, "does not fit its own header: generator.blocks.1."),
        (THIRD, "generator.options.blocks", 60_000, "the network has more layers"),
        (THIRD, "discriminator.options.base_channels", 2, "does not fit its own header: "),
        (THIRD, "discriminator.options.receptive_field", 70, "has no 'receptive_field'"),
        (THIRD, "discriminator.name", "patchgan", "does not fit its own header: "),
        (SECOND, "recipe", {"data": {"a\nb": 1}}, "recipe.data."),
        (SECOND, "version", 2**20 * "1", "1,048,576"),
    ],
)
def test_what_is_wrong_is_said(name, key, value, words, tmp_path, bounded):
    header, content = MODELS[name]
    tables = changed(json.loads(header.model_dump_json()), key, value)
    message = outcome(write(tmp_path / "model.safetensors", tables, content))
    assert words in message
    assert bool(message) == bool(words)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("half", [False, True])
def test_weights_are_finite(value, half, tmp_path):
    header, content = several_sources()
    tensors = load_tensors(content)
    name = max(tensors)
    tensors = {key: tensor.half() if half else tensor for key, tensor in tensors.items()}
    tensors[name].view(-1)[-1] = value
    path = write(tmp_path / "m", json.loads(header.model_dump_json()), save(tensors))
    with pytest.raises(
        DiptychError, match=f"{name} has weights that are NaN or infinite"
    ) as caught:
        load(path)
    line(caught.value, path)


def test_weights_are_floating_point(tmp_path):
    header, content = MODELS[FIRST]
    (length,) = struct.unpack("<Q", content[:8])
    whole = (
        content[:8] + content[8 : 8 + length].replace(b'"F32"', b'"I32"') + content[8 + length :]
    )
    path = write(tmp_path / "model.safetensors", json.loads(header.model_dump_json()), whole)
    assert "weights are floating-point" in outcome(path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("target.name", "photo", ""),
        ("source", {"name": "a", "kind": "lightness", "channels": 1}, ""),
        ("source", {"name": "a", "kind": "values", "channels": 1}, "the network alone"),
        ("target", {"name": "a", "kind": "labels", "channels": 3}, "does not fit its header"),
        ("target", {"name": "a", "kind": "values", "dtype": "int16"}, "does not fit its header"),
        ("scale", 2, "makes an array of (1, 20, 24, 3) where its header says (1, 40, 48, 3)"),
        ("target.range", [[0, 0]], "damaged header: target: range: "),
        ("crop_size", [0, 0], "damaged header: crop_size.0: "),
    ],
)
def test_an_exported_model_is_compared_with_its_header(key, value, words, tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs ONNX: pip install 'diptych[onnx]'")
    pytest.importorskip("onnxruntime")
    model = onnx.load(Path(__file__).with_name("written_before") / "model.onnx")
    (entry,) = (entry for entry in model.metadata_props if entry.key == KEY)
    entry.value = json.dumps(changed(json.loads(entry.value), key, value))
    onnx.save(model, tmp_path / "model.onnx")
    message = outcome(tmp_path / "model.onnx")
    assert words in message
    assert bool(message) == bool(words)


def test_noise_beside_the_source_changes_neither_channels_nor_scale(tmp_path):
    options = {"base_channels": 2, "blocks": 1, "scale": 2, "noise_channels": 1}
    tables = json.loads(MODELS[SECOND][0].model_dump_json()) | {
        "generator": {"name": "residual", "options": options},
        "discriminator": None,
        "size_multiple": 1,
        "scale": 2,
        "target_size": None,
        "test": {},
    }
    content = save(build_generator("residual", **options).state_dict())
    assert outcome(write(tmp_path / "model.safetensors", tables, content)) == ""
