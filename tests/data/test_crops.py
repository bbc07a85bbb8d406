from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.data.batches import Batches
from diptych.data.crops import Patches, Rectangles, copied, gathered
from diptych.data.derive import DERIVATIONS
from diptych.data.fitting import Fit
from diptych.data.pairs import COLOURS, Picture
from diptych.data.store import wanted
from diptych.data.store.decoded import decoded
from diptych.data.store.pictures import Pictures
from diptych.data.store.wanted import Wanted
from diptych.images.domain import plain
from diptych.schema import Augment, Derive, Recipe, Train

SHAPES = [(12, 8), (8, 15), (8, 8), (20, 9)]
CROP = 8
SIZE = (CROP, CROP)
NATIVE = Fit("patches", SIZE)


def marked(folder: Path, negative: bool = False) -> Pictures:
    """Every pixel holds its (picture, row, column)."""
    folder.mkdir()
    for number, (height, width) in enumerate(SHAPES):
        pixels = np.mgrid[number : number + 1, :height, :width].squeeze(1).astype(np.uint8)
        pixels = np.moveaxis(pixels, 0, -1)
        Image.fromarray(255 - pixels if negative else pixels).save(folder / f"{number}.png")
    files = [Picture(path) for path in sorted(folder.iterdir())]
    return decoded([Wanted(files, COLOURS, NATIVE)])[0]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def domains(kind: str):
    return plain("source", DERIVATIONS[kind].source), plain("target", DERIVATIONS[kind].target)


ALL = torch.arange(len(SHAPES))


def test_patches_lie_inside_and_in_every_place(tmp_path):
    patches = Patches(None, marked(tmp_path / "a"), SIZE)
    assert len(patches) == len(SHAPES)
    seen: set[tuple[int, int, int, bool]] = set()
    for seed in range(600):
        sources, targets = patches.take(ALL.flip(0), True, random(seed))
        assert sources is targets, "what sources will be made from"
        assert targets.shape == (len(SHAPES), CROP, CROP, 3)
        for number, patch in zip(reversed(range(len(SHAPES))), targets.numpy(), strict=True):
            mirrored = patch[0, 0, 2] > patch[0, -1, 2]
            upright = patch[:, ::-1] if mirrored else patch
            assert (upright[..., 0] == number).all()
            top, left = upright[0, 0, 1:]
            rows, columns = np.mgrid[top : top + CROP, left : left + CROP]
            assert np.array_equal(upright[..., 1], rows)
            assert np.array_equal(upright[..., 2], columns)
            seen.add((number, int(top), int(left), bool(mirrored)))
    expected = {
        (number, top, left, mirrored)
        for number, (height, width) in enumerate(SHAPES)
        for top in range(height - CROP + 1)
        for left in range(width - CROP + 1)
        for mirrored in (False, True)
    }
    assert seen == expected


def test_both_sides_are_cut_at_one_place(tmp_path):
    both = Patches(marked(tmp_path / "a"), marked(tmp_path / "b", negative=True), SIZE)
    for seed in range(20):
        sources, targets = both.take(ALL, True, random(seed))
        assert torch.equal(sources, 255 - targets)
        assert all(map(torch.equal, both.take(ALL, True, random(seed)), (sources, targets)))


def test_none_is_mirrored_unless_asked(tmp_path):
    patches = Patches(None, marked(tmp_path / "a"), SIZE)
    for seed in range(20):
        _, targets = patches.take(ALL, False, random(seed))
        assert (targets[:, 0, 0, 2] < targets[:, 0, -1, 2]).all()


def test_rectangles_of_targets_alone_are_their_own_sources():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), np.uint8)
    crops = Rectangles(pictures, pictures, SIZE)
    sources, targets = crops.take(torch.tensor([2, 0]), True, random())
    assert sources is targets
    assert targets.shape == (2, CROP, CROP, 3)


@pytest.mark.parametrize("kind", ["degrade", "holes"])
def test_what_is_derived_follows_from_seed_and_step_alone(kind, tmp_path):
    """And differs from step to step, though the patch be the same."""
    folder = tmp_path / "one"
    folder.mkdir()
    Image.effect_noise((CROP, CROP), 50).convert("RGB").save(folder / "a.png")
    (only,) = decoded([Wanted([Picture(folder / "a.png")], COLOURS, NATIVE)])
    patches = Patches(None, only, SIZE)
    settings = Derive(kind=kind, noise=(5, 30))

    def batches(seed: int) -> Batches:
        recipe = Recipe(augment=Augment(mirror=False), derive=settings, train=Train(seed=seed))
        return Batches(patches, domains(kind), recipe)

    forth = [batches(0).at(step) for step in range(5)]
    np.random.default_rng(9).random()
    for step in reversed(range(5)):
        assert all(map(torch.equal, batches(0).at(step)[:2], forth[step][:2]))
        assert torch.equal(forth[step].target, forth[0].target)
    sources = {batch.source.numpy().tobytes() for batch in forth}
    assert len(sources) == 5
    assert not torch.equal(batches(1).at(0)[0], forth[0][0])


@pytest.mark.parametrize(
    ("kind", "source", "target"),
    [("lightness", 1, 2), ("holes", 4, 3), ("edges", 3, 3), ("degrade", 3, 3)],
)
def test_channels_are_those_of_the_task(kind, source, target, tmp_path):
    patches = Patches(None, marked(tmp_path / "a"), SIZE)
    scale = 4 if kind == "degrade" else 1
    made = Batches(patches, domains(kind), Recipe(derive=Derive(kind=kind, scale=scale)), 3)
    given, wanted, known, _ = made.at(0)
    assert known is None
    assert given.shape == (3, source, CROP // scale, CROP // scale)
    assert wanted.shape == (3, target, CROP, CROP)
    for tensor in (given, wanted):
        assert -1 <= tensor.min() <= tensor.max() <= 1


# --- two ways to cut, and where pictures are kept ---


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_copied_rows_are_the_gathered_ones(channels, dtype):
    pictures = torch.rand(5, 12, 15, channels, generator=random()).mul(255).to(dtype)
    places = [(4, 0, 0, False), (1, 4, 6, True), (1, 2, 3, False), (0, 0, 5, True)]
    crops = copied(pictures, places, (8, 9))
    assert crops.is_contiguous()
    assert torch.equal(crops, gathered(pictures, places, (8, 9)))
    assert torch.equal(crops[1], pictures[1, 4:12, 6:15].flip(1))


def test_what_is_gathered_is_gathered_on_the_device():
    pictures, places = torch.empty(5, 12, 15, 3, device="meta"), [(4, 0, 0, False)]
    crops = gathered(pictures, places, (8, 9))
    assert crops.device.type == "meta"
    assert crops.shape == (1, 8, 9, 3)


@pytest.mark.parametrize("made", [False, True])
def test_all_pictures_move_where_half_the_memory_holds_them(made):
    pictures = np.zeros((3, 12, 12, 3), np.uint8)
    size = pictures.nbytes * (1 if made else 2)
    for free, moved in ((2 * size - 1, False), (2 * size, True)):
        crops = Rectangles(pictures, pictures if made else pictures.copy(), SIZE)
        crops.move_to(torch.device("meta"), free)
        assert crops.targets.device.type == ("meta" if moved else "cpu")
        assert (crops.sources is crops.targets) is made


@pytest.mark.parametrize("left_out", [False, True])
def test_pictures_in_several_files_are_cut_as_those_in_one(left_out, tmp_path, monkeypatch):
    monkeypatch.setattr(wanted, "most_at", lambda _: 2)
    marked(tmp_path / "a")
    files = [Picture(path) for path in sorted((tmp_path / "a").iterdir())]
    among = files
    if left_out:
        (tmp_path / "bad.png").touch()
        among = [*files, Picture(tmp_path / "bad.png")]
    fit = Fit("resize", (12, 15))
    (parted,) = decoded([Wanted(files, COLOURS, fit, among)])
    assert len(parted.parts) > 1
    several, one = (Rectangles(side, side, SIZE) for side in (parted, parted.array()))
    for seed in range(5):
        ours, theirs = (crops.take(ALL.flip(0), True, random(seed)) for crops in (several, one))
        assert all(map(torch.equal, ours, theirs))
    several.move_to(torch.device("cpu"), free=2 * several.targets.nbytes)
    assert torch.equal(several.targets, one.targets)
