"""A page of a small model, exported once: for what it holds, and for how it works in a browser."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from diptych import model_file
from diptych.errors import DiptychError
from diptych.export.page.web_page import export_page, read_samples
from diptych.export.page.web_runtime import runtime_by_npm
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network, Strip
from diptych.networks import build_generator
from diptych.translation.network_translator import NetworkTranslator

SIDE = 64


@pytest.fixture(scope="session")
def page_translator() -> NetworkTranslator:
    options = {"base_channels": 4, "levels": 5}
    header = Header(
        generator=Network(name="unet", options=options),
        size_multiple=32,
        crop_size=(SIDE, SIDE),
        source=plain("drawing"),
        target=plain("colour"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="0" * 16, pairs={"train": 6}),
        strip=Strip(panels=2, source=0, target=1),
        recipe={"data": {"load_size": SIDE, "crop_size": SIDE}},
    )
    torch.manual_seed(0)
    generator = build_generator("unet", **options)
    nn.init.normal_(generator.out.weight, 0, 0.5)  # answers that differ from pixel to pixel
    return NetworkTranslator(header, generator)


@pytest.fixture(scope="session")
def page_pairs(tmp_path_factory) -> Path:
    """Circles in lines of three pixels, beside the same in colour; their terms."""
    folder = tmp_path_factory.mktemp("pairs")
    for i in range(6):
        pair = Image.new("RGB", (2 * SIDE, SIDE), "white")
        pen = ImageDraw.Draw(pair)
        box = (8 + i, 8, 40 + 2 * i, 40 + i)
        pen.ellipse(box, outline="black", width=3)
        pen.ellipse([x + y for x, y in zip(box, (SIDE, 0, SIDE, 0), strict=True)], fill="teal")
        (folder / "train").mkdir(exist_ok=True)
        pair.save(folder / "train" / f"{i}.png")
    (folder / "TERMS.txt").write_text("Circles <of nobody>, for all.\n")
    return folder


@pytest.fixture(scope="session")
def web_runtime() -> dict[str, bytes]:
    if shutil.which("npm") is None:
        pytest.skip("needs npm, which fetches ONNX Runtime Web")
    try:
        return runtime_by_npm()
    except DiptychError as error:
        pytest.skip(f"needs ONNX Runtime Web: {error}")


@pytest.fixture(scope="session")
def page_folder(
    page_translator, page_pairs, web_runtime, tmp_path_factory, graphs_built_once
) -> Path:
    folder = tmp_path_factory.mktemp("page")
    samples = read_samples(page_translator, [page_pairs / "train"], "source")
    export_page(
        page_translator,
        folder,
        page_pairs,
        precision="fp32",
        runtime=web_runtime,
        samples=samples,
    )
    return folder
