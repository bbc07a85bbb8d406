"""Where a model is."""

import pytest

from diptych.errors import DiptychError
from diptych.model_place import model_path


def test_a_checkpoint_of_another_program_names_the_command_that_takes_it(tmp_path):
    (tmp_path / "latest_net_G.pth").write_bytes(b"PK")
    with pytest.raises(DiptychError, match=r"latest_net_G.pth latest_net_G.safetensors` makes"):
        model_path(tmp_path / "latest_net_G.pth")


def test_a_folder_without_a_model_is_said(tmp_path):
    with pytest.raises(DiptychError, match=r"a folder without model.safetensors"):
        model_path(tmp_path)
    (tmp_path / "model.safetensors").touch()
    assert model_path(tmp_path) == tmp_path / "model.safetensors"
