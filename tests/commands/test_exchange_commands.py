"""import and export, run as a person runs them."""

import pickle
from pathlib import Path

import pytest
import torch
from PIL import Image

from diptych.exchange.layout import entries

UNET = {"levels": 6, "base_channels": 4, "statistics": "batch"}


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "latest_net_G.pth"
    torch.save({entry.theirs: torch.rand(entry.shape) for entry in entries("unet", UNET)}, path)
    return path


def failing(run, *words: object) -> str:
    """The one line that a command says before it stops with status 2."""
    status, _, error = run(*words)
    assert status == 2
    assert error.startswith("diptych: ")
    assert error.count("\n") == 1
    return error


def test_from_a_checkpoint_and_back(run, checkpoint, made_pairs, tmp_path):
    """In, looked at, used each way, trained on, and out again."""
    model, tuned = tmp_path / "old.safetensors", tmp_path / "run"
    status, said, _ = run("import", checkpoint, model, "--source-name", "outline")
    assert status == 0
    for expected in ("outline -> target", "holds stored statistics", "taken to have dropout"):
        assert expected in said
    status, said, _ = run("info", model)
    assert status == 0
    assert "unet (levels 6" in said
    results = {}
    for way in ("image", "stored"):
        out = tmp_path / way
        words = ("--side", "source", "--out", out, "--normalization", way)
        status, said, _ = run("translate", model, made_pairs / "train" / "00.png", *words)
        assert status == 0
        with Image.open(out / "00.png") as picture:
            assert picture.size == (48, 48)
            results[way] = picture.tobytes()
    assert results["image"] != results["stored"]
    words = ("--data", made_pairs, "--normalization", "stored")
    assert run("evaluate", model, *words)[0] == 0

    small = ["--set", "train.steps=1", "--set", "discriminator.base_channels=4"]
    small += ["--set", "discriminator.receptive_field=16"]
    words = ("train", "--data", made_pairs, "--init-from", model, *small)
    status, said, _ = run(*words, "--dry-run")
    assert status == 0
    assert f"begins with the weights of {model}" in said
    status, said, _ = run(*words, "--out", tuned)
    assert status == 0
    assert "Finished: 1 steps" in said
    again = tmp_path / "again.pth"
    status, said, _ = run("export", tuned, again)
    assert status == 0
    assert "--netG (none; UnetGenerator of num_downs=6) --ngf 4 --norm batch" in said
    before, after = (torch.load(path, weights_only=True) for path in (checkpoint, again))
    assert {n: t.shape for n, t in before.items()} == {n: t.shape for n, t in after.items()}
    assert run("export", tuned, tmp_path / "any.name", "--to", "junyanz")[0] == 0


def test_mistakes_are_one_line(run, checkpoint, tmp_path):
    model = tmp_path / "old.safetensors"
    harm = tmp_path / "harm"
    checkpoint.with_name("bad.pth").write_bytes(pickle.dumps(Harm(harm), protocol=2))
    assert "holds code" in failing(run, "import", checkpoint.with_name("bad.pth"), model)
    assert not harm.exists()
    assert "no such file" in failing(run, "import", tmp_path / "none.pth", model)
    assert run("import", checkpoint, model, "--no-dropout")[0] == 0
    out = tmp_path / "out.pth"
    assert "--to onnx or web or plain" in failing(run, "export", model, out, "--to", "tensorflow")
    assert ".param or .pth file" in failing(run, "export", model, tmp_path / "out.bin")
    assert "no such model" in failing(run, "export", tmp_path / "none", out)
    assert not out.exists()
    pictures = ("--out", tmp_path / "pictures", "--normalization")
    assert "one of image, stored" in failing(run, "translate", model, tmp_path, *pictures, "batch")


class Harm:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
