"""What README and docs/ say to type is understood, and on the pages of docs/ it runs, shortened."""

import importlib
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image

import diptych
from diptych.commands import app as cli
from diptych.config import flat, load_recipe
from diptych.datasets.catalogue import CATALOGUE
from diptych.datasets.embedded import EMBEDDED
from diptych.exchange.layout import entries
from diptych.experiments.arms import EXPERIMENTS
from diptych.schema import Recipe

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = [page for page in PAGES if page.parent.name in {"docs", "tasks"}]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def commands(page: Path) -> list[str]:
    """Every line in a block of shell that calls diptych or copies a folder."""
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", text_of(page), re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith(("diptych ", "cp "))
    ]


def parsed(line: str) -> tuple[str, dict]:
    """The command's name, as `data get`, and its arguments."""
    _, *words = shlex.split(line, comments=True)
    if words[0] == "--max-pixels":  # of the program, before its commands
        assert int(words[1]) > 0
        words = words[2:]
    command, context, names = typer.main.get_command(cli.app), None, []
    while hasattr(command, "commands"):
        names.append(words.pop(0))
        context = typer.Context(command, parent=context, info_name=names[-1])
        command = command.commands[names[-1]]
    return " ".join(names), command.make_context(command.name, words, parent=context).params


def recipe_of(name: str, given: dict) -> Recipe | None:
    """The recipe that a command names, with what it replaces; None where it takes no recipe."""
    named = given.get("task") if name == "data derive" else given.get("recipe")
    if name == "reproduce":
        named = named or EXPERIMENTS[given["experiment"]].recipe
    if name == "train":
        named = named or "diptych"
    overrides = list(given.get("sets") or [])
    if given.get("direction"):
        overrides.append(f'data.direction="{given["direction"]}"')
    return load_recipe(named, overrides) if isinstance(named, str) else None


@pytest.mark.parametrize(
    ("page", "line"),
    [(page, line) for page in PAGES for line in commands(page) if line.startswith("diptych ")],
    ids=lambda value: name_of(value) if isinstance(value, Path) else None,
)
def test_every_command_is_understood(page, line):
    name, given = parsed(line)
    recipe_of(name, given)
    if name == "data get":
        assert given["name"] in CATALOGUE.keys() | EMBEDDED.keys()
    if name == "recipes" and given["name"]:
        load_recipe(given["name"])


OTHERS_OPTIONS = {"--eval", "--exclude-editable", "--logdir", "--no-compile", "--wheel"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_and_keys_in_the_text_exist(page):
    """In code within sentences, tables and indented blocks, where commands are not whole."""
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    keys = flat(Recipe())
    tables = {key.partition(".")[0] for key in keys}
    for table, key in re.findall(r"`(\w+)\.(\w+)\b(?!\()", text):
        if table in tables and key not in {"py", "tar", "md"}:
            assert f"{table}.{key}" in keys
    options = {option for command in every_command() for option in command}
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]+", text):
        assert option in options | OTHERS_OPTIONS, option
    for span in re.findall(r"`(--set [^`]+)`", text):
        overrides = [word for word in shlex.split(span) if word != "--set"]
        if overrides != ["table.key=value"]:
            load_recipe("pix2pix", ["derive.kind=degrade", *overrides])


def every_command() -> list[set[str]]:
    waiting, found = [typer.main.get_command(cli.app)], []
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found.append({o for p in command.params for o in (*p.opts, *p.secondary_opts)})
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", text_of(page).replace("\n", " ")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        shown = "<!-- picture, once it is made:" in text_of(page) and path.endswith(".png")
        assert there.exists() or shown, link
        headings = re.findall(r"^#+ (.+)$", text_of(there), re.MULTILINE) if anchor else []
        slugs = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
        assert not anchor or anchor in slugs, link


# Shortened: two steps and more at 32 pixels, on made-up pairs in the layout that the page tells of.

SMALL = {
    "data.load_size": "36",
    "data.crop_size": "32",
    "generator.base_channels": "4",
    "discriminator.base_channels": "4",
    "train.validation_pairs": "1",
    "train.preview_pairs": "1",
}
# Other processes would be started by the command of this one, which is pytest.
SHORT = {"--minutes": "0.01", "--devices": "1", "--nodes": "1"}
NEED_NETWORK = {"data get", "weights get"}
FULL = {"demo", "reproduce", "serve", "study"}  # run by tests of their own


@pytest.fixture
def run(monkeypatch, capsys):
    def command(words: list[str]) -> None:
        monkeypatch.delenv("DIPTYCH_MAX_PIXELS", raising=False)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        output = capsys.readouterr()
        assert not stop.value.code, f"{shlex.join(words)}: {output.err}{output.out}"

    return command


def picture(path: Path, seed: int, size: tuple[int, int] = (40, 40), mode: str = "RGB") -> None:
    random = np.random.default_rng(seed)
    width, height = size
    values = random.integers(0, 256, (height // 8, width // 8, len(mode)), np.uint8)
    image = Image.fromarray(values.repeat(8, 0).repeat(8, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def strip(path: Path, seed: int, panels: int) -> None:
    """Panels side by side; of two, one is the other's negative, for they have to show one thing."""
    picture(path, seed, (40 * panels, 40))
    if panels == 2:
        half = np.asarray(Image.open(path))[:, :40]
        Image.fromarray(np.concatenate([half, 255 - half], 1)).save(path)


def make_data(folder: Path, recipe: Recipe) -> None:
    """A few made-up pairs, or photos, as the recipe expects them; as published where they are."""
    data = recipe.data
    published = CATALOGUE[folder.name].pairs if folder.name in CATALOGUE else (3, 1, 1)
    if recipe.derive.kind != "none" and not data.source:
        for i in range(6):
            picture(folder / f"{i}.png", i)
        return
    if data.target:
        for i in range(6):
            for side in data.sources:
                picture(folder / side / f"{i}.png", i)
            wide = (48, 40) if data.shapes == "own" else (40, 40)
            for side, size in ((data.source or data.sources[0], (40, 40)), (data.target, wide)):
                path = folder / side / f"{i}.png"
                picture(path, i, size)
                if side in recipe.domain and recipe.domain[side].kind == "labels":
                    classes = np.asarray(Image.open(path))[..., 0] % recipe.domain[side].classes
                    Image.fromarray(classes).save(path)
        return
    panels = max(2, len(data.panels))
    for split, pairs, count in zip(("train", "val", "test"), published, (6, 1, 1), strict=True):
        for i in range(count if pairs else 0):
            strip(folder / split / f"{i}.png", i, panels)


def make_source(location: str, recipe: Recipe) -> None:
    """Pairs where a command looks for them."""
    if location.startswith("hf://"):
        make_dataset(Path(location.removeprefix("hf://").partition("?")[0]))
    elif location.endswith(".tar"):
        make_shards(location)
    else:
        make_data(Path(location), recipe)


def make_dataset(folder: Path) -> None:
    """A dataset on this machine, where the page has one of the hub."""
    datasets = pytest.importorskip("datasets", reason="needs pip install 'diptych[hub]'")
    if not folder.exists():
        for i in range(6):
            picture(Path("cells") / f"{i}.png", i)
        paths = [f"cells/{i}.png" for i in range(6)]
        rows = datasets.Dataset.from_dict({"imageA": paths, "imageB": paths[::-1]})
        for column in ("imageA", "imageB"):
            rows = rows.cast_column(column, datasets.Image())
        rows.save_to_disk(folder)


def make_shards(pattern: str) -> None:
    for number in range(4):
        shard = Path(pattern.replace("{000..003}", f"{number:03}"))
        shard.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(shard, "w") as tar:
            for i in range(2):
                for side in ("labels", "photo"):
                    path = Path("members", f"{number}{i}.{side}.png")
                    picture(path, 10 * number + i)
                    tar.add(path, path.name)


def shortened(line: str, name: str, given: dict) -> list[str]:
    """The words of a command with what makes it small put behind."""
    words = shlex.split(line, comments=True)
    for i, word in enumerate(words):
        if word in SHORT:
            words[i + 1] = SHORT[word]
        if word.startswith("train.epochs="):  # 200 become 1, so that 300 are more
            words[i] = f"train.epochs={int(word.partition('=')[2]) // 100 - 1}"
        if word.startswith(("train.steps=", "generator.blocks=")):
            words[i] = word.partition("=")[0] + "=2"
        if word == "--size":
            words[i + 1] = "64" if name == "export" else "48"
    sets = (
        dict(SMALL)
        if name in {"train", "distill", "data show", "data check", "data derive"}
        else {}
    )
    recipe = recipe_of(name, given)
    if sets and recipe is not None and recipe.generator.name == "residual":
        sets["generator.blocks"] = "1"
    if name == "export" and given["to"] == "web":
        words.append("--cdn")  # so that nothing is fetched here
    if name == "export" and given["to"] == "qgis":
        words += ["--size", "64", "--anyway"]  # not as large as the model sees
    if name in {"train", "distill"} and not any(word.startswith("train.epochs=") for word in words):
        sets |= {"train.epochs": "1", "train.minutes": "0"}
    return [*words, *(word for key, value in sets.items() for word in ("--set", f"{key}={value}"))]


def make_what_is_needed(name: str, given: dict, page: Path, request) -> None:
    """The data, pictures or segmenter that a command of the page takes for granted."""
    recipe = recipe_of(name, given)
    folder = given.get("data") or given.get("photos") or given.get("path")
    folder = folder or (given.get("samples") if name == "push" else None)
    if folder is not None and not Path(folder).exists():
        make_source(folder, recipe or Recipe())
    apart = [text.partition("=")[2] for text in given.get("sources") or []]
    for given_input in [*(given.get("inputs") or []), *apart]:
        if given_input.endswith(".mp4") and not Path(given_input).exists():
            make_clip = request.getfixturevalue("make_clip")
            make_clip(Path(given_input), np.full((3, 40, 48, 3), 90, np.uint8))
        if not Path(given_input).exists():
            for i in range(2):
                mode = "RGBA" if page.stem == "inpaint" else "RGB"
                picture(Path(given_input) / f"{i}.png", i, (48, 40), mode)
    if given.get("like") and not Path(given["like"]).exists():
        picture(Path(given["like"]), 7)
    results = [given.get("translated"), *(given.get("models") or [])]
    of_others = (place for place in results if place and not Path(place).exists())
    for made in (place for place in of_others if not str(place).startswith(("runs/", "hf:"))):
        for split in ("val", "test"):
            for path in Path(folder, split).glob("*.png"):
                picture(Path(made) / path.name, 9)


# Whose commands take seconds; of the tasks one stands for all.
LONG = {
    "onnx",
    "neighbours",
    "web-page",
    "training",
    "scale",
    "small-models",
    "sources",
    "translating",
    "values",
}


def takes_long(page: Path) -> bool:
    return page.stem in LONG or (page.parent.name == "tasks" and page.stem != "facades")


@pytest.mark.usefixtures("graphs_built_once")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if takes_long(page) else ())
        for page in MADE
        if commands(page)
    ],
    ids=name_of,
)
def test_the_commands_of_a_page_run(page, run, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    segmenter_trained_briefly(monkeypatch)
    done = set()
    for line in commands(page):
        if line.startswith("cp "):
            _, _, origin, copy = shlex.split(line)
            if not Path(origin).exists():
                make_data(Path(origin).parent, load_recipe(Path(origin).parent.name))
            shutil.copytree(origin, copy)
            continue
        name, given = parsed(line)
        if name in NEED_NETWORK | FULL or line in done or on_the_hub(name, given):
            continue
        needed = {"bioimage": "bioimageio", "ncnn": "pnnx"}.get(given.get("to"))
        if needed and importlib.util.find_spec(needed) is None:
            continue  # of a heavy extra, tried by a test of its own where it is installed
        if given.get("track") or given.get("by_ray"):
            continue  # so are these
        done.add(line)
        make_what_is_needed(name, given, page, request)
        make_checkpoints(given)
        models = [given.get("model"), given.get("teacher"), *(given.get("models") or [])]
        for model in models:
            if model is not None and not Path(model).exists():
                make_model(Path(model), run)
        run(shortened(line, name, given))
        for made in map(given.get, ("out", "report", "json_file", "to_folder")):
            assert made is None or given.get("dry_run") or Path(made).exists(), line


def on_the_hub(name: str, given: dict) -> bool:
    pushed = name == "push" and not given["to_folder"]
    return pushed or "hf:" in f"{given.get('model')} {given.get('models')}"


def make_model(folder: Path, run) -> None:
    """A run of the recipe that the folder is named after, where the page does not train it."""
    data = Path("data", folder.name)
    recipe = load_recipe(folder.name if folder.name in CATALOGUE else "pix2pix")
    if not data.exists():
        make_data(data, recipe)
    line = f"diptych train {folder.name if folder.name in CATALOGUE else 'pix2pix'}"
    line = shlex.join([*line.split(), "--data", str(data), "--out", str(folder)])
    run(shortened(line, *parsed(line)))


def make_checkpoints(given: dict) -> None:
    """As other code saves its networks, by the names that they have there."""
    for what, name, own in (
        ("checkpoint", "resnet", {"blocks": 1, "dropout": 0.5}),
        ("discriminator", "patchgan", {"receptive_field": 16}),
    ):
        if given.get(what) and not Path(given[what]).exists():
            found = entries(name, {"base_channels": 4, "statistics": "batch", **own})
            torch.save({entry.theirs: torch.rand(entry.shape) for entry in found}, given[what])


def segmenter_trained_briefly(monkeypatch) -> None:
    from diptych.evaluation.labels import fcn

    palette = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    monkeypatch.setattr(fcn, "recover_palette", lambda pictures: palette)
    train = fcn.train_segmenter
    monkeypatch.setattr(
        fcn, "train_segmenter", lambda *args, **given: train(*args, **given | {"steps": 2})
    )


def test_the_python_of_the_scores_page_runs(capsys):
    (code,) = re.findall(
        r"```python\n(.*?)```", text_of(ROOT / "docs" / "scores.md"), flags=re.DOTALL
    )
    assert "steps=2000" in code
    labels = np.zeros((4, 32, 32, 3), np.uint8)
    labels[:, :, 16:] = 200
    names = ("train_labels", "test_labels", "train_photos", "test_photos", "translated")
    exec(code.replace("steps=2000", "steps=2"), dict.fromkeys(names, labels))
    assert capsys.readouterr().out.count("pixel_accuracy") == 2


def test_the_python_of_the_sources_page_runs(tmp_path, monkeypatch):
    blocks = re.findall(
        r"```python\n(.*?)```", text_of(ROOT / "docs" / "sources.md"), flags=re.DOTALL
    )
    small = {key: int(value) for key, value in SMALL.items()} | {"train.epochs": 1}
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks:
        assert '{"train.epochs": 50}' in code
        exec(code.replace('{"train.epochs": 50}', repr(small)), names)
    assert names["scores"]["l1"].count == 4
    assert {run.name for run in (tmp_path / "runs").iterdir()} == {"own", "named"}


def test_every_public_name_is_on_the_reference_page():
    page = text_of(ROOT / "docs" / "reference.md")
    named = set(re.findall(r"^::: diptych\.(\w+)$", page, re.MULTILINE))
    assert named | {"__version__"} == set(diptych.__all__)
    for place in re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE):
        module, _, name = place.rpartition(".")
        assert getattr(importlib.import_module(module), name).__doc__


# The site.


class Requests(HTMLParser):
    """What a browser asks other hosts for when it shows a page: not where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        address = given.get("src") or (given.get("href") if tag == "link" else None) or ""
        if "//" in address and given.get("rel") != "canonical":
            self.foreign.append(f"{tag} {address}")


def test_the_site_is_built_and_asks_no_other_host_for_anything(tmp_path):
    for package, name in {"material": "mkdocs-material", "mkdocstrings": "mkdocstrings"}.items():
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {name}: make docs installs it")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", tmp_path / "site"],
        cwd=ROOT,
        check=True,
        env={"PATH": "", "NO_MKDOCS_2_WARNING": "1"},
    )
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(MADE)
    for page in pages:
        requests = Requests()
        requests.feed(page.read_text("utf-8"))
        assert not requests.foreign, page.name
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text("utf-8")), sheet.name
    assert not list((tmp_path / "site").rglob("*.py"))
