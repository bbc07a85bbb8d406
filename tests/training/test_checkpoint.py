"""Checkpoints: what is damaged stands in nobody's way."""

import random
import shutil

import pytest
import torch

from diptych.errors import DiptychError
from diptych.training.checkpoint import (
    checkpoint_apart,
    checkpoints,
    latest_checkpoint,
    save_checkpoint,
    save_checkpoint_apart,
    step_of,
)


def state_of(step: int) -> dict:
    training = {"step": step, "weights": torch.arange(2000.0) + step}
    return {"training": training, "fingerprint": "", "log_bytes": 0}


def step_read(folder, **options) -> int:
    state = latest_checkpoint(folder, **options)
    assert torch.equal(
        state["training"]["weights"], state_of(state["training"]["step"])["training"]["weights"]
    )
    return state["training"]["step"]


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints."""
    for step in (1, 2):
        save_checkpoint(tmp_path, state_of(step), step, keep=2)
    return tmp_path


CONTENTS = [b"", bytes(1000), b"hello", b'{"a": 1}', b"....", b"PK\x05\x06" + bytes(18)]


@pytest.mark.parametrize("content", CONTENTS)
def test_whatever_a_damaged_file_holds_the_one_before_serves(folder, content):
    (folder / "step_00000002.pt").write_bytes(content)
    notes = []
    assert step_read(folder, note=notes.append) == 1
    (note,) = notes
    assert "step_00000002.pt: damaged (" in note
    assert note.endswith("; the one before it serves")
    assert "\n" not in note
    (folder / "step_00000001.pt").write_bytes(content)
    with pytest.raises(DiptychError, match="no checkpoint can be read; begin another run"):
        latest_checkpoint(folder)


def test_a_bit_that_flipped_or_an_end_that_is_missing_is_seen(folder):
    latest = folder / "step_00000002.pt"
    whole, chance = latest.read_bytes(), random.Random(0)
    for _ in range(60):
        spoiled = bytearray(whole)
        spoiled[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        latest.write_bytes(spoiled)
        assert step_read(folder) in {1, 2}
        latest.write_bytes(whole[: chance.randrange(len(whole))])
        assert step_read(folder) == 1


@pytest.mark.parametrize("other", [torch.zeros(3), {"training": {}}, [1], {}])
def test_another_file_of_torchs_is_no_checkpoint(folder, other):
    torch.save(other, folder / "step_00000002.pt")
    assert step_read(folder) == 1


def test_what_is_no_file_is_passed_over(folder):
    (folder / "step_00000003.pt").mkdir()
    assert step_read(folder) == 2


def test_one_that_is_kept_apart_may_be_damaged_too(folder):
    notes = []
    assert checkpoint_apart(folder, "best", notes.append) is None
    assert notes == []
    save_checkpoint_apart(folder, state_of(7), "best")
    assert checkpoint_apart(folder, "best")["training"]["step"] == 7
    (folder / "best.pt").write_bytes(b"half")
    assert checkpoint_apart(folder, "best", notes.append) is None
    assert "best.pt: damaged" in notes[0]


def test_a_checkpoint_of_a_way_that_was_left_makes_room_for_no_other(folder):
    """Training went back to step 2 and comes by 3 again."""
    shutil.copy(folder / "step_00000002.pt", folder / "step_00000009.pt")
    save_checkpoint(folder, state_of(3), 3, keep=2)
    assert [step_of(path) for path in checkpoints(folder)] == [2, 3]
