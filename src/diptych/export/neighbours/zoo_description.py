"""A model in the terms of the BioImage Model Zoo: its axes, data, steps before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from diptych.errors import DiptychError
from diptych.export.neighbours.mosaics import mosaic
from diptych.export.neighbours.plain_graph import OPSET
from diptych.export.onnx_export import Pair
from diptych.export.onnx_graph import SOURCE, TRANSLATED
from diptych.export.parity import Parity, difference_in_words
from diptych.images.display import displayed
from diptych.images.domain import Domain
from diptych.images.rgb import resize
from diptych.images.writing import write_values
from diptych.model_file import Header
from diptych.tensor_file import first_fault
from diptych.translation.onnx_translator import OnnxTranslator

COVER = 256  # pixels a side of each half
LEAST_NAME = 5  # letters that the zoo asks of a name
PAPER = (
    "Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks, "
    "CVPR 2017"
)
DOI = "10.1109/CVPR.2017.632"


@dataclass(frozen=True)
class Attribution:
    """Whose a package is, and on which terms: SPDX's name of a licence, as `CC-BY-4.0`."""

    license: str
    authors: tuple[str, ...]

    def check(self) -> None:
        """Raise DiptychError where the zoo takes no such licence, or name."""
        from bioimageio.spec.model import v0_5 as zoo

        try:
            zoo.LicenseId(self.license)
        except ValidationError:
            raise DiptychError(
                f"--license {self.license!r}: not a licence by its name at spdx.org, as CC-BY-4.0"
            ) from None
        for author in self.authors:
            try:
                zoo.Author(name=author)
            except ValidationError as error:
                raise DiptychError(f"--author {author!r}: {first_fault(error)}") from None


def describe(
    folder: Path,
    content: bytes,
    exported: OnnxTranslator,
    header: Header,
    proof: Sequence[Pair],
    attribution: Attribution,
    parity: Parity,
    halo: int,
) -> Any:
    """The zoo's description of a model, its files lying in `folder`."""
    from bioimageio.spec.model import v0_5 as zoo

    source, target = header.source, header.target
    least = 2 * halo + header.size_multiple
    pair = mosaic(proof, (least, least), header.scale) if halo else proof[0]
    result = exported.translate(pair[0][None])
    given = np.ascontiguousarray(np.moveaxis(pair[0][None], 3, 1)).astype(_dtype(source))
    made = _as_shown(exported, given, header, result)
    for end, tensor in (("input", given), ("output", made)):
        np.save(folder / f"test-{end}.npy", tensor)
        write_values(folder / f"sample-{end}.tif", np.moveaxis(tensor[0], 0, 2))
    (folder / "weights.onnx").write_bytes(content)
    _cover(pair[0], result[0], header).save(folder / "cover.png")
    (folder / "README.md").write_text(_card(header, parity, len(proof), halo), "utf-8")
    size = zoo.ParameterizedSize(min=least, step=header.size_multiple if halo else 1)
    own = {"y": size, "x": size}
    inputs = zoo.InputTensorDescr(
        id=zoo.TensorId(SOURCE),
        axes=[
            zoo.BatchAxis(size=1),
            zoo.ChannelAxis(channel_names=_channel_names(source)),
            *(zoo.SpaceInputAxis(id=zoo.AxisId(side), size=own[side]) for side in own),
        ],
        test_tensor=zoo.FileDescr(source=folder / "test-input.npy"),
        sample_tensor=zoo.FileDescr(source=folder / "sample-input.tif"),
        data=zoo.IntervalOrRatioDataDescr(type=_dtype(source)),
        preprocessing=_preprocessing(source, zoo),
    )
    axis = zoo.SpaceOutputAxisWithHalo if halo else zoo.SpaceOutputAxis
    outputs = zoo.OutputTensorDescr(
        id=zoo.TensorId(TRANSLATED),
        axes=[
            zoo.BatchAxis(size=1),
            zoo.ChannelAxis(channel_names=_channel_names(target)),
            *(
                axis(
                    id=zoo.AxisId(side),
                    size=zoo.SizeReference(tensor_id=inputs.id, axis_id=zoo.AxisId(side)),
                    scale=1 / header.scale,
                    **({"halo": header.scale * halo} if halo else {}),
                )
                for side in own
            ),
        ],
        test_tensor=zoo.FileDescr(source=folder / "test-output.npy"),
        sample_tensor=zoo.FileDescr(source=folder / "sample-output.tif"),
        data=zoo.IntervalOrRatioDataDescr(type=_result_dtype(target)),
        postprocessing=_postprocessing(target, zoo),
    )
    return zoo.ModelDescr(
        name=_zoo_name(f"{source.name} to {target.name}"),
        description=f"{source.name} to {target.name}, a {header.generator.name} made with diptych",
        authors=[zoo.Author(name=name) for name in attribution.authors],
        license=attribution.license,
        cite=[zoo.CiteEntry(text=PAPER, doi=DOI)],
        covers=[zoo.FileDescr(source=folder / "cover.png")],
        documentation=zoo.FileDescr(source=folder / "README.md"),
        tags=["image-to-image", "pix2pix", "diptych"],
        inputs=[inputs],
        outputs=[outputs],
        weights=zoo.WeightsDescr(
            onnx=zoo.OnnxWeightsDescr(
                source=folder / "weights.onnx", opset_version=OPSET, comment="by diptych export"
            )
        ),
    )


def _dtype(domain: Domain) -> str:
    """What programs hold pictures of a domain in."""
    if domain.parts:
        return str(domain.array_dtype)
    return "float32" if domain.dtype == "float16" else domain.dtype


def _result_dtype(target: Domain) -> str:
    return "float32" if target.kind == "labels" else _dtype(target)


def _as_shown(
    exported: OnnxTranslator, given: np.ndarray, header: Header, result: np.ndarray
) -> np.ndarray:
    """A result `(N, C, H, W)` as a program has it after the last step."""
    if header.target.kind != "labels":
        return np.ascontiguousarray(np.moveaxis(result, 3, 1)).astype(_dtype(header.target))
    arrays = np.moveaxis(given, 1, 3).astype(header.source.array_dtype)
    return exported.maps(arrays)


def _preprocessing(source: Domain, zoo: Any) -> list[Any]:
    """Numbers as a file has them, brought to those that the graph takes."""
    parts = source.parts or (source,)
    gains = [1 / 255 if p.is_picture else 1.0 for p in parts for _ in range(p.array_channels)]
    steps = []
    if len(set(gains)) == 1 and gains[0] != 1:
        steps = [zoo.ScaleLinearDescr(kwargs=zoo.ScaleLinearKwargs(gain=gains[0]))]
    elif set(gains) != {1.0}:
        along = zoo.ScaleLinearAlongAxisKwargs(axis=zoo.AxisId("channel"), gain=gains)
        steps = [zoo.ScaleLinearDescr(kwargs=along)]
    return [*steps, zoo.EnsureDtypeDescr(kwargs=zoo.EnsureDtypeKwargs(dtype="float32"))]


def _postprocessing(target: Domain, zoo: Any) -> list[Any]:
    """Results of the graph, brought to numbers as a file has them.

    They are cut to whole ones, so half a level of colours comes before; values are whole already.
    """
    last = zoo.EnsureDtypeDescr(kwargs=zoo.EnsureDtypeKwargs(dtype=_result_dtype(target)))
    if target.is_picture:
        gain = zoo.ScaleLinearKwargs(gain=255.0, offset=0.5)
        return [zoo.ScaleLinearDescr(kwargs=gain), last]
    return [last]


def _channel_names(domain: Domain) -> list[str]:
    """One for each channel, as the zoo takes names: of letters, digits and underscores."""
    if domain.parts:
        return [name for part in domain.parts for name in _channel_names(part)]
    if domain.kind == "labels":
        base, count = "class", domain.channels
    elif domain.array_channels in {3, 4} and domain.is_picture:
        return ["red", "green", "blue", "alpha"][: domain.array_channels]
    else:
        base, count = "channel", domain.array_channels
    return [f"{base}{i}" for i in range(count)]


def _zoo_name(text: str) -> str:
    """A name in the letters that the zoo takes."""
    own = (char.isascii() and (char.isalnum() or char in "_+- ()") for char in text)
    kept = "".join(char if its else " " for char, its in zip(text, own, strict=True))
    name = " ".join(kept.split())[:128]
    return name if len(name) >= LEAST_NAME else f"a model {name}".strip()


def _cover(source: np.ndarray, result: np.ndarray, header: Header) -> Image.Image:
    """Source and result, side by side."""
    halves = []
    for array, domain in ((source, header.source), (result, header.target)):
        shown = Image.fromarray(displayed(array[None], domain)[0][..., :3])
        side = min(shown.size)
        halves.append(np.asarray(resize(shown.crop((0, 0, side, side)), (COVER, COVER))))
    return Image.fromarray(np.concatenate(halves, axis=1))


def _card(header: Header, parity: Parity, pairs: int, halo: int) -> str:
    """What a person has to know, as Markdown."""
    scores = ", ".join(f"{name} {value:.4g}" for name, value in parity.scores.items())
    large = f"{header.scale} times as large" if header.scale > 1 else "of the same size"
    tiles = (
        f"Tiles are exact from {halo} pixels inside: that far the model sees."
        if halo
        else "Give it whole pictures: tiles show seams."
    )
    return f"""# {header.source.name} to {header.target.name}

Translates pictures of {header.source.name} to {header.target.name}, {large}. A
{header.generator.name} trained by diptych, as in [pix2pix](https://arxiv.org/abs/1611.07004), on
{header.dataset.training_pairs} at {header.crop_size[1]}x{header.crop_size[0]} pixels. {tiles}

It knows what its training pairs showed, and makes something up for all else: what it adds is no
measurement.

## Validation

On {pairs} pairs: {scores or "no scores"}. Results differ from those of the trained model by
{difference_in_words(parity, header.target)}. Compare them with targets that it never saw, by the
scores of your field.
"""
