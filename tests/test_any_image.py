"""Real pairs of other depths and channel counts, from files through training to files."""

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

import diptych
from diptych.commands import app as cli
from diptych.images.arrays import resized
from diptych.images.values import read_values
from diptych.images.writing import write_values
from diptych.model_file import Header, read_header

TINY = {
    "data.load_size": 72,
    "data.crop_size": 64,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "train.steps": 3,
    "train.learning_rate": 2e-3,
    "train.log_steps": 1,
}


def sides(source: str, target: str, **changes) -> dict[str, object]:
    return TINY | {"data.source": source, "data.target": target} | changes


def trained(data: Path, run: Path, changes: dict[str, object]) -> Header:
    diptych.train("pix2pix", data=data, out=run, overrides=changes, device="cpu")
    assert (run / "report.html").is_file()
    assert list((run / "previews").iterdir())
    return read_header(run / "model.safetensors")


def called(*words: str) -> int:
    """The exit status of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["diptych", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    return int(stopped.value.code or 0)


def translated(run: Path, pictures: Path, out: Path, *options: str) -> Path:
    assert called("translate", str(run), str(pictures), "--out", str(out), *options) == 0
    return out


def test_depth_in_16_bits(shared_data, tmp_path):
    """Colour -> depth in sensor units, where 0 means no reading; read back by Pillow."""
    data, nodata = shared_data / "rgbd16", {"domain.depth.nodata": 0}
    nodata["data.fit"] = "resize"  # whole, as they are below
    header = trained(data, tmp_path / "run", sides("color", "depth", **nodata))
    target = header.target
    assert (target.kind, target.channels, target.dtype, target.nodata) == ("values", 1, "uint16", 0)
    ((low, high),) = target.range
    assert 0 < low < 1000
    assert 9000 < high < 10000
    assert header.scores["mae"] < 10000
    out = translated(tmp_path / "run", data / "color", tmp_path / "out")
    for path in (data / "color").iterdir():
        with Image.open(out / f"{path.stem}.png") as image:
            assert image.size == (640, 480)
            assert image.mode == "I;16"
            values = np.asarray(image)
        assert low - 1 <= values.min() <= values.max() <= high + 1
    found = diptych.evaluate(diptych.load(tmp_path / "run"), data, split="all")
    assert {"mae", "rmse"} <= found.scores.keys()
    # The error in sensor units, worked out by hand for one of them.
    path = data / "depth" / "1.pgm"
    size = header.crop_size
    truth = resized(read_values(path).astype(np.float32), size, target)
    colour = resized(read_values(data / "color" / "1.png"), size, header.source)
    made = diptych.load(tmp_path / "run").apply(colour).astype(float)
    expected = np.abs(made - truth)[truth != 0].mean()
    assert found.images["1"]["mae"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_bands_of_satellites_keep_their_place_on_earth(shared_data, tmp_path):
    """Radar, two bands of floats -> optical, twelve of 16 bits; read back by GDAL."""
    data = shared_data / "geotiff"
    header = trained(data, tmp_path / "run", sides("S1RTC", "S2L2A"))
    assert (header.source.channels, header.source.dtype) == (2, "float64")
    assert (header.target.channels, header.target.dtype) == (12, "int16")
    assert len(header.target.range) == 12
    out = translated(tmp_path / "run", data / "S1RTC", tmp_path / "out")
    for path in (data / "S1RTC").glob("*.tif"):
        with rasterio.open(path) as source, rasterio.open(out / path.name) as result:
            assert (result.count, result.height, result.width) == (12, 224, 224)
            assert set(result.dtypes) == {"int16"}
            assert result.crs == source.crs
            assert result.crs is not None
            assert result.transform == source.transform
            bands = result.read()
        for band, (low, high) in zip(bands, header.target.range, strict=True):
            assert low - 1 <= band.min() <= band.max() <= high + 1
    colours = sides("S1RTC", "S2RGB")
    trained(data, tmp_path / "rgb", colours)
    out = translated(tmp_path / "rgb", data / "S1RTC", tmp_path / "rgb out", "--format", "tif")
    with rasterio.open(out / path.name) as result, rasterio.open(path) as source:
        assert result.dtypes == ("uint8",) * 3
        assert (result.crs, result.transform) == (source.crs, source.transform)


def test_land_cover_as_classes(shared_data, tmp_path):
    """Optical -> classes 1 to 9 by cross-entropy, and classes one-hot -> optical."""
    data = shared_data / "geotiff"
    classes = {"domain.LULC.kind": "labels", "domain.LULC.classes": 10}
    header = trained(data, tmp_path / "run", sides("S2RGB", "LULC", **classes))
    assert (header.target.kind, header.target.channels) == ("labels", 10)
    assert {"accuracy", "iou"} <= header.scores.keys()
    assert 0 <= header.scores["accuracy"] <= 1
    out = translated(tmp_path / "run", data / "S2RGB", tmp_path / "out", "--format", "tif")
    path = next((data / "S2RGB").glob("*.tif"))
    with rasterio.open(out / path.name) as result:
        assert (result.count, result.dtypes) == (1, ("uint8",))
        assert result.read().max() < 10
    back = trained(data, tmp_path / "back", sides("LULC", "S2RGB", **classes))
    assert back.generator.options["in_channels"] == 10
    few = {"domain.LULC.kind": "labels", "domain.LULC.classes": 3}
    with pytest.raises(diptych.DiptychError, match=r"\.tif: label \d in .* 3 classes, 0 to 2"):
        trained(data, tmp_path / "few", sides("S2RGB", "LULC", **few))


def test_the_cross_entropy_learns_the_classes(tmp_path):
    """Halves of a picture: one class where it is light, the other where it is dark."""
    palette = ("#102030", "#f0e0d0")
    for i in range(6):
        pixels = np.zeros((64, 64, 1), np.uint8)
        pixels[:, 8 * i : 8 * i + 20] = 1
        write_values(tmp_path / "data" / "labels" / f"{i}.png", pixels, palette=palette)
        light = Image.fromarray(pixels[..., 0] * 200).convert("RGB")
        (tmp_path / "data" / "photo").mkdir(exist_ok=True)
        light.save(tmp_path / "data" / "photo" / f"{i}.png")
    changes = sides(
        "photo",
        "labels",
        **{
            "domain.labels.kind": "labels",
            "domain.labels.palette": list(palette),
            "data.load_size": 64,
            "train.steps": 40,
            "train.learning_rate": 4e-3,
            "generator.base_channels": 8,
            "loss.adversarial": "none",
        },
    )
    header = trained(tmp_path / "data", tmp_path / "run", changes)
    assert header.scores["iou"] > 0.9
    out = translated(tmp_path / "run", tmp_path / "data" / "photo", tmp_path / "out")
    with Image.open(out / "2.png") as image:
        assert image.mode == "P"
        colours = {colour for _, colour in image.convert("RGB").getcolors()}
    assert colours <= {(16, 32, 48), (240, 224, 208)}


@pytest.mark.parametrize(
    ("folder", "source", "target", "kind"),
    [("ct_mri", "CT", "MRI", "values"), ("roadscene", "visible", "infrared", "auto")],
)
def test_gray_pictures_of_medicine_and_heat(folder, source, target, kind, shared_data, tmp_path):
    changes = {"domain.source.kind": kind, "domain.target.kind": kind, "train.steps": 1}
    header = trained(shared_data / folder, tmp_path / "run", sides(source, target, **changes))
    assert header.target.kind == ("values" if kind == "values" else "gray")
    assert header.source.channels == (3 if folder == "roadscene" else 1)
    assert header.target.channels == 1
    path = next((shared_data / folder / source).iterdir())
    out = translated(tmp_path / "run", path, tmp_path / "out")
    with Image.open(path) as given, Image.open(out / f"{path.stem}.png") as made:
        assert made.size == given.size
        assert made.mode == "L"


@pytest.mark.parametrize("fit", ["resize", "patches"])
def test_pixels_without_data_are_not_learned_from_and_come_out_empty(fit, tmp_path):
    """Half of every target is empty, and holds a value far off all others."""
    random = np.random.default_rng(0)
    for i in range(6):
        source = random.normal(5, 1, (64, 64, 1)).astype(np.float32)
        target = np.full((64, 64, 1), 20, np.float32) + i
        target[:32] = -9999
        source[:, 48:] = np.nan
        write_values(tmp_path / "data" / "in" / f"{i}.tif", source)
        write_values(tmp_path / "data" / "out" / f"{i}.tif", target, nodata=-9999)
    changes = {"data.fit": fit, "train.steps": 2}
    header = trained(tmp_path / "data", tmp_path / "run", sides("in", "out", **changes))
    assert header.target.nodata == -9999
    ((low, high),) = header.target.range
    assert 20 <= low < high <= 25, "of the training pairs, empty pixels left out"
    assert header.scores["mae"] <= 5, "empty pixels are not scored either"
    out = translated(tmp_path / "run", tmp_path / "data" / "in", tmp_path / "made")
    made = read_values(out / "0.tif")
    assert (made[:, 48:] == -9999).all()
    assert ((made[:, :48] >= low) & (made[:, :48] <= high)).all()
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(out / "0.tif") as result:
        assert result.nodata == -9999


@pytest.mark.slow
def test_crops_that_are_no_square(shared_data, tmp_path):
    data = shared_data / "facades"
    changes = TINY | {"data.load_size": [72, 136], "data.crop_size": [64, 128]}
    changes |= {"augment.rotation": 10, "train.steps": 1, "train.validation_pairs": 2}
    header = trained(data, tmp_path / "run", changes)
    assert header.crop_size == (64, 128)
    assert header.generator.options["levels"] == 6
    with Image.open(next((tmp_path / "run" / "previews").iterdir())) as sheet:
        assert sheet.width > 3 * 128
    with pytest.raises(diptych.DiptychError, match="30 is below 32"):
        trained(data, tmp_path / "odd", changes | {"data.crop_size": [64, 30]})


def test_several_sources_are_one(shared_data, tmp_path):
    """Colours of 8 bits and heights of 16 -> classes: the channels one after the other."""
    data = shared_data / "geotiff"
    changes = TINY | {
        "data.sources": ["S2RGB", "DEM"],
        "data.target": "LULC",
        "domain.DEM.range": [0, 100],
        "domain.LULC.kind": "labels",
        "domain.LULC.classes": 10,
        "augment.rotation": 20,
    }
    header = trained(data, tmp_path / "run", changes)
    assert [part.name for part in header.source.parts] == ["S2RGB", "DEM"]
    assert (header.source.name, header.source.channels) == ("S2RGB + DEM", 4)
    assert header.source.parts[1].range == ((0, 100),)
    given = ("--source", f"DEM={data / 'DEM'}", "--source", f"S2RGB={data / 'S2RGB'}")
    words = ["translate", str(tmp_path / "run"), "--out", str(tmp_path / "out"), *given]
    assert called(*words) == 0
    paths = sorted((data / "DEM").glob("*.tif"))
    assert sorted(p.stem for p in (tmp_path / "out").iterdir()) == [p.stem for p in paths]
    translator = diptych.load(tmp_path / "run")
    both = translator.read(data / "S2RGB" / paths[0].name, paths[0])
    assert both.shape == (224, 224, 4)
    made = read_values(tmp_path / "out" / f"{paths[0].stem}.png")
    assert np.array_equal(made, translator.apply(both))
    scores = diptych.evaluate(translator, data, split="all")
    assert scores["iou"].count == 3
    # One source more, one less, another name, and pictures without names.
    for wrong in (given[:2], (*given, "--source", "x=y"), ("--source", f"A={data}"), (str(data),)):
        assert called("translate", str(tmp_path / "run"), "--out", "x", *wrong) in {1, 2}
    with pytest.raises(diptych.DiptychError, match="takes 2 sources, S2RGB"):
        translator.read(paths[0])


def test_several_sources_differ_in_size_or_lack_one(tmp_path):
    for name in ("a", "b", "c"):
        for i in range(6):
            path = tmp_path / "data" / name / f"{i}.png"
            write_values(path, np.full((64, 64, 1), i, np.uint8))
    changes = TINY | {"data.sources": ["a", "b"], "data.target": "c", "train.steps": 1}
    (tmp_path / "data" / "b" / "5.png").unlink()
    header = trained(tmp_path / "data", tmp_path / "run", changes)
    assert sum(header.dataset.pairs.values()) == 5
    for i in range(5):
        write_values(tmp_path / "data" / "b" / f"{i}.png", np.zeros((64, 60, 1), np.uint8))
    with pytest.raises(diptych.DiptychError, match=r"b/\d\.png: 60x64, but .*a/\d\.png beside it"):
        trained(tmp_path / "data", tmp_path / "other", changes)


def test_a_pair_without_any_data_is_scored_by_its_looks_alone(tmp_path):
    for i in range(6):
        target = np.full((64, 64, 1), 100 + i, np.uint16) if i else np.zeros((64, 64, 1), np.uint16)
        for split in ("train", "val"):
            write_values(tmp_path / "data" / "in" / split / f"{i}.png", target)
            write_values(tmp_path / "data" / "out" / split / f"{i}.png", target)
    changes = sides("in", "out", **{"domain.out.nodata": 0, "train.steps": 1})
    header = trained(tmp_path / "data", tmp_path / "run", changes)
    assert 0 <= header.scores["mae"] < 10
    found = diptych.evaluate(
        diptych.load(tmp_path / "run"), tmp_path / "data", "val", keep_pictures=True
    )
    assert "mae" not in found.images["0"]
    assert found["mae"].count == 5
    assert found["l1"].count == 6
