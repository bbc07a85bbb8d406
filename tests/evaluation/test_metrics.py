from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from diptych.evaluation.metrics import PSNR_CAP, l1, psnr, psnr_y, ssim
from diptych.evaluation.scores import Scorer
from diptych.images.rgb import read_image, resize


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def pairs() -> list[tuple[Tensor, Tensor]]:
    x = noise(2, 3, 31, 45)
    ramp = torch.linspace(0, 1, 45).expand(2, 3, 31, 45)
    return [
        (x, noise(2, 3, 31, 45, seed=1)),
        (x, (x + 0.05 * noise(2, 3, 31, 45, seed=2)).clamp(0, 1)),
        (ramp, ramp.flip(-1)),
        (torch.zeros(1, 3, 7, 7), torch.ones(1, 3, 7, 7)),
        (noise(1, 1, 7, 9), noise(1, 1, 7, 9, seed=1)),
    ]


def skimage_ssim(x: Tensor, y: Tensor, window: int = 7) -> list[float]:
    return [
        structural_similarity(
            a.double().numpy(), b.double().numpy(), channel_axis=0, data_range=1, win_size=window
        )
        for a, b in zip(x, y, strict=True)
    ]


@pytest.mark.parametrize(("x", "y"), pairs())
def test_equal_scikit_image(x: Tensor, y: Tensor) -> None:
    assert ssim(x, y).tolist() == pytest.approx(skimage_ssim(x, y), abs=1e-9)
    peaks = [
        peak_signal_noise_ratio(a.double().numpy(), b.double().numpy(), data_range=1)
        for a, b in zip(x, y, strict=True)
    ]
    assert psnr(x, y).tolist() == pytest.approx(peaks, abs=1e-9)
    differences = [np.abs(a - b).mean() for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    assert l1(x, y).tolist() == pytest.approx(differences, abs=1e-6)


def test_ssim_equals_scikit_image_on_photos(shared_data: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        with Image.open(shared_data / "facades" / "test" / name) as image:
            pair = torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1)[None] / 255
        photo, labels = pair[..., :256], pair[..., 256:]
        assert ssim(photo, labels).tolist() == pytest.approx(skimage_ssim(photo, labels), abs=1e-9)


@pytest.mark.parametrize(("size", "window"), [((6, 20), 5), ((5, 5), 5), ((20, 4), 3), ((3, 3), 3)])
def test_ssim_of_a_small_picture_takes_the_window_that_fits(
    size: tuple[int, int], window: int
) -> None:
    x, y = noise(2, 3, *size), noise(2, 3, *size, seed=1)
    assert ssim(x, y).tolist() == pytest.approx(skimage_ssim(x, y, window), abs=1e-9)


def test_ssim_of_a_single_pixel_is_a_number() -> None:
    x, y = noise(1, 3, 1, 1), noise(1, 3, 1, 1, seed=1)
    assert 0 < ssim(x, y).item() < 1
    assert ssim(x, x).item() == 1


def test_identical_pictures() -> None:
    x = noise(2, 3, 16, 16)
    assert l1(x, x).tolist() == [0, 0]
    assert psnr(x, x).tolist() == [PSNR_CAP, PSNR_CAP]
    assert ssim(x, x).tolist() == pytest.approx([1, 1])


def test_known_values() -> None:
    black, gray = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.1, dtype=torch.float64)
    assert l1(black, gray).item() == pytest.approx(0.1)
    assert psnr(black, gray).item() == pytest.approx(20)


def test_psnr_y_by_hand() -> None:
    """Of Y as MATLAB's rgb2ycbcr has it, for a range of 255, the border left out."""
    x, y = noise(2, 3, 21, 30), noise(2, 3, 21, 30, seed=1)
    weights = np.array([65.481, 128.553, 24.966])
    for ours, a, b in zip(psnr_y(x, y, 4).tolist(), x.numpy(), y.numpy(), strict=True):
        one, other = (16 + np.tensordot(weights, z.astype(float), 1) for z in (a, b))
        error = np.square(one - other)[4:-4, 4:-4].mean()
        assert ours == pytest.approx(10 * np.log10(255**2 / error), abs=1e-5)


def test_psnr_y_leaves_the_border_out_unless_nothing_would_be_left() -> None:
    x = noise(1, 3, 20, 20)
    framed = x.clone()
    framed[..., :4, :] = framed[..., :, -4:] = 0.5
    assert psnr_y(x, framed, 4).item() == PSNR_CAP
    assert psnr_y(x, framed, 3).item() < 40
    small, other = noise(1, 3, 8, 30), noise(1, 3, 8, 30, seed=1)
    assert psnr_y(small, other, 4).item() == psnr_y(small, other, 5).item() < 20


def test_bicubic_enlargement_of_set5_scores_what_is_published(shared_data: Path) -> None:
    """28.42 dB for x4 (Dong et al. 2014, and all papers since); its resizer was MATLAB's."""
    scores = []
    for path in sorted((shared_data / "set5").iterdir()):
        whole = read_image(path)
        width, height = (side // 4 * 4 for side in whole.size)
        photo = whole.crop((0, 0, width, height))
        larger = resize(resize(photo, (width // 4, height // 4)), (width, height))
        pair = (np.asarray(side)[None] for side in (larger, photo))
        scores.append(Scorer(border=4)(*pair)[0]["psnr_y"])
    assert len(scores) == 5
    assert np.mean(scores) == pytest.approx(28.42, abs=0.05)
