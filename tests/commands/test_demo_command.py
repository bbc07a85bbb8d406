"""What the demo says to type next."""

import sys
from pathlib import Path

import pytest

from diptych.commands import demo_command


@pytest.mark.parametrize(
    ("called", "found", "typed"),
    [
        (".venv/bin/diptych", False, ".venv/bin/diptych"),  # as `make demo` calls it
        ("/usr/local/bin/diptych", True, "diptych"),
        ("/somewhere/diptych/__main__.py", False, "diptych"),
    ],
)
def test_commands_can_be_typed_as_they_are_shown(called, found, typed, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [called, "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    if found:
        Path(tmp_path, "diptych").write_text("")
        Path(tmp_path, "diptych").chmod(0o755)
    assert demo_command._called() == typed
