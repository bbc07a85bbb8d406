"""Checkpoints: what is damaged stands in nobody's way."""

import pytest
import torch

from diptych.errors import DiptychError
from diptych.training.checkpoint import latest_checkpoint, save_checkpoint


@pytest.mark.parametrize("content", [b"", bytes(1000), b"hello", b'{"a": 1}', b"...."])
def test_whatever_a_damaged_file_holds_the_one_before_serves(tmp_path, content):
    for step in (1, 2):
        save_checkpoint(tmp_path, {"step": torch.tensor(step)}, step, keep=2)
    (tmp_path / "step_00000002.pt").write_bytes(content)
    assert latest_checkpoint(tmp_path) == {"step": torch.tensor(1)}
    (tmp_path / "step_00000001.pt").write_bytes(content)
    with pytest.raises(DiptychError, match="no checkpoint can be read; remove the folder"):
        latest_checkpoint(tmp_path)
