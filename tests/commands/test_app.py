"""The commands, run as a person runs them."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image, ImageChops

from diptych.config import recipe_names

TINY = [
    word
    for key in (
        "data.load_size=36",
        "data.crop_size=32",
        "generator.base_channels=4",
        "discriminator.base_channels=4",
        "train.epochs=2",
        "train.batch_size=4",
        "train.validate_epochs=1",
    )
    for word in ("--set", key)
]


def test_from_pairs_to_scores(run, made_pairs, tmp_path):
    """The four commands of a newcomer: look, train, translate, evaluate."""
    status, said, _ = run("train", "pix2pix", "--data", made_pairs, "--dry-run", *TINY)
    assert status == 0
    for expected in (
        "10 train, 1 val, 1 test",
        "side by side",
        "parameters",
        "multiply-adds",
        "6 steps",
    ):
        assert expected in said
    assert "Nothing was trained" in said

    out = tmp_path / "run"
    status, said, _ = run("train", "pix2pix", "--data", made_pairs, "--out", out, *TINY)
    assert status == 0
    assert "Finished: 6 steps" in said
    assert f"diptych translate {out}" in said

    status, said, _ = run(
        "translate", out, made_pairs / "train", "--side", "source", "--out", tmp_path / "done"
    )
    assert status == 0
    assert "12 translated" in said
    with Image.open(tmp_path / "done" / "07.png") as picture:
        assert picture.size == (48, 48)

    scores, page = tmp_path / "scores.json", tmp_path / "page"
    status, said, _ = run(
        "evaluate",
        out,
        "--data",
        made_pairs,
        "--json",
        scores,
        "--report",
        page,
        "--split",
        "train",
    )
    assert status == 0
    assert "SSIM" in said
    assert "diptych weights get lpips" in said
    content = json.loads(scores.read_text())
    assert content["scores"]["l1"]["count"] == len(content["images"]) == 10
    assert (page / "report.html").stat().st_size > 10_000

    status, said, _ = run(
        "evaluate", "--translated", tmp_path / "done", "--data", made_pairs, "--size", "32"
    )
    assert status == 0
    status, said, _ = run("info", out)
    assert status == 0
    assert "A -> B" in said


def test_what_an_interrupted_translation_leaves_is_kept(run, made_pairs, tmp_path):
    out, done = tmp_path / "run", tmp_path / "done"
    run("train", "pix2pix", "--data", made_pairs, "--out", out, *TINY, "--set", "train.epochs=1")
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    Image.new("L", (21, 9)).save(folder / "gray.png")
    Image.new("RGB", (40, 30)).save(folder / "sub" / "b.jpg")
    (folder / "cut.jpg").write_bytes((folder / "sub" / "b.jpg").read_bytes()[:300])
    (folder / "notes.txt").write_text("no picture")
    status, said, _ = run("translate", out, folder, "--out", done)
    assert status == 1
    assert "2 translated" in said
    assert "cut.jpg" in said
    assert "notes.txt" in said
    assert {p.relative_to(done).as_posix() for p in done.rglob("*.*")} == {"gray.png", "sub/b.png"}
    status, said, _ = run("translate", out, folder, "--out", done)
    assert "2 already there and kept" in said


def test_samples_and_scores_of_all_splits(run, made_pairs, tmp_path):
    out, done = tmp_path / "run", tmp_path / "done"
    back = ["--direction", "b_to_a"]
    status, said, _ = run("train", "pix2pix", "--data", made_pairs, "--out", out, *TINY, *back)
    assert status == 0
    status, said, _ = run("info", out)
    assert "B -> A" in said
    picture = made_pairs / "train" / "03.png"
    status, said, _ = run("translate", out, picture, "--samples", "2", "--out", done)
    assert status == 0
    assert sorted(path.name for path in done.iterdir()) == ["03_1.png", "03_2.png", "03_spread.png"]
    first, second = ((done / f"03_{i}.png").read_bytes() for i in (1, 2))
    assert first != second
    for seed, same in (("0", True), ("1", False)):
        again = tmp_path / seed
        run("translate", out, picture, "--samples", "1", "--seed", seed, "--out", again)
        assert ((again / "03_1.png").read_bytes() == first) == same

    scores = tmp_path / "scores.json"
    half = ["--set", "data.direction=a_to_b", "--split", "all", "--json", scores]
    status, said, _ = run("evaluate", out, "--data", made_pairs, *half)
    assert status == 0
    content = json.loads(scores.read_text())
    assert len(content["images"]) == content["scores"]["l1"]["count"] == 12
    assert content["direction"] == "A -> B"

    quiet = ["--set", "generator.dropout=0"]
    run("train", "pix2pix", "--data", made_pairs, "--out", tmp_path / "quiet", *TINY, *quiet)
    status, _, errors = run(
        "translate", tmp_path / "quiet", picture, "--samples", "2", "--out", tmp_path / "none"
    )
    assert status == 2
    assert errors == "diptych: --samples: this model has no noise to vary, and takes no look\n"
    assert not (tmp_path / "none").exists()


def test_what_does_not_fit_into_memory_is_translated_in_parts(
    run, made_pairs, tmp_path, monkeypatch
):
    out, picture = tmp_path / "run", tmp_path / "a.tif"
    run("train", "pix2pix", "--data", made_pairs, "--out", out, *TINY, "--set", "train.epochs=1")
    Image.radial_gradient("L").resize((500, 300)).convert("RGB").save(picture)
    # Of all that this process takes, which tests before may have made large.
    words = ["translate", out, picture, "--format", "tif", "--memory", "8GB"]
    words += ["--precision", "fp32", "--out"]
    status, said, _ = run(*words, tmp_path / "whole")
    assert status == 0
    assert "in parts" not in said

    rooms = {8 * 10**9: 1_000_000}
    monkeypatch.setattr(
        "diptych.translation.network_translator.may_be_taken", lambda m, _: rooms[m]
    )
    monkeypatch.setattr("diptych.translation.bounded.bounded_translation.BESIDE", 0)
    monkeypatch.setattr(
        "diptych.translation.bounded.bounded_translation.WINDOW", (200_000, 200_000)
    )
    status, said, _ = run(*words, tmp_path / "parts")
    assert status == 0
    assert "note: 500x300 takes " in said
    assert "of memory whole, and 1 MB can be had: translated in parts, to the same result" in said
    assert "1 translated to" in said
    pictures = [Image.open(tmp_path / way / "a.tif") for way in ("whole", "parts")]
    extrema = ImageChops.difference(*pictures).getextrema()
    assert max(high for _, high in extrema) <= 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "nope", "--data", "."], "recipe 'nope' is not known: one of cityscapes"),
        (["train", "--data", "nowhere", "--out", "run"], "nowhere: no such folder of pairs"),
        (["train", "--data", ".", "--set", "train.epoch=3", "--out", "run"], "train.epochs"),
        (["train", "--data", ".", "--set", "train.epochs=no", "--out", "run"], "valid integer"),
        (["train", "--data", ".", "--set", "loss.l1", "--out", "run"], "table.key=value"),
        (["translate", "nowhere", ".", "--out", "x"], "nowhere: no such model"),
        (["info", "nowhere"], "nowhere: no such model"),
        (["evaluate", "--data", "."], "either a MODEL or --translated"),
        (["recipes", "nope"], "openmoji, pix2pix"),
        (["weights", "get", "vgg"], "weights get: lpips"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    status, _, errors = run(*words)
    assert status == 2
    assert expected in errors
    assert len(errors.strip().splitlines()) == 1
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_listed_and_printed(run, name):
    status, said, _ = run("recipes")
    assert status == 0
    assert any(line.startswith(name) and len(line) > len(name) + 10 for line in said.splitlines())
    status, said, _ = run("recipes", name)
    assert "[discriminator]" in said


def test_importing_diptych_and_asking_for_help_import_no_torch():
    code = (
        "import sys, diptych\n"
        "assert diptych.__version__\n"
        "assert 'torch' not in sys.modules and 'pydantic' not in sys.modules\n"
        "from diptych.commands import app\n"
        "sys.argv = ['diptych', '--help']\n"
        "try: app.main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "translate" in done.stdout


def test_public_names_are_those_exported():
    import diptych

    for name in diptych.__all__:
        assert getattr(diptych, name) is not None
    assert set(diptych.__all__) <= set(dir(diptych))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = diptych.nothing


def test_python_api_as_documented(made_pairs, tmp_path):
    import diptych

    pairs = (word.split("=") for word in TINY if "=" in word)
    overrides = {key: int(value) for key, value in pairs}
    run = diptych.train("pix2pix", data=made_pairs, out=tmp_path / "run", overrides=overrides)
    translator = diptych.load(tmp_path / "run")
    picture = translator(made_pairs / "train" / "03.png")
    assert picture.size == (96, 48)
    scores = diptych.evaluate(translator, made_pairs, split="test")
    assert scores["ssim"].low <= scores["ssim"].mean <= scores["ssim"].high
    assert translator.header.step in {3, 6}
    assert diptych.load(run.model).generator.size_multiple == 32
    generator = diptych.build_generator("unet", base_channels=8)
    assert not any("fabric" in type(m).__module__ for m in generator.modules())


@pytest.mark.slow
def test_the_demo(tmp_path):
    """Half a minute of the demo, from cutting tiles to the report, then the other way for less."""

    def demo(*words: str) -> str:
        made = subprocess.run(
            [sys.executable, "-m", "diptych", "demo", *words],
            cwd=tmp_path,
            check=True,
            env=os.environ | {"COLUMNS": "100"},
            capture_output=True,
            text=True,
        )
        return made.stdout

    said = demo("--minutes", "0.5")
    out = tmp_path / "runs" / "demo"
    assert "public domain" in (out / "report.html").read_text("utf-8")
    assert (out / "model.safetensors").is_file()
    for line in (
        "runs/demo/report.html",
        "diptych translate runs/demo PICTURES --out translated",
        "diptych demo --direction 'map -> satellite'",
    ):
        assert line in said
    assert "note:" not in said, "of what was made here there is nothing to know"
    assert "LPIPS" not in said
    assert len(said.splitlines()) < 40
    with Image.open(out / "south-america.png") as continent:
        assert continent.size == (520, 710)
    with Image.open(out / "film.webp") as film:
        assert film.is_animated
        assert film.height < 450
    assert (out / "film.webp").stat().st_size < 1_500_000
    demo("--minutes", "0.05", "--direction", "map -> satellite")
    page = (tmp_path / "runs" / "demo-back" / "report.html").read_text("utf-8")
    assert "map → satellite" in page


def test_the_limit_of_pixels_holds_for_every_command(run, made_pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "0")  # set here, so that it is unset afterwards
    words = ["train", "--data", made_pairs, "--out", tmp_path / "run", *TINY]
    status, _, errors = run("--max-pixels", 4607, *words)
    assert status == 2
    assert "96x48: more than the limit of 4,607 pixels" in errors
    assert "diptych --max-pixels N" in errors
    status, _, errors = run("--max-pixels", 4608, *words, "--set", "train.epochs=1")
    assert (status, errors) == (0, "")
