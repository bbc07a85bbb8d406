"""`diptych data`, as a person runs it."""

import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from diptych.commands.app import data_app
from diptych.datasets.catalogue import CATALOGUE
from diptych.errors import DiptychError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """The address of a folder with a small archive of facades."""
    folder = tmp_path / "served"
    folder.mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (8, 4)).save(picture, "JPEG")
    with tarfile.open(folder / "facades.tar.gz", "w:gz") as tar:
        for split in ("train", "val", "test"):
            member = tarfile.TarInfo(f"facades/{split}/1.jpg")
            member.size = len(picture.getvalue())
            tar.addfile(member, io.BytesIO(picture.getvalue()))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_lists_what_is_known_within_80_columns() -> None:
    result = CliRunner().invoke(data_app, ["list"], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0
    for dataset in CATALOGUE.values():
        lines = [line for line in result.output.splitlines() if line.startswith(dataset.name)]
        line = lines[0]
        assert dataset.task in line
        assert dataset.origin in result.output
        assert dataset.recipe in line
        assert f"{dataset.pairs[0]:,}" in line
    assert max(map(len, result.output.splitlines())) <= 80


def test_gets_a_dataset_and_says_on_what_terms_and_what_next(mirror: str, tmp_path: Path) -> None:
    words = ["get", "facades", "--root", str(tmp_path / "data"), "--mirror", mirror]
    result = CliRunner().invoke(data_app, words, catch_exceptions=False)
    assert result.exit_code == 0
    said = result.output
    assert said.index(CATALOGUE["facades"].terms) < said.index("1 train, 1 val, 1 test")
    assert CATALOGUE["facades"].origin in said
    assert "published were 400 train, 100 val, 106 test" in said
    folder = tmp_path / "data" / "facades"
    assert f"diptych train facades --data {folder} --out runs/facades --dry-run" in said

    result = CliRunner().invoke(data_app, words, catch_exceptions=False)
    assert f"{folder} was there already, and is kept" in result.output


def test_the_terms_come_before_the_download(tmp_path: Path) -> None:
    words = ["get", "maps", "--root", str(tmp_path), "--mirror", "http://127.0.0.1:9"]
    result = CliRunner().invoke(data_app, words)
    assert isinstance(result.exception, DiptychError)
    assert CATALOGUE["maps"].terms in result.output


def test_an_unknown_name() -> None:
    result = CliRunner().invoke(data_app, ["get", "faces"])
    assert isinstance(result.exception, DiptychError)
    assert not result.output


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


def check(*words: object) -> tuple[int, str]:
    command = ["check", *map(str, words), "--no-cost"]
    small = ["--set", "data.crop_size=32", "--set", "data.load_size=48"]
    result = CliRunner().invoke(data_app, [*command, *small], env={"COLUMNS": "80"})
    if isinstance(result.exception, DiptychError):
        raise result.exception
    return result.exit_code, result.output


def test_sound_pairs_pass_the_check(made_pairs: Path, tmp_path: Path) -> None:
    status, said = check(made_pairs, "--json", tmp_path / "a.json", "--html", tmp_path / "a.html")
    assert (status, "Nothing found in 12 pairs." in said) == (0, True)
    assert "side by side, 2 panels" in said
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["harmful"] is False
    assert "Nothing found in 12 pairs." in (tmp_path / "a.html").read_text("utf-8")


def test_pairs_that_would_harm_are_status_1_and_can_be_left_out(
    made_pairs: Path, tmp_path: Path
) -> None:
    for number in range(7):
        path = made_pairs / "train" / f"0{number}.png"
        path.write_bytes(path.read_bytes()[:200])
    status, said = check(made_pairs, "--fix", tmp_path / "fixed", "--direction", "b_to_a")
    assert status == 1
    assert "error (truncated, certain): 7 files cannot be read to the end" in said
    assert "train/04.png" in said
    assert "train/05.png" not in said
    assert "and 2 more" in said
    assert "Training would be harmed: 1 error in 12 pairs." in said
    assert f"5 pairs in {tmp_path / 'fixed' / 'pairs.csv'}, 7 left out" in said
    assert "B -> A" in said


def test_the_check_says_what_training_takes(made_pairs: Path) -> None:
    small = {"data.crop_size": 32, "data.load_size": 48, "generator.base_channels": 4}
    small |= {"discriminator.base_channels": 4, "discriminator.receptive_field": 16}
    sets = [word for key, value in small.items() for word in ("--set", f"{key}={value}")]
    said = data("check", made_pairs, *sets)
    assert re.search(r"training +about (\d+ min )?\d+ s for 2,000 steps, validation apart", said)


def test_what_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="no such folder"):
        check(tmp_path / "nowhere")
