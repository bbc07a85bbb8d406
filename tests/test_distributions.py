"""The two distributions are of one package and of one mind."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import typer

from diptych.commands import app as cli

ROOT = Path(__file__).parents[1]


def project(path: str) -> dict:
    return tomllib.loads((ROOT / path).read_text("utf-8"))["project"]


def names(requirements: list[str]) -> dict[str, str]:
    return {re.split(r"[<>=!~;\[ ]", text)[0]: text for text in requirements}


def test_the_light_one_asks_for_nothing_else_and_not_for_torch():
    whole, light = project("pyproject.toml"), project("onnx/pyproject.toml")
    expected = names(whole["dependencies"]) | names(whole["optional-dependencies"]["onnx"])
    asked = names(light["dependencies"])
    assert asked.items() <= expected.items()
    assert not asked.keys() & {"torch", "lightning-fabric", "torchmetrics", "tensorboard"}
    assert light["optional-dependencies"]["video"] == whole["optional-dependencies"]["video"]
    for key in ("license", "requires-python", "scripts"):
        assert light[key] == whole[key]


def test_the_container_has_the_same_versions_no_root_and_is_asked_how_it_is():
    text = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line[:1].isupper()]
    said = {word: [rest for first, rest in lines if first == word] for word, _ in lines}
    (installed,) = [line for line in said["RUN"] if "pip install" in line]
    assert "-c constraints.txt" in installed
    extras = re.search(r"'\.\[(.+)\]'", installed)[1].split(",")
    assert set(extras) <= project("pyproject.toml")["optional-dependencies"].keys()
    assert said["USER"] == ["diptych"]
    assert "/health" in said["HEALTHCHECK"][0]
    line = [*json.loads(said["ENTRYPOINT"][0]), *json.loads(said["CMD"][0])]
    command = typer.main.get_command(cli.app).commands[line[1]]
    assert command.make_context("serve", line[2:]).params["host"] == "0.0.0.0"  # noqa: S104
    brought = (ROOT / "Containerfile.dockerignore").read_text("utf-8").split()
    for words in said["COPY"]:
        if "--from" not in words:
            assert {f"!{place}" for place in words.split()[:-1]} <= set(brought)


CLIENT = """
from pathlib import Path

from PIL import Image

import diptych

run = diptych.train(data="pairs", out=Path("runs/mine"), overrides={"train.epochs": 50})
finished: bool = run.finished
translator: diptych.Translator = diptych.load("runs/mine")
result = translator("photo.png")
if isinstance(result, Image.Image):  # else the numbers of a model whose targets are no pictures
    result.save("translated.png")
mean: float = diptych.evaluate(translator, "pairs", split="test")["l1"].mean
parameters = list(diptych.build_generator("unet", base_channels=8).parameters())
reveal_type(diptych.__version__)
"""


@pytest.mark.slow
def test_a_typed_client_is_told_the_types(tmp_path):
    pytest.importorskip("mypy", reason="needs mypy")
    readme = (ROOT / "README.md").read_text("utf-8")
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "readme.py").write_text(re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1])
    wrong = "import diptych\ndiptych.load(3)\ndiptych.train(data='pairs', out=None)\n"
    (tmp_path / "wrong.py").write_text(wrong)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    checked = subprocess.run(
        [*command, "--config-file=", "client.py", "readme.py", "wrong.py"],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    errors = [line for line in checked.stdout.splitlines() if ": error: " in line]
    assert [line.partition(":")[0] for line in errors] == ["wrong.py", "wrong.py"], checked.stdout
    assert 'Revealed type is "str"' in checked.stdout.replace("builtins.", "")


def built(*options: object) -> list[Path]:
    """What the packages' own builder makes; the last of `options` is the folder it is put into."""
    command = [sys.executable, "-m", "build", *map(str, options)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(Path(str(options[-1])).iterdir())


@pytest.mark.slow
def test_the_wheel_made_of_the_sdist_is_whole_and_runs_where_nothing_else_is(tmp_path):
    pytest.importorskip("build", reason="needs build")
    wheel, sdist = built(ROOT, "-o", tmp_path / "whole")
    assert (wheel.suffix, sdist.suffix) == (".whl", ".gz")
    folder = ROOT / "src" / "diptych"
    ours = {
        f"diptych/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= set(zipfile.ZipFile(wheel).namelist())
    (light,) = built("--wheel", ROOT / "onnx", "-o", tmp_path / "light")
    assert ours <= set(zipfile.ZipFile(light).namelist())
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "empty"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    # What it needs is that of this environment; of diptych itself nothing is.
    site = Path(typer.__file__).parents[1]
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.check_output(
        [python, "-c", f"import sys; sys.path.append({str(site)!r})\n{RUN}", "recipes"],
        env=outside,
        cwd=tmp_path,
        text=True,
    )
    place, _, recipes = said.partition("\n")
    assert Path(place).is_relative_to(tmp_path)
    assert "facades" in recipes


RUN = "import diptych; print(diptych.__file__); from diptych.commands.app import main; main()"
