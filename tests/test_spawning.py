"""Processes of ours start from any script: one without its guard, one that came through a pipe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import diptych

PROGRAM = """
print("the script", flush=True)
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.doctor.processes import in_processes
from diptych.images.domain import Domain
from diptych.serving.picture_decoder import Decoder

print(list(in_processes(abs, range(-3, 3), processes=2)), flush=True)
Image.fromarray(np.full((2, 3, 3), 7, np.uint8)).save("a.png")
decoder = Decoder()
print(decoder.read(Path("a.png"), Domain(name="photo")).shape, flush=True)
decoder.close()
print(sorted(path.name for path in Path().iterdir()))
"""
SAID = "the script\n[3, 2, 1, 0, 1, 2]\n(2, 3, 3)\n"


@pytest.mark.parametrize("way", ["file", "module", "pipe"])
def test_a_script_without_a_guard_runs_once(way, tmp_path):
    (tmp_path / "script.py").write_text(PROGRAM)
    words = {"file": ["script.py"], "module": ["-m", "script"], "pipe": []}[way]
    ran = subprocess.run(
        [sys.executable, *words],
        input=PROGRAM if way == "pipe" else "",
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(diptych.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout.startswith(SAID)
    assert "'a.png', 'script.py']" in ran.stdout
