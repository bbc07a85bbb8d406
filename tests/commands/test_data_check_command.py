"""`diptych data check`, as a person runs it."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.commands.app import data_app
from diptych.errors import DiptychError


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


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("pix2pix", r"about (\d+ min )?\d+ s for 2,000 steps, validation apart"),
        (
            "diptych",
            r"as long as it gets better, [\d hmins]+ or more; to say how long: --minutes 30",
        ),
    ],
)
def test_the_check_says_what_training_takes(made_pairs: Path, recipe: str, words: str) -> None:
    small = {"data.crop_size": 32, "data.load_size": 48, "generator.base_channels": 4}
    small |= {"discriminator.base_channels": 4}
    sets = [word for key, value in small.items() for word in ("--set", f"{key}={value}")]
    command = ["check", str(made_pairs), recipe, *sets]
    result = CliRunner().invoke(data_app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert re.search(rf"training +{words}", " ".join(result.output.split()))


def test_what_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="no such folder"):
        check(tmp_path / "nowhere")
