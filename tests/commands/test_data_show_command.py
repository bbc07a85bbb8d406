"""`diptych data show` and `derive`, as a person runs them."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from diptych.commands.app import data_app
from diptych.errors import DiptychError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for split in ("train", "val", "test"):
        (tmp_path / "photos" / split).mkdir(parents=True)
        for number in range(3):
            picture = Image.effect_noise((40, 50 + number), 50).convert("RGB")
            picture.save(tmp_path / "photos" / split / f"{number}.png")
    return tmp_path / "photos"


def data(*words: object) -> str:
    result = CliRunner().invoke(data_app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_shows_pairs_and_what_a_task_makes(photos: Path, made_pairs: Path, tmp_path: Path) -> None:
    small = ["--set", "data.crop_size=32", "--set", "data.load_size=36"]
    for where, recipe in ((made_pairs, "pix2pix"), (photos, "inpaint")):
        out = tmp_path / f"{recipe}.png"
        said = data("show", where, recipe, "--out", out, "--count", "3", *small)
        assert f"sheet: {out}" in said
        with Image.open(out) as sheet:
            assert sheet.size == (4 * 38 + 6, 26 + 2 * 38)


def test_derives_pairs_from_photos(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    said = data("derive", "superres", photos, out, "--most", "2", "--set", "derive.scale=2")
    assert f"6 pairs in {out}: sources in A, photos in B" in said
    assert len(list(out.rglob("*.png"))) == 12
    with (
        Image.open(out / "A" / "val" / "1.png") as small,
        Image.open(out / "B" / "val" / "1.png") as whole,
    ):
        assert (small.size, whole.size) == ((20, 25), (40, 50))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["derive", "maps", "photos", "out"], "takes pairs as they are"),
        (["derive", "superres", "nowhere", "out"], "nowhere: no such folder"),
        (["derive", "sepia", "photos", "out"], "recipe 'sepia' is not known"),
        (["show", "photos", "superres"], "40x50 is smaller than the patches of 128"),
    ],
)
def test_what_cannot_be_shown_or_derived(
    words: list[str], message: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    result = CliRunner().invoke(data_app, words)
    assert isinstance(result.exception, DiptychError)
    assert message in str(result.exception)
    assert not (photos.parent / "out").exists()
