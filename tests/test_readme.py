"""What the README and the docs say to type is understood, and their Python runs."""

import re
import shlex
from pathlib import Path

import pytest
import typer

import diptych
from diptych import cli
from diptych.config import Recipe, flat

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands() -> list[str]:
    """Every line in a block of shell that calls diptych."""
    return [
        line
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for line in block.splitlines()
        if line.startswith("diptych ")
    ]


@pytest.mark.parametrize("line", commands())
def test_every_command_is_understood(line):
    _, *words = shlex.split(line, comments=True)
    command, context = typer.main.get_command(cli.app), None
    while hasattr(command, "commands"):
        name = words.pop(0)
        context = typer.Context(command, parent=context, info_name=name)
        command = command.commands[name]
    made = command.make_context(command.name, words, parent=context)
    for override in made.params.get("sets") or []:
        assert override.partition("=")[0] in flat(Recipe())


def test_the_python_of_the_readme_runs(made_pairs, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes((made_pairs / "train" / "01.png").read_bytes())
    small = {
        "train.epochs": 1,
        "data.load_size": 32,
        "data.crop_size": 32,
        "generator.base_channels": 2,
        "discriminator.base_channels": 2,
    }
    assert '{"train.epochs": 50}' in code
    exec(code.replace('{"train.epochs": 50}', repr(small)), {})
    assert (tmp_path / "translated.png").is_file()


def test_every_key_of_the_recipe_is_documented():
    page = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    assert set(re.findall(r"`(\w+\.\w+)`", page)) >= set(flat(Recipe()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8").replace("\n", " ")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_the_tree_in_the_readme_is_the_tree():
    named = re.findall(r"^  (\w[\w.]+)/? ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    package = Path(diptych.__file__).parent
    assert named
    assert all((package / name).exists() for name in named)
