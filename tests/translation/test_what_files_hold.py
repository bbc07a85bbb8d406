"""Files of any numbers, given to models of others: right, or one line; never black."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from tests.translation.jobs.of_function import OfFunction

from diptych.data.pairs import Pair, Picture
from diptych.data.prepare import prepared
from diptych.errors import DiptychError
from diptych.images.arrays import finished, read_array
from diptych.images.domain import Domain, plain
from diptych.images.encoding import data_mask
from diptych.images.values import probe, read_values
from diptych.serving.answers import Wishes, translated
from diptych.serving.models import Served
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import Outcome, translate_files
from diptych.translation.translator import Translator

RANDOM = np.random.default_rng(0)


def of_domains(source: Domain, target: Domain) -> Translator:
    """What it is given, in the target's type."""
    made = OfFunction(lambda pictures: pictures)
    made.header = made.header.model_copy(update={"source": source, "target": target})
    return made


def values(dtype: str, nodata: float | None = None, channels: int = 1) -> Domain:
    return Domain(
        name="heights", kind="values", channels=channels, dtype=dtype, nodata=nodata,
        range=((0, 9),),
    )  # fmt: skip


def run(translator: Translator, folder: Path) -> Outcome:
    return translate_files(translator, plan_files([str(folder)], folder.parent / "out", "tif"))


OTHERS = [
    *[(dtype, 1) for dtype in ("int8", "int16", "int32", "uint32", "int64", "uint64", "float64")],
    *[(dtype, 3) for dtype in ("int16", "uint32", "float16", "float32")],
    *[(dtype, 5) for dtype in ("uint8", "uint16", "float32")],
]


@pytest.mark.parametrize("ending", ["tif", "npy", "tif named png"])
@pytest.mark.parametrize(("dtype", "channels"), OTHERS)
def test_numbers_given_to_a_model_of_8_bits(dtype, channels, ending, tmp_path):
    """Read for training and scoring, by the translator, a folder's job, the server: one line."""
    numbers = (RANDOM.random((8, 9, channels)) * 100).astype(dtype)
    path = tmp_path / "in" / ("a.npy" if ending == "npy" else "a.tif")
    path.parent.mkdir()
    if ending == "npy":
        np.save(path, numbers)
    else:
        colours = {"photometric": "rgb"} if channels > 2 else {"photometric": "minisblack"}
        tifffile.imwrite(path, np.squeeze(numbers), **colours)
    if "named" in ending:
        path = path.rename(path.with_suffix(".png"))
    translator = of_domains(plain("drawing"), plain("photo"))
    Image.new("RGB", (9, 8)).save(path.with_name("good.png"))
    pair = Pair("a", Picture(path), Picture(path.with_name("good.png")))
    served = Served("mine", translator)
    outcome = run(translator, path.parent)
    assert outcome.translated == 1
    lines = [*outcome.failures]
    for read in (
        lambda: translator(path),
        lambda: prepared(pair, (plain("drawing"), plain("photo")), None),
        lambda: translated(served, path.read_bytes(), Wishes(), path.name),
    ):
        with pytest.raises(DiptychError) as caught:
            read()
        lines.append(str(caught.value))
    held = f"holds {channels} channel{'s' * (channels > 1)} of {dtype}, but drawing takes 8-bit"
    assert len(lines) == 4
    for line in lines:
        assert held in line
        assert path.name.split(".")[0] in line
        assert "\n" not in line


def test_images_that_are_no_pictures_are_refused_too():
    translator = of_domains(plain("drawing"), plain("photo"))
    for dtype in (np.int32, np.float32):
        with pytest.raises(DiptychError, match="have no stated range"):
            translator(Image.fromarray(np.ones((8, 9), dtype)))


def test_a_bare_array_of_8_bits_trains_as_values(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((8, 9, 3), np.uint8))
    assert not probe(tmp_path / "a.npy").plain


TOPS = {
    "int64": (2**63 - 1, -(2**63)),
    "uint64": (2**64 - 1, 0),
    "int32": (2**31 - 1, -(2**31)),
    "uint16": (65535, 0),
}


@pytest.mark.parametrize("text", ["none", "", "nan", "-9999", "3.4e38", "1e400", "7", "max"])
@pytest.mark.parametrize("dtype", [*TOPS, "float32", "float64"])
def test_extreme_numbers_and_any_nodata_are_translated(dtype, text, tmp_path):
    """What the tag says means no data where numbers can be it, and the result says the same."""
    (tmp_path / "in").mkdir()
    high, low = TOPS.get(dtype, (1e30, -1e30))
    text = str(high) if text == "max" else text
    numbers = np.array([[high, low, 7, 0]], dtype).repeat(4, 0)
    tifffile.imwrite(tmp_path / "in" / "a.tif", numbers, extratags=[(42113, 2, 0, text, True)])
    nodata = probe(tmp_path / "in" / "a.tif").nodata
    possible = {str(high), "7"} | ({"-9999"} if dtype[0] in "if" else set())
    possible |= {"3.4e38"} if dtype[0] == "f" else set()
    assert nodata == (float(text) if text in possible else None)
    translator = of_domains(values(dtype, nodata), values(dtype, nodata))
    translator.function = lambda pictures: np.stack(
        [_as_network(picture, translator.header) for picture in pictures]
    )
    outcome = run(translator, tmp_path / "in")
    assert (outcome.translated, outcome.failures) == (1, [])
    found = read_values(tmp_path / "out" / "a.tif")[..., 0]
    said = probe(tmp_path / "out" / "a.tif").nodata
    assert said == nodata or (dtype[0] == "f" and np.float32(said) == np.float32(nodata))
    if nodata is not None:
        assert np.array_equal(found == nodata, numbers == nodata)
    if dtype[0] != "f":
        assert np.array_equal(found, numbers)


def _as_network(picture: np.ndarray, header) -> np.ndarray:
    mask = data_mask(torch.from_numpy(picture)[None], header.source)
    return finished(
        picture if mask is None else np.where(mask[0].numpy(), picture, np.nan), header.target
    )


def test_what_is_beyond_float32_holds_no_data(tmp_path):
    numbers = np.array([[-1.7976931348623157e308, 1.0, np.nan]])
    tag = (42113, 2, 0, "-1.7976931348623157e+308", True)
    tifffile.imwrite(tmp_path / "a.tif", numbers, extratags=[tag])
    assert probe(tmp_path / "a.tif").nodata is None
    found = read_array(tmp_path / "a.tif", values("float64"))
    assert np.array_equal(found[0, :, 0], [np.nan, 1, np.nan], equal_nan=True)


def test_a_model_that_was_written_with_an_impossible_nodata_still_writes(tmp_path):
    results = np.array([[[np.nan], [3.0]]], np.float32)
    assert finished(results, values("uint16", -9999.0)).ravel().tolist() == [0, 3]


def test_one_bad_file_is_named_and_the_folder_goes_on(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "c"):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", np.ones((4, 4), np.uint16))
    tifffile.imwrite(tmp_path / "in" / "b.tif", np.ones((4, 4), np.int64))
    outcome = run(of_domains(values("uint16"), values("uint16")), tmp_path / "in")
    assert outcome.translated == 2
    (line,) = outcome.failures
    assert "b.tif: 1 channels of int64, but heights has 1 channels of uint16" in line


def test_the_server_sends_no_numbers_that_a_format_would_change(tmp_path):
    Image.new("RGB", (9, 8)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    served = Served("mine", of_domains(plain("drawing"), values("uint16")))
    for form in ("jpg", "webp"):
        with pytest.raises(DiptychError, match=rf"^format {form}: .* png, tif, npy keep them"):
            translated(served, content, Wishes(form))
    with pytest.raises(DiptychError, match=r"^format 'gif': one of png, tif, npy"):
        translated(served, content, Wishes("gif"))
