"""Every recipe on pairs as it is meant for, from training to evaluation and translation."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import diptych
from diptych.config import load_recipe, recipe_names
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import Evaluation, Row
from diptych.images.lab import rgb_to_lab
from diptych.model_file import Strip, read_header
from diptych.networks import build_discriminator
from diptych.networks.multiply_adds import parameters
from diptych.training.plan import estimate, make_plan
from diptych.training.trackers import Tracker
from diptych.training.train import TrainedRun

CROP = 32
TINY = {
    "data.load_size": 36,
    "data.crop_size": CROP,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "train.steps": 2,
    "train.batch_size": 2,
    "train.minutes": 0.0,
    "train.precision": "fp32",
}
RESIDUAL = {"generator.blocks": 1}
REAL_NOISE = {"derive.kind": "none", "data.source": "noisy", "data.target": "clean"}


def linked(folder: Path, out: Path, counts: dict[str, int]) -> Path:
    """The first pictures of each split, as they are."""
    for split, count in counts.items():
        (out / split).mkdir(parents=True)
        for path in sorted((folder / split).iterdir())[:count]:
            (out / split / path.name).symlink_to(path)
    return out


def cut(paths: list[Path], out: Path, size: tuple[int, int]) -> None:
    """The middles of photos."""
    out.mkdir(parents=True)
    for path in paths:
        with Image.open(path) as photo:
            left, top = (photo.width - size[0]) // 2, (photo.height - size[1]) // 2
            photo.crop((left, top, left + size[0], top + size[1])).save(out / f"{path.stem}.png")


def pairs(name: str, train: int = 3, val: int = 2, other: str = "val") -> Callable[..., Path]:
    def make(shared: Path, out: Path) -> Path:
        return linked(shared / name, out, {"train": train, other: val})

    return make


def photos(shared: Path, out: Path) -> Path:
    """Photos of several sizes to train on, of the crop's size to validate on, odd ones to test."""
    for split, size in (("train", (48, 40)), ("val", (CROP, CROP)), ("test", (37, 50))):
        folder = shared / "bsds500" / ("train" if split == "train" else "val")
        cut(sorted(folder.iterdir())[:2], out / split, size)
    return out


def real_noise(shared: Path, out: Path) -> Path:
    for side in ("noisy", "clean"):
        found = sorted((shared / "polyu" / side).iterdir())
        cut(found[:3], out / side / "train", (40, 48))
        cut(found[3:5], out / side / "val", (CROP, CROP))
    return out


def nights(shared: Path, out: Path) -> Path:
    """Made-up scenes, side by side, night left and day right."""
    for split in ("train", "val"):
        (out / split).mkdir(parents=True)
        for seed in range(3):
            day = np.random.default_rng(seed).integers(120, 256, (6, 6, 3), np.uint8)
            day = np.asarray(Image.fromarray(day).resize((60, 60), Image.Resampling.BICUBIC))
            Image.fromarray(np.concatenate([day // 5, day], 1)).save(out / split / f"{seed}.png")
    return out


def tiles(shared: Path, out: Path) -> Path:
    """Made-up places, dark as seen from space and light as a map: larger to train on."""
    random = np.random.default_rng(0)
    for split, size in (("train", 40), ("val", CROP)):
        for side in ("satellite", "map"):
            (out / split / side).mkdir(parents=True)
        for name in range(3):
            place = Image.fromarray(random.integers(120, 256, (6, 6, 3), np.uint8))
            place = place.resize((size, size), Image.Resampling.BICUBIC)
            place.save(out / split / "map" / f"{name}.png")
            dark = place.point(lambda value: value // 5)
            dark.save(out / split / "satellite" / f"{name}.png")
    return out


def lightness_is_the_sources(row: Row) -> None:
    lightness = (
        rgb_to_lab(torch.tensor(side).movedim(-1, 0) / 255)[0]
        for side in (row.source, row.translated)
    )
    torch.testing.assert_close(*lightness, atol=0.5, rtol=0)


def known_pixels_are_kept(row: Row) -> None:
    known = row.source[..., 3] > 0
    assert 0.7 < known.mean() < 0.96
    assert np.array_equal(row.translated[known], row.target[known])
    assert not np.array_equal(row.translated[~known], row.target[~known])


def hardly_touched(row: Row) -> None:
    assert np.abs(row.translated.astype(int) - row.source).mean() < 5


def four_times(row: Row) -> None:
    height, width = row.source.shape[:2]
    assert row.translated.shape == row.target.shape == (4 * height, 4 * width, 3)


def sharp_on_white(row: Row) -> None:
    assert row.source.mean() > 190
    assert row.source.mean() > row.target.mean() + 20


def black_on_white(row: Row) -> None:
    assert set(np.unique(row.source)) == {0, 255}
    assert 0.01 < (row.source == 0).mean() < 0.3


def darker(row: Row) -> None:
    assert row.source.mean() > row.target.mean() + 50


def lighter(row: Row) -> None:
    assert row.source.mean() < row.target.mean() - 50


def any_pair(row: Row) -> None:
    assert not np.array_equal(row.source, row.target)


@dataclass(frozen=True)
class Task:
    recipe: str
    data: Callable[[Path, Path], Path]
    domains: tuple[str, str]
    baselines: set[str]
    check: Callable[[Row], None] = any_pair
    changes: dict[str, object] = field(default_factory=dict)
    colours: tuple[str, str] = ("rgb", "rgb")
    scale: int = 1
    strip: Strip | None = None

    @property
    def made(self) -> bool:
        return self.data is photos


def of_pairs(
    recipe: str,
    data: Callable[[Path, Path], Path],
    source: str,
    target: str,
    strip: tuple[int, int, int] | None,
    check: Callable[[Row], None] = any_pair,
    **changes: object,
) -> Task:
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    names = {f"bare {source}", "nearest training pair"}
    where = Strip(panels=strip[0], source=strip[1], target=strip[2]) if strip else None
    return Task(recipe, data, (source, target), names, check, changes, strip=where)


FACADES, MAPS, CITIES = pairs("facades", other="test"), pairs("maps"), pairs("cityscapes")
SHOES, BAGS = pairs("edges2shoes"), pairs("edges2handbags")
CVUSA, DAYTON = (pairs(f"crossview/{name}", 4, 2, "test") for name in ("cvusa", "dayton"))
TURNED = "b_to_a"
TASKS = {
    "pix2pix": of_pairs("pix2pix", FACADES, "A", "B", (2, 0, 1)),
    "facades": of_pairs("facades", FACADES, "labels", "photo", (2, 1, 0)),
    "maps": of_pairs("maps", MAPS, "satellite", "map", (2, 0, 1), lighter),
    "maps, back": of_pairs(
        "maps", MAPS, "map", "satellite", (2, 1, 0), darker, data__direction="map -> satellite"
    ),
    "cityscapes": of_pairs("cityscapes", CITIES, "labels", "photo", (2, 1, 0)),
    "edges2shoes": of_pairs(
        "edges2shoes", SHOES, "edges", "photo", (2, 1, 0), sharp_on_white, data__direction=TURNED
    ),
    "edges2handbags": of_pairs(
        "edges2handbags", BAGS, "edges", "photo", (2, 1, 0), sharp_on_white, data__direction=TURNED
    ),
    "day2night": of_pairs("day2night", nights, "day", "night", (2, 1, 0), darker),
    "crossview": of_pairs("crossview", CVUSA, "street", "aerial", (4, 1, 0)),
    "crossview, back": of_pairs(
        "crossview", DAYTON, "aerial", "street", (4, 0, 1), data__direction="aerial -> street"
    ),
    "denoise, real": of_pairs("denoise", real_noise, "noisy", "clean", None, hardly_touched,
                              **REAL_NOISE, **RESIDUAL),
    "earth": of_pairs("earth", tiles, "satellite", "map", None, lighter),
    "earth, back": of_pairs(
        "earth", tiles, "map", "satellite", None, darker, data__direction="map -> satellite"
    ),
    "openmoji": of_pairs("openmoji", nights, "drawing", "colour", (2, 0, 1), lighter),
    "colorize": Task("colorize", photos, ("black and white", "colour"), {"mean colour"},
                     lightness_is_the_sources, colours=("lightness", "chroma")),
    "inpaint": Task("inpaint", photos, ("with a hole", "whole"), {"mean colour in the hole"},
                    known_pixels_are_kept, colours=("rgba", "rgb")),
    "sketch": Task("sketch", photos, ("drawing", "photo"),
                   {"bare drawing", "nearest training pair"}, black_on_white),
    "denoise": Task("denoise", photos, ("degraded", "clean"), {"bare degraded"}, hardly_touched,
                    RESIDUAL),
    "superres": Task("superres", photos, ("degraded", "clean"), {"bicubic"}, four_times,
                     RESIDUAL, scale=4),
    "superres, cgan": Task("superres", photos, ("degraded", "clean"), {"bicubic"}, four_times,
                           RESIDUAL | {"loss.adversarial": "cgan"}, scale=4),
    "restore": Task("restore", photos, ("degraded", "clean"), {"bicubic"}, four_times,
                    RESIDUAL, scale=4),
}  # fmt: skip


def test_every_recipe_is_tried():
    assert {task.recipe for task in TASKS.values()} >= set(recipe_names()) - {"diptych"}


def means(evaluation: Evaluation) -> dict[str, float]:
    return {name: interval.mean for name, interval in evaluation.scores.items()}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_from_training_to_scores_and_pictures(name, shared_data, tmp_path):
    task = TASKS[name]
    data = task.data(shared_data, tmp_path / "data")
    run = diptych.train(
        task.recipe,
        data=data,
        out=tmp_path / "run",
        overrides=TINY | task.changes,
        device="cpu",
    )
    assert run.finished
    assert run.step == 2

    header = read_header(run.model)
    assert (header.source.name, header.target.name) == task.domains
    assert (header.source.kind, header.target.kind) == task.colours
    assert (header.scale, header.strip) == (task.scale, task.strip)

    translator = diptych.load(run.path, device="cpu")
    found = diptych.evaluate(translator, data, split="val", keep_pictures=True)
    # Where train stands in for val, a pair is not held against itself.
    stands_in = any("train stands in" in note for note in found.notes)
    expected = task.baselines - ({"nearest training pair"} if stands_in else set())
    assert found.baselines.keys() == expected
    page = (run.path / "report.html").read_text("utf-8")
    assert all(baseline in page for baseline in expected)
    assert ("psnr_y" in found.scores) == (task.scale > 1)
    assert found["l1"].count >= 2
    for row in found.rows:
        assert row.translated.shape == row.target.shape == (CROP, CROP, 3)
        task.check(row)
    # What training said of the model is what evaluation finds.
    rounding = {"l1": 2e-3, "psnr": 0.1, "psnr_y": 0.1, "ssim": 0.01, "features": 0.01}
    if header.target_size:  # results are brought to the targets' size and back, which blurs them
        rounding |= {"l1": 5e-3, "psnr": 1, "ssim": 0.1}
    for metric, mean in means(found).items():
        assert mean == pytest.approx(header.scores[metric], abs=rounding[metric]), metric

    if task.made:  # photos as they are, of any size
        odd = diptych.evaluate(translator, data, split="test", keep_pictures=True)
        for row in odd.rows:
            rest = task.scale - 1
            assert row.target.shape == (50 & ~rest, 37 & ~rest, 3)
            task.check(row)
    picture = Image.effect_noise((31, 17), 60).convert("RGB")
    own = header.target_size
    assert translator(picture).size == (own or (31 * task.scale, 17 * task.scale))
    assert own == ((256, 256) if task.recipe == "crossview" else None)


# --------------------------------------------------------------------------- what cannot be trained


def one_line(recipe: str, data: Path, out: Path, **changes: object) -> str:
    overrides = TINY | {key.replace("__", "."): value for key, value in changes.items()}
    with pytest.raises(DiptychError) as caught:
        diptych.train(recipe, data=data, out=out, overrides=overrides, device="cpu")
    assert "\n" not in str(caught.value)
    assert not out.exists(), "nothing was written"
    return str(caught.value)


@pytest.fixture
def noise_photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(6):
        Image.effect_noise((48, 40), 50).convert("RGB").save(folder / f"{seed}.png")
    return folder


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        (
            "superres",
            {"generator__name": "unet"},
            "derive.scale 4 does not go with generator.name 'unet', only with residual",
        ),
        (
            "superres",
            {"generator__skips": False},
            "generator.skips does not go with generator.name 'residual', only with unet",
        ),
        (
            "pix2pix/sketch",
            {"generator__blocks": 3},
            "generator.blocks does not go with generator.name 'unet', only with residual",
        ),
        (
            "colorize",
            {"generator__name": "residual", "generator__statistics": "batch"},
            "generator residual: cannot add to 1 channels to make 2",
        ),
        ("superres", {"data__crop_size": 34}, "34 is no multiple of derive.scale 4"),
        ("sketch", {"derive__scale": 2}, "scale goes with kind 'degrade'"),
        (
            "denoise",
            {"derive__noise": [50, 0]},
            "derive: noise [50.0, 0.0] runs from the lower to the higher",
        ),
        ("restore", {"derive__jpeg": [100, 70]}, "derive: jpeg [100.0, 70.0] runs from the lower"),
        ("restore", {"derive__jpeg": [0, 70]}, "derive: jpeg lies between 1 and 100"),
        ("restore", {"derive__blur": [-1, 0]}, "derive.blur.0 = -1"),
        ("inpaint", {"derive__holes": [0.3, 0.2]}, "derive: holes [0.3, 0.2] runs from the lower"),
        ("inpaint", {"derive__holes": [0, 0.2]}, "derive: holes lies between 0 and 0.9"),
        ("sketch", {"augment__scale": [1.2, 0.8]}, "augment: scale runs from the lower"),
        ("sketch", {"data__shapes": "own"}, "shapes 'own' needs fit 'resize'"),
        (
            "sketch",
            {"data__shapes": "own", "data__fit": "resize"},
            "data.shapes 'own' is for pairs",
        ),
        ("edges2shoes", {"data__names": ["edges"]}, "names gives two"),
        ("sketch", {"discriminator__name": "judge"}, "discriminator.name 'judge' is not known"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    recipe, changes, message, noise_photos, tmp_path
):
    assert message in one_line(recipe, noise_photos, tmp_path / "run", **changes)


def test_photos_smaller_than_the_patch_are_named(noise_photos, tmp_path):
    Image.new("RGB", (90, 31)).save(noise_photos / "9.png")
    message = one_line("denoise", noise_photos, tmp_path / "run")
    assert message == (
        f"{noise_photos / '9.png'}: 90x31 is smaller than the patches of 32x32: "
        "lower data.crop_size, or leave the picture out"
    )
    # The same directory then takes the recipe that fits.
    changes = {"data.crop_size": 16, "generator.blocks": 1, "train.steps": 1}
    assert diptych.train(
        "denoise",
        data=noise_photos,
        out=tmp_path / "run",
        overrides=TINY | changes,
        device="cpu",
    ).finished


@pytest.mark.parametrize("recipe", ["superres", "maps"])
@pytest.mark.parametrize("inside", [(), ("train",)])
def test_a_folder_without_pictures(recipe, inside, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    for name in inside:
        (folder / name).mkdir()
        (folder / name / "notes.txt").touch()
    assert str(folder) in one_line(recipe, folder, tmp_path / "run")


def test_folders_of_pairs_are_no_photos(tmp_path):
    for side in ("A", "B"):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "pairs" / side / "1.png")
    message = one_line("superres", tmp_path / "pairs", tmp_path / "run")
    assert "A and B hold the same names; this recipe makes its sources from photos" in message


def test_patches_of_pairs_of_two_sizes_are_refused(tmp_path):
    for side, size in (("noisy", (40, 40)), ("clean", (40, 44))):
        (tmp_path / "data" / side).mkdir(parents=True)
        for name in "ab":
            Image.new("RGB", size).save(tmp_path / "data" / side / f"{name}.png")
    changes = {key.replace(".", "__"): value for key, value in REAL_NOISE.items()}
    message = one_line("denoise", tmp_path / "data", tmp_path / "run", **changes)
    assert "40x40, but its target is 40x44: patches need equal sizes" in message


# --------------------------------------------------------------------- pairs of two shapes


@pytest.fixture
def panoramas(tmp_path) -> Path:
    """Street views of 1232x224 with aerial views of 256x256."""
    for side, size in (("street", (1232, 224)), ("aerial", (256, 256))):
        for split in ("train", "val"):
            (tmp_path / "pairs" / split / side).mkdir(parents=True)
            for seed in range(2):
                picture = Image.effect_noise(size, 30 + seed).convert("RGB")
                picture.save(tmp_path / "pairs" / split / side / f"{seed}.png")
    return tmp_path / "pairs"


SHAPES = {
    "data.panels": [],
    "data.source": "",
    "data.domains": ["street", "aerial"],
    "data.direction": "street -> aerial",
}


def test_a_panorama_to_a_square(panoramas, tmp_path):
    run = diptych.train(
        "crossview", data=panoramas, out=tmp_path / "run", overrides=TINY | SHAPES, device="cpu"
    )
    assert read_header(run.model).target_size == (256, 256)
    translator = diptych.load(run.path, device="cpu")
    assert translator(panoramas / "val" / "street" / "0.png").size == (256, 256)
    assert translator(Image.new("RGB", (50, 70))).size == (256, 256)
    for size, side in ((None, CROP), ("native", 256), (64, 64)):
        found = diptych.evaluate(translator, panoramas, "val", size=size, keep_pictures=True)
        assert {row.translated.shape for row in found.rows} == {(side, side, 3)}
    found = diptych.evaluate(translator, panoramas, "val")
    assert means(found)["l1"] == pytest.approx(run.scores["l1"], abs=0.05)


def test_a_panorama_and_a_square_as_one_shape_are_refused(panoramas, tmp_path):
    changes = SHAPES | {"data.shapes": "same"}
    changes = {key.replace(".", "__"): value for key, value in changes.items()}
    message = one_line("crossview", panoramas, tmp_path / "run", **changes)
    assert "1232x224, but its target is 256x256, of another shape" in message
    assert message.endswith("if that is meant, --set data.shapes=own")


# ------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize(
    "noise", [{"generator.noise_channels": 2, "generator.dropout": 0.0}, {"generator.dropout": 0.5}]
)
def test_a_run_with_noise(noise, made_pairs, tmp_path):
    run = diptych.train(
        "pix2pix", data=made_pairs, out=tmp_path / "run", overrides=TINY | noise, device="cpu"
    )
    quiet = diptych.load(run.path, device="cpu")
    noisy = diptych.load(run.path, device="cpu", dropout=True)
    picture = Image.effect_noise((33, 45), 60).convert("RGB")
    assert quiet(picture).tobytes() == quiet(picture).tobytes()
    noisy.seed(1)
    first, second = noisy(picture), noisy(picture)
    assert first.size == (33, 45)
    assert first.tobytes() != second.tobytes()
    noisy.seed(1)
    assert noisy(picture).tobytes() == first.tobytes()
    found = diptych.evaluate(quiet, made_pairs, "val")
    assert means(found)["l1"] == pytest.approx(run.scores["l1"], abs=2e-3)


def test_a_model_without_noise_has_no_samples(made_pairs, tmp_path):
    run = diptych.train(
        "pix2pix",
        data=made_pairs,
        out=tmp_path / "run",
        overrides=TINY | {"generator.dropout": 0.0},
        device="cpu",
    )
    with pytest.raises(DiptychError, match="this model has no noise to vary"):
        diptych.load(run.path, device="cpu", dropout=True)
    diptych.load(run.path, device="cpu", dropout=False)


# ---------------------------------------------------------------- planning, stopping, going on


@pytest.mark.parametrize(
    ("recipe", "changes", "channels"),
    [
        ("pix2pix/colorize", {}, 1 + 2),
        ("pix2pix/inpaint", {}, 4 + 3),
        ("pix2pix/sketch", {"generator.noise_channels": 2}, 3 + 3),
        ("pix2pix/restore", RESIDUAL, 3 + 3),
        ("superres", RESIDUAL, None),
        ("sketch", {}, 0),
        ("restore", RESIDUAL, 0),
    ],
)
def test_what_a_run_will_take_is_estimated(recipe, changes, channels, noise_photos, tmp_path):
    settings = load_recipe(recipe, TINY | changes | {"train.precision": "bf16"})
    found = estimate(make_plan(settings, noise_photos), "cpu", threads=1)
    assert found.seconds_per_step > 0
    assert found.generator.multiply_adds > 1e4
    if channels is None:
        assert found.discriminator is None
    elif channels == 0:
        judge = build_discriminator("projected", base_channels=4)
        assert found.discriminator.parameters == parameters(judge)
        assert found.discriminator.multiply_adds > 1e6
    else:
        judge = build_discriminator(in_channels=channels, base_channels=4)
        assert found.discriminator.parameters == parameters(judge)


class StopAfter(Tracker):
    def __init__(self, step: int) -> None:
        self.last = step

    def stepped(self, step: int, progress: float, seconds: float) -> None:
        if step == self.last:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("restore", {"generator.noise_channels": 2, **RESIDUAL}),
        ("inpaint", {"augment.rotation": 10, "augment.colour": 0.2}),
    ],
)
def test_stopped_and_gone_on_equals_uninterrupted(recipe, changes, noise_photos, tmp_path):
    """The sources that are made, their noise and their augmentation included."""
    overrides = TINY | changes | {"train.steps": 5}

    def run(name: str, *trackers: Tracker) -> TrainedRun:
        return diptych.train(
            recipe,
            data=noise_photos,
            out=tmp_path / name,
            overrides=overrides,
            device="cpu",
            trackers=trackers,
        )

    whole = run("whole")
    assert not run("cut", StopAfter(3)).finished
    resumed = run("cut")
    assert resumed.step == whole.step == 5
    ours, theirs = (load_file(each.path / "latest.safetensors") for each in (resumed, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())
    assert resumed.scores == whole.scores
