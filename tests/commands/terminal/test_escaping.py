"""Names are data: nothing in them is markup or steers the terminal, and none ends a run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.text import Text

import diptych
from diptych.commands.terminal.console import console, say_note, show_rows, show_table
from diptych.commands.terminal.escaping import escaped, in_a_line

NAMES = ["[/x]", "[out]", "[bold red]a", ":smile:", "a\x1b[2Jb", "a\rb", "a\nb", "a\u202eb", "é→ß"]
SHOWN = ["[/x]", "[out]", "[bold red]a", ":smile:", r"a\x1b[2Jb", r"a\rb", r"a\nb", r"a\u202eb",
         "é→ß"]  # fmt: skip


@pytest.mark.parametrize(("name", "shown"), [*zip(NAMES, SHOWN, strict=True)])
def test_names_are_shown_to_the_letter(name, shown):
    with console.capture() as said:
        say_note(f"<{name}>")
        show_table(("a", "b"), [(f"<{name}>", "1")])
    assert said.get().count(f"<{shown}>") == 2
    with console.capture() as said:
        console.print(f"<{name}>")
        show_rows({"a": f"<{name}>"})
    assert said.get().count(f"<{shown}>".replace(r"\n", "\n")) == 2
    with console.capture() as said:
        console.print(Text("a\x1b[2J\u202eb"))
    assert said.get() == "a\\x1b[2J\\u202eb\n"


def test_bytes_that_are_no_letters_are_shown_as_such():
    assert escaped(os.fsdecode(b"a\xff\xfe.png")) == r"a\xff\xfe.png"
    assert escaped("a\ud800b") == r"a\ud800b"
    assert (escaped("a\n\tb"), in_a_line("a\n\tb")) == ("a\n\tb", r"a\n\tb")
    assert in_a_line("👩\u200d🔬 می\u200cخواهم é\u0301") == "👩\u200d🔬 می\u200cخواهم é\u0301"


SPEAK = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("way", SPEAK)
def test_an_output_that_has_no_such_letters_ends_no_run(way, tmp_path):
    """Of the real program, with names of every kind, that it fails on and that it names."""
    folder = tmp_path / "pairs [x]"
    names = [*(name for name in NAMES if "/" not in name), os.fsdecode(b"\xff\xfe")]
    for name in names:
        for side in ("A", "B"):
            path = folder / side / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if side == "A":
                path.write_bytes(b"no picture")
            else:
                Image.new("RGB", (48, 48)).save(path, "PNG")
    command = [
        sys.executable,
        "-m",
        "diptych",
        "data",
        "check",
        str(folder),
        "--no-cost",
        "--processes=1",
    ]
    env = os.environ | SPEAK[way]
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stdout
    assert b"\r" not in done.stdout.replace(b"\r\n", b"\n")
    assert b"[out].png" in done.stdout
    done = subprocess.run(
        [*command[:3], "translate", tmp_path / "[/→].safetensors", folder, "--out", tmp_path / "o"],
        capture_output=True,
        env=env,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"diptych: ")
    assert done.stderr.count(b"\n") == 1


def test_no_command_writes_markup():
    """The console takes all for data, and would show it."""
    folder = Path(diptych.__file__).parent / "commands"
    for path in folder.rglob("*.py"):
        assert not re.search(r"\[/?(bold|dim|red|green|/)\]", path.read_text("utf-8")), path
