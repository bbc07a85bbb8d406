"""Files of every format there was, as the code of their time wrote them, load and do the same.

(What torch's exporter noted in the ONNX file, paths of where it ran, is taken out.)
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import diptych
from diptych.errors import DiptychError
from diptych.model_file import FORMAT
from diptych.training import checkpoint

HERE = Path(__file__).with_name("written_before")
SIDE = 32


def source() -> np.ndarray:
    return np.asarray(Image.open(HERE / "pairs" / "val" / "0.png"))[:, :SIDE]


def translated_then(number: int) -> np.ndarray:
    """What the code that wrote model format `number` made of the source."""
    panel = slice((number - 1) * SIDE, number * SIDE)
    return np.asarray(Image.open(HERE / "translated.png"))[:, panel].astype(int)


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_model_of_each_format_translates_as_it_did(number):
    translator = diptych.load(HERE / f"format_{number}.safetensors")
    assert translator.header.crop_size == (SIDE, SIDE)
    assert translator.header.dataset.pairs["train"] == 4
    assert np.abs(translator.apply(source()) - translated_then(number)).max() <= 1


def test_an_exported_model_translates_as_it_did():
    pytest.importorskip("onnxruntime")
    translator = diptych.load(HERE / "model.onnx")
    assert np.abs(translator.apply(source()) - translated_then(3)).max() <= 1


def test_a_segmenter_sees_what_it_saw():
    from diptych.evaluation.labels.segmenter import read_segmenter, segment

    network, header = read_segmenter(HERE / "segmenter.safetensors")
    photo = Image.open(HERE / "pairs" / "val" / "0.png").resize((64, 64), Image.Resampling.NEAREST)
    classes = segment(network, np.asarray(photo)[None].copy())
    assert header.palette == [(0, 0, 0), (255, 255, 255)]
    assert (255 * classes[0] == np.asarray(Image.open(HERE / "segmented.png"))).mean() > 0.99


def test_a_stopped_run_goes_on_to_the_end_it_would_have_had(tmp_path):
    shutil.copytree(HERE / "run", tmp_path / "run")
    recipe = tmp_path / "run" / "recipe.toml"
    run = diptych.train(str(recipe), data=HERE / "pairs", out=tmp_path / "run", threads=1)
    assert (run.finished, run.step) == (True, 8)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = {line["step"]: line["g_l1"] for line in lines if "g_l1" in line}
    # Those that the code before logged, of steps 6 to 8, when nothing had stopped it.
    assert [losses[step] for step in (6, 7, 8)] == pytest.approx(
        [0.666614, 0.687629, 0.669755], abs=2e-5
    )
    assert run.scores["l1"] == pytest.approx(0.326431, abs=2e-5)


def test_a_checkpoint_of_a_later_diptych_says_so_and_stays_as_it_is(tmp_path):
    """Rather than that an older one, or a new beginning, takes its place."""
    shutil.copytree(HERE / "run", tmp_path / "run")
    folder = tmp_path / "run" / "checkpoints"
    (path,) = folder.iterdir()
    state = torch.load(path, weights_only=True)
    torch.save(state | {"format": checkpoint.FORMAT + 1, "of": "tomorrow"}, path)
    before = path.read_bytes()
    recipe = str(tmp_path / "run" / "recipe.toml")
    words = rf"step_00000005.pt: checkpoint format {checkpoint.FORMAT + 1}, newer than this diptych"
    with pytest.raises(DiptychError, match=words):
        diptych.train(recipe, data=HERE / "pairs", out=tmp_path / "run", threads=1)
    assert path.read_bytes() == before
