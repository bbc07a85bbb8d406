from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.translation.jobs.of_function import OfFunction

from diptych import model_file
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain
from diptych.images.rgb import read_image
from diptych.model_file import Dataset, Header, Network, Strip
from diptych.translation.jobs.file_names import Names
from diptych.translation.jobs.file_plan import (
    Plan,
    check_format,
    check_side,
    check_videos,
    form_of,
    formats_of,
    plan_files,
)
from diptych.translation.jobs.pipeline import Outcome, spread_map, translate_files


def write(root: Path, *names: str) -> Path:
    """Small pictures by these names, each of another colour."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 2), (10 * i, 100, 200)).save(root / name)
    return root


def planned(inputs: list[Path | str], out: Path, form: str = "png") -> dict[Path, str]:
    plan = plan_files([str(text) for text in inputs], out, form)
    return {path: output.relative_to(out).as_posix() for path, output in plan.jobs}


def translate(inputs: Path, out: Path, **options) -> Outcome:
    return translated(np.invert, plan_files([str(inputs)], out), **options)


def translated(translate: Callable[[np.ndarray], np.ndarray], plan: Plan, **options) -> Outcome:
    """Pictures in colours through `translate`."""
    return translate_files(OfFunction(translate), plan, **options)


def one_line(inputs: list[Path | str], out: Path, form: str = "png") -> str:
    with pytest.raises(DiptychError) as caught:
        planned(inputs, out, form)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_mirrored(tmp_path):
    root = write(tmp_path / "in", "a.jpg", "sub/a.png", "sub/deep/v1.5 b.TIF", ".hidden/c.png")
    (root / "sub" / "notes.txt").touch()
    (root / "sub" / ".DS_Store").touch()
    plan = plan_files([str(root)], tmp_path / "out")
    assert plan.jobs == [
        (root / "a.jpg", tmp_path / "out" / "a.png"),
        (root / "sub" / "a.png", tmp_path / "out" / "sub" / "a.png"),
        (root / "sub" / "deep" / "v1.5 b.TIF", tmp_path / "out" / "sub" / "deep" / "v1.5 b.png"),
    ]
    assert plan.not_pictures == [root / "sub" / "notes.txt"]
    assert not (tmp_path / "out").exists(), "a plan does nothing"


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "tif"])
def test_the_format_is_png_unless_asked(form, tmp_path):
    root = write(tmp_path / "in", "a.bmp", "b.jpg")
    plan = plan_files([str(root)], tmp_path / "out", form)
    translated(np.invert, plan)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"a.{form}", f"b.{form}"]
    with Image.open(tmp_path / "out" / f"a.{form}") as image:
        assert image.format == {"jpg": "JPEG", "tif": "TIFF"}.get(form, form.upper())
        assert np.abs(np.asarray(image).astype(int) - (255, 155, 55)).max() < 8


def test_files_and_patterns(tmp_path):
    root = write(tmp_path / "in", "a.png", "b.jpg", "sub/c.png", "[1].png", "1.png")
    out = tmp_path / "out"
    assert planned([root / "b.jpg"], out) == {root / "b.jpg": "b.png"}
    assert planned([root / "*.png"], out) == {
        root / name: name for name in ("1.png", "[1].png", "a.png")
    }
    assert planned([root / "**" / "c*"], out) == {root / "sub" / "c.png": "c.png"}
    assert planned([root / "[1].png"], out) == {root / "[1].png": "[1].png"}, "a name comes first"
    assert planned([root / "s*"], out) == {root / "sub" / "c.png": "c.png"}
    both = planned([root / "sub", root / "a.png"], out)
    assert both == {root / "sub" / "c.png": "c.png", root / "a.png": "a.png"}


@pytest.mark.parametrize("name", ["none.png", "none", "*.gif", "**/none.*"])
def test_a_missing_input_is_named(name, tmp_path):
    write(tmp_path, "a.png")
    message = one_line([tmp_path / "a.png", tmp_path / name], tmp_path / "out")
    assert message.startswith(f"{tmp_path / name}: no such file or folder")


def test_a_folder_without_pictures_is_named(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert one_line([tmp_path], tmp_path / "out") == f"no pictures or videos in {tmp_path}"


def test_an_unknown_format_names_the_known():
    assert (
        one_line(["x"], Path("out"), "jpeg") == "--format 'jpeg': one of png, jpg, webp, tif, npy"
    )


CLASSES = Domain(name="classes", kind="labels", channels=7)
DEPTH = Domain(name="depth", kind="values", channels=1, dtype="uint16")
HEIGHT = Domain(name="height", kind="values", channels=1, dtype="float32")
BANDS = Domain(name="bands", kind="values", channels=5, dtype="uint8")


@pytest.mark.parametrize(
    ("target", "forms"),
    [
        (plain("photo"), "png jpg webp tif npy"),
        (CLASSES, "png tif npy"),
        (DEPTH, "png tif npy"),
        (HEIGHT, "tif npy"),
        (BANDS, "tif npy"),
    ],
)
def test_numbers_are_kept_where_nothing_changes_them(target, forms, tmp_path):
    assert formats_of(target) == tuple(forms.split())
    for form in ("png", "jpg", "webp", "tif", "npy"):
        if form in forms.split():
            check_format(form, target)
            continue
        with pytest.raises(DiptychError) as caught:
            check_format(form, target)
        assert str(caught.value).startswith(f"--format {form}: ")
        assert str(caught.value).endswith(f"{', '.join(forms.split())} keep them")


def test_results_that_a_video_would_change_are_refused(tmp_path):
    (tmp_path / "a.mp4").touch()
    plan = plan_files([str(tmp_path / "a.mp4")], tmp_path / "out")
    check_videos(plan, plain("photo"), 0, None)
    for target in (CLASSES, DEPTH):
        with pytest.raises(DiptychError, match=r"a\.mp4: a video would change .* png, tif, npy"):
            check_videos(plan, target, 0, None)


@pytest.mark.parametrize(
    "inputs", [["in"], ["in/sub", "in/a.png"], ["in/sub", "other"], ["in/sub/a.png", "in/sub/a*"]]
)
def test_two_inputs_for_one_output_are_both_named(inputs, tmp_path):
    write(tmp_path, "in/a.png", "in/a.jpg", "in/sub/a.png", "other/a.bmp")
    message = one_line([tmp_path / name for name in inputs], tmp_path / "out")
    first, _, second = message.partition(" would both give ")[0].partition(" and ")
    assert Path(first).stem == Path(second).stem == "a"
    assert Path(first).is_file()
    assert Path(second).is_file()
    assert str(tmp_path / "out" / "a.png") in message


def test_an_output_never_replaces_an_input(tmp_path):
    """Neither its own nor that of another, by whatever way the path is written."""
    root = write(tmp_path, "in/a.png", "in/sub/b.jpg", "in/sub/c.png", "link to/x.png")
    replaced = [
        ([root / "in"], root / "in"),
        ([root / "in" / "a.png"], root / "in" / "sub" / ".."),
        ([root / "in" / "a.png", root / "in" / "sub" / "a.bmp"], root / "in"),
    ]
    write(root, "in/sub/a.bmp")
    (root / "link").symlink_to(root / "link to")
    replaced.append(([root / "link"], root / "link to"))
    write(root, "one/b/x.jpg", "two/b/x.png")
    replaced.append(([root / "one", root / "two" / "b" / "x.png"], root / "two"))
    for inputs, out in replaced[:2] + replaced[3:]:
        assert "would replace an input" in one_line(inputs, out)
    assert "would both give" in one_line(*replaced[2])


def test_beside_its_input_a_result_is_welcome_where_it_replaces_nothing(tmp_path):
    root = write(tmp_path, "a.jpg")
    assert planned([root / "a.jpg"], root) == {root / "a.jpg": "a.png"}


def test_results_inside_the_input_folder_are_no_inputs_the_next_time(tmp_path):
    root = write(tmp_path / "in", "a.png", "sub/b.png")
    first = planned([root], root / "out")
    translate(root, root / "out")
    assert planned([root], root / "out") == first
    assert len(planned([root], tmp_path / "elsewhere")) == 4, "unless they are asked for"
    assert len(planned([root / "out"], tmp_path)) == 2


def test_existing_results_are_kept_unless_overwritten(tmp_path):
    root, out = write(tmp_path / "in", "a.png", "sub/b.png", "c.png"), tmp_path / "out"
    write(out, "sub/b.png")
    before = (out / "sub" / "b.png").read_bytes()
    assert translate(root, out) == Outcome(translated=2, kept=1)
    assert (out / "sub" / "b.png").read_bytes() == before
    assert translate(root, out, overwrite=True) == Outcome(translated=3)
    expected = ImageOps.invert(read_image(root / "sub" / "b.png"))
    assert read_image(out / "sub" / "b.png") == expected


def test_unreadable_files_are_named_and_the_rest_done(tmp_path):
    root, out = write(tmp_path / "in", "a.png", "c.png"), tmp_path / "out"
    (root / "b.png").write_text("no picture")
    told = []
    outcome = translate(root, out, on_progress=lambda *at: told.append(at))
    assert (outcome.translated, outcome.kept, len(outcome.failures)) == (2, 0, 1)
    assert outcome.failures[0].startswith(f"{root / 'b.png'}: ")
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "c.png"]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert read_image(out / "c.png") == ImageOps.invert(read_image(root / "c.png"))


def test_a_failure_that_names_no_file_is_given_its_name(tmp_path):
    def fail(picture: np.ndarray) -> np.ndarray:
        raise DiptychError("too large for memory")

    root = write(tmp_path / "in", "a.png")
    outcome = translated(fail, plan_files([str(root)], tmp_path / "out"))
    assert outcome.failures == [f"{root / 'a.png'}: too large for memory"]


def test_a_result_that_cannot_be_written_is_named(tmp_path):
    root = write(tmp_path / "in", "a.png")
    (tmp_path / "out").touch()
    (failure,) = translate(root, tmp_path / "out").failures
    assert failure.startswith(f"{tmp_path / 'out' / 'a.png'}: cannot be written: ")


def header(strip: Strip | None) -> Header:
    return Header(
        generator=Network(name="unet", options={}),
        size_multiple=32,
        crop_size=(32, 32),
        source=Domain(name="labels"),
        target=Domain(name="photo"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
        strip=strip,
    )


@pytest.mark.parametrize(
    ("side", "strip", "panel"),
    [
        (None, None, None),
        (None, Strip(panels=2, source=1, target=0), None),
        ("left", None, (0, 2)),
        ("right", None, (1, 2)),
        ("source", Strip(panels=2, source=1, target=0), (1, 2)),
        ("source", Strip(panels=4, source=2, target=0), (2, 4)),
    ],
)
def test_sides_of_a_picture_that_holds_several(side, strip, panel, tmp_path):
    assert check_side(side, header(strip)) == panel
    colours = [(0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50)]
    picture = np.array([[colours[i] for i in range(4) for _ in range(3)]], np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in" / "a.png")
    plan = plan_files([str(tmp_path / "in")], tmp_path / "out")
    translated(lambda source: source, plan, panel=panel)
    made = np.asarray(read_image(tmp_path / "out" / "a.png"))
    place, of = panel or (0, 1)
    width = 12 // of
    assert np.array_equal(made, picture[:, place * width : (place + 1) * width])


def test_a_side_that_makes_no_sense_names_those_that_do():
    with pytest.raises(DiptychError, match="not trained on side-by-side pictures; give --side"):
        check_side("source", header(None))
    with pytest.raises(DiptychError, match="--side 'middle': one of source, left, right"):
        check_side("middle", header(None))


def test_a_picture_that_does_not_divide_is_named_and_the_rest_done(tmp_path):
    root = write(tmp_path / "in", "even.png")
    Image.new("RGB", (5, 2)).save(root / "odd.png")
    outcome = translate(root, tmp_path / "out", panel=(0, 2))
    assert outcome.translated == 1
    assert outcome.failures == [
        f"{root / 'odd.png'}: 5 pixels wide, which is not 2 panels of equal width"
    ]


class Noisy(OfFunction):
    """Adds noise to a picture, by a seed."""

    def __init__(self) -> None:
        super().__init__(self.add)

    def add(self, pixels: np.ndarray) -> np.ndarray:
        return pixels ^ self.random.integers(0, 64, pixels.shape, np.uint8)

    def seed(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def samples(self, source: np.ndarray, count: int, seed: int = 0) -> list[np.ndarray]:
        self.seed(seed)
        return [self.apply(source) for _ in range(count)]


def samples(root: Path, out: Path, count: int = 3, **options) -> Outcome:
    return translate_files(Noisy(), plan_files([str(root)], out), samples=count, **options)


def test_samples_are_numbered_differ_and_repeat(tmp_path):
    root, out = write(tmp_path / "in", "a.png", "sub/b.c.jpg"), tmp_path / "out"
    assert samples(root, out) == Outcome(translated=2)
    names = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.png"))
    assert names == sorted(
        f"{name}_{end}.png" for name in ("a", "sub/b.c") for end in ("1", "2", "3", "spread")
    )
    read = {name: np.asarray(read_image(out / name)) for name in names}
    made = [read[f"a_{i}.png"] for i in (1, 2, 3)]
    assert not any(np.array_equal(made[i], made[i - 1]) for i in range(3))
    spread = np.stack(made).astype(float).std(axis=0).max(axis=2)
    with Image.open(out / "a_spread.png") as image:
        assert image.mode == "L"
        assert np.abs(np.asarray(image) - (4 * spread).clip(0, 255)).max() < 1
    # The same noise for every picture, whatever was translated before, and for every run.
    (alone,) = (tmp_path / "alone",)
    samples(root / "sub", alone)
    for i in (1, 2, 3):
        assert (alone / f"b.c_{i}.png").read_bytes() == (out / f"sub/b.c_{i}.png").read_bytes()


def test_samples_that_are_there_are_kept_and_those_of_a_cut_off_run_made_whole(tmp_path):
    root, out = write(tmp_path / "in", "a.png", "b.png"), tmp_path / "out"
    samples(root, out)
    (out / "b_spread.png").unlink()  # written last
    before = (out / "a_1.png").stat().st_mtime_ns
    assert samples(root, out) == Outcome(translated=1, kept=1)
    assert (out / "a_1.png").stat().st_mtime_ns == before
    assert samples(root, out, overwrite=True) == Outcome(translated=2)
    assert len(list(out.iterdir())) == 8


def test_the_spread_is_the_standard_deviation_four_times_enlarged():
    """Of the channel that differs most; white from 64 levels on."""
    first = np.zeros((2, 2, 3), np.uint8)
    second = first.copy()
    second[0, 1] = (2, 20, 10)  # a deviation of 1, 10, 5
    second[1, 0] = (128, 0, 0)
    second[1, 1] = 255
    drawn = np.asarray(spread_map([first, second]))
    assert drawn.tolist() == [[0, 40], [255, 255]]
    assert not np.asarray(spread_map([second])).any(), "one alone has none"


def test_the_translator_reads(tmp_path, monkeypatch):
    root = write(tmp_path / "in", "a.png", "b.png")
    read = []

    def remember(_: OfFunction, path: Path) -> np.ndarray:
        read.append(path)
        return np.full((3, 3, 3), 255, np.uint8)

    monkeypatch.setattr(OfFunction, "read", remember)
    translate(root, tmp_path / "out")
    assert read == [root / "a.png", root / "b.png"]
    assert read_image(tmp_path / "out" / "a.png").tobytes() == bytes(27)


def test_samples_are_names_that_are_written(tmp_path):
    root = write(tmp_path, "in/a.png", "in/a_2.jpg", "in/b_spread.png")
    assert planned([root / "in"], root / "in" / "out")
    message = one_line([root / "in"], root / "in")
    assert "would replace an input" in message
    plan_files([str(root / "in" / "a_2.jpg")], root / "in", samples=2)
    for name in ("a.png", "b.png"):
        write(root, f"in/{name}")
        write(root, "in/a_2.png")
        with pytest.raises(DiptychError, match=r"in/(a_2|b_spread)\.png would replace an input"):
            plan_files([str(root / "in" / n) for n in (name, "a_2.png", "b_spread.png")],
                       root / "in", samples=2)  # fmt: skip


class Varying(OfFunction):
    """Every sample of another level."""

    def samples(self, source: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
        return [np.full_like(source, seed + i) for i in range(1, count + 1)]


def test_samples_that_are_there_are_kept_unless_overwritten(tmp_path):
    root, out = write(tmp_path / "in", "a.png", "b.png"), tmp_path / "out"

    def levels(**options) -> tuple[Outcome, dict[str, int]]:
        plan = plan_files([str(root)], out, samples=options["samples"])
        outcome = translate_files(Varying(np.invert), plan, **options)
        places = sorted(out.iterdir())
        return outcome, {p.stem: int(np.asarray(read_image(p))[0, 0, 0]) for p in places}

    write(out, "a_1.png")
    outcome, first = levels(samples=2)
    assert outcome == Outcome(translated=2)
    assert first == {"a_1": 0, "a_2": 2, "a_spread": 2, "b_1": 1, "b_2": 2, "b_spread": 2}
    outcome, again = levels(samples=2, seed=50)
    assert (outcome, again) == (Outcome(kept=2), first)
    outcome, more = levels(samples=3, seed=50)
    assert outcome == Outcome(translated=2)
    assert more == {**first, "a_3": 53, "b_3": 53}
    outcome, other = levels(samples=2, seed=70, overwrite=True)
    assert outcome == Outcome(translated=2)
    assert (other["a_1"], other["b_2"], other["b_3"]) == (71, 72, 53)


def test_names_in_other_capitals_are_others_where_the_file_system_says_so(tmp_path):
    root = write(tmp_path, "in/A/x.png", "in/a/x.png", "in/é.png", "in/e\u0301.jpg")
    if len(list((root / "in").iterdir())) < 4:
        pytest.skip("a file system that takes them for one")
    plan = plan_files([str(root / "in")], tmp_path / "out")
    assert len(plan.jobs) == 4
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"], "what was tried is gone"


@pytest.mark.parametrize(
    ("first", "second", "ignored", "collide"),
    [
        ("A/x.png", "a/X.jpg", (True, False), True),
        ("straße.png", "STRASSE.jpg", (True, False), True),
        ("é.png", "e\u0301.jpg", (False, True), True),
        ("É.png", "e\u0301.jpg", (True, True), True),
        ("É.png", "e\u0301.jpg", (False, True), False),
        ("é.png", "e\u0301.jpg", (True, False), False),
        ("a.png", "b.jpg", (True, True), False),
    ],
)
def test_names_that_are_one_to_the_file_system_collide(
    first, second, ignored, collide, tmp_path, monkeypatch
):
    monkeypatch.setattr(Names, "_ignored", ignored)
    root = write(tmp_path, f"one/{first}", f"two/{second}")
    inputs = [root / "one", root / "two"]
    if not collide:
        assert len(planned(inputs, tmp_path / "out")) == 2
        return
    assert "would both give" in one_line(inputs, tmp_path / "out")


def test_an_input_by_another_spelling_is_not_replaced(tmp_path, monkeypatch):
    root = write(tmp_path, "one/é.png")
    assert len(planned([root / "one"], root / "ONE")) == 1
    monkeypatch.setattr(Names, "_ignored", (True, False))
    assert "would replace an input" in one_line([root / "one"], root / "ONE")


def test_out_may_name_the_file_of_one_picture(tmp_path):
    for name in ("a.png", "b.png", "clip.mp4"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    one, out = str(tmp_path / "in" / "a.png"), tmp_path / "new" / "made.jpeg"
    assert plan_files([one], out, "jpg").jobs == [(Path(one), out)]
    assert plan_files([one], tmp_path / "made", "jpg").jobs == [
        (Path(one), tmp_path / "made" / "a.jpg")
    ]
    with pytest.raises(DiptychError, match=r"made.jpeg: names one picture, for 3 inputs: name a"):
        plan_files([str(tmp_path / "in")], out)
    with pytest.raises(DiptychError, match=r"made.jpeg: names one picture, for a video: name a"):
        plan_files([str(tmp_path / "in" / "clip.mp4")], out)
    (tmp_path / "folder.png").mkdir()
    assert plan_files([one], tmp_path / "folder.png").jobs == [
        (Path(one), tmp_path / "folder.png" / "a.png")
    ]


@pytest.mark.parametrize(
    ("name", "form"),
    [("x.png", "png"), ("x.TIFF", "tif"), ("x.jpeg", "jpg"), ("x", None), ("x.gif", None)],
)
def test_the_format_of_a_named_file_is_its_own(name, form):
    assert form_of(Path(name)) == form
