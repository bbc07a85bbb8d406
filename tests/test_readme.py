"""The README's Python runs, and its tree and the list of keys are whole. Commands: test_docs."""

import re
from pathlib import Path

import diptych
from diptych.config import flat
from diptych.schema import Recipe

ROOT = Path(__file__).parents[1]


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


def test_the_tree_in_the_readme_is_the_tree():
    named = re.findall(r"^  (\w[\w.]+)/? ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    package = Path(diptych.__file__).parent
    assert named
    assert all((package / name).exists() for name in named)
