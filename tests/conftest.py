import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pairs and metric weights beside the checkout."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("DIPTYCH_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("needs the real pairs in ../shared/data, absent here")
    return folder


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory, monkeypatch):
    """Tests neither read nor write a person's cache and weights."""
    folder = tmp_path_factory.mktemp("places")
    monkeypatch.setenv("DIPTYCH_CACHE", str(folder / "cache"))
    (folder / "weights").mkdir()
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(folder / "weights"))


@pytest.fixture
def made_pairs(tmp_path) -> Path:
    """Twelve made-up pairs side by side, 96x48: shapes right, their outlines left."""
    folder = tmp_path / "pairs"
    (folder / "train").mkdir(parents=True)
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :48]
    for i in range(12):
        x, y, radius = random.integers(14, 34), random.integers(14, 34), random.integers(6, 13)
        distance = np.hypot(rows - y, columns - x) - radius
        target = np.full((48, 48, 3), 255, np.uint8)
        target[distance < 0] = random.integers(0, 200, 3)
        source = np.where(np.abs(distance) < 1.5, 0, 255).astype(np.uint8)
        pair = np.concatenate([source[..., None].repeat(3, 2), target], 1)
        Image.fromarray(pair).save(folder / "train" / f"{i:02}.png")
    return folder
