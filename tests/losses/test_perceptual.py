from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from diptych.errors import DiptychError
from diptych.losses.perceptual import LPIPS

BACKBONES = ("alex", "vgg")
HEADS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
CONVOLUTIONS = {
    "alex": {
        0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3),
    },
    "vgg": {
        0: (64, 3, 3), 2: (64, 64, 3), 5: (128, 64, 3), 7: (128, 128, 3), 10: (256, 128, 3),
        12: (256, 256, 3), 14: (256, 256, 3), 17: (512, 256, 3), 19: (512, 512, 3),
        21: (512, 512, 3), 24: (512, 512, 3), 26: (512, 512, 3), 28: (512, 512, 3),
    },
}  # fmt: skip


def random_weights(
    backbone: str, dtype: torch.dtype = torch.float32
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights of the published shapes, so that most tests need no files."""
    generator = torch.Generator().manual_seed(0)
    features = {}
    for index, (out, into, side) in CONVOLUTIONS[backbone].items():
        weight = torch.randn(out, into, side, side, generator=generator)
        features[f"features.{index}.weight"] = (weight * (2 / (into * side**2)) ** 0.5).to(dtype)
        features[f"features.{index}.bias"] = torch.zeros(out, dtype=dtype)
    heads = {
        f"lin{k}.model.1.weight": torch.rand(1, channels, 1, 1, generator=generator)
        for k, channels in enumerate(HEADS[backbone])
    }
    return features, heads


@pytest.fixture(scope="module", params=BACKBONES)
def lpips(request: pytest.FixtureRequest) -> LPIPS:
    return LPIPS(request.param, *random_weights(request.param))


def pictures(size: int = 40, n: int = 2, seed: int = 1) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_is_zero_for_identical_symmetric_and_positive(lpips: LPIPS) -> None:
    x, y = pictures(seed=1), pictures(seed=2)
    assert torch.equal(lpips(x, x), torch.zeros(2))
    torch.testing.assert_close(lpips(x, y), lpips(y, x))
    assert lpips(x, y).shape == (2,)
    assert (lpips(x, y) > 0).all()


def test_scores_each_pair_alone(lpips: LPIPS) -> None:
    x, y = pictures(seed=1), pictures(seed=2)
    torch.testing.assert_close(lpips(x, y), torch.cat([lpips(x[:1], y[:1]), lpips(x[1:], y[1:])]))


def test_gradients_reach_the_pictures_only(lpips: LPIPS) -> None:
    x = pictures(seed=1).requires_grad_()
    lpips(x, pictures(seed=2)).mean().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().amax((1, 2, 3)).gt(0).all()
    assert not any(p.requires_grad or p.grad is not None for p in lpips.parameters())


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_gradient_is_finite_on_flat_and_identical_pictures(lpips: LPIPS, value: float) -> None:
    x = torch.full((1, 3, 40, 40), value, requires_grad=True)
    lpips(x, x.detach().clone()).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_descending_its_gradient_brings_a_picture_closer(lpips: LPIPS) -> None:
    x, y = pictures(seed=1).requires_grad_(), pictures(seed=2)
    before = lpips(x, y).mean()
    (grad,) = torch.autograd.grad(before, x)
    assert lpips(x - 1e-3 * grad / grad.abs().max(), y).mean() < before


def test_stays_in_evaluation_mode(lpips: LPIPS) -> None:
    parent = torch.nn.Sequential(lpips).train()
    assert not any(module.training for module in parent[0].modules())


def test_min_size_is_the_least_that_works(lpips: LPIPS) -> None:
    least = lpips.min_size
    assert lpips(pictures(least), pictures(least)).isfinite().all()
    with pytest.raises(RuntimeError):
        lpips.features(pictures(least - 1))
    with pytest.raises(DiptychError, match=f"{least} x {least} pixels or more; these are 1 x 1"):
        lpips(pictures(1), pictures(1))


@pytest.mark.parametrize(
    ("x", "y"), [((1, 3, 40, 40), (2, 3, 40, 40)), ((1, 1, 40, 40),) * 2, ((3, 40, 40),) * 2]
)
def test_says_what_shapes_it_takes(lpips: LPIPS, x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(DiptychError, match=r"one shape \(N, 3, H, W\)"):
        lpips(torch.zeros(x), torch.zeros(y))


def test_making_one_leaves_the_random_state_alone() -> None:
    weights = random_weights("alex")
    before = torch.get_rng_state()
    LPIPS("alex", *weights)
    assert torch.equal(torch.get_rng_state(), before)


def test_casts_half_precision_up_and_ignores_the_classifier() -> None:
    features, heads = random_weights("alex", torch.float16)
    lpips = LPIPS("alex", features | {"classifier.1.weight": torch.zeros(2, 2)}, heads)
    assert {p.dtype for p in lpips.parameters()} == {torch.float32}
    assert lpips(pictures(), pictures(seed=2)).dtype == torch.float32


def test_works_under_autocast() -> None:
    lpips = LPIPS("alex", *random_weights("alex"))
    x, y = pictures(seed=1), pictures(seed=2)
    with torch.autocast("cpu", torch.bfloat16):
        low = lpips(x, y)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, lpips(x, y), rtol=0.05, atol=0)


def test_names_a_missing_or_foreign_weight() -> None:
    features, heads = random_weights("alex")
    without = {key: value for key, value in features.items() if key != "features.6.bias"}
    with pytest.raises(DiptychError, match=r"no 'features\.6\.bias'"):
        LPIPS("alex", without, heads)
    with pytest.raises(DiptychError, match=r"'features\.0\.weight' should have the shape"):
        LPIPS("vgg", features, heads)
    with pytest.raises(DiptychError, match=r"'lin1\.model\.1\.weight' should have the shape"):
        LPIPS("alex", features, random_weights("vgg")[1])


def load(path: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    return weights


def facades(shared_data: Path, name: str) -> tuple[Tensor, Tensor]:
    with Image.open(shared_data / "facades" / "test" / name) as image:
        pair = torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1)[None] / 127.5 - 1
    return pair[..., :256], pair[..., 256:]


def test_agrees_with_the_lpips_package(shared_data: Path) -> None:
    folder = shared_data / "weights"
    lpips = LPIPS(
        "alex",
        load(folder / "alexnet_features_imagenet.pth"),
        load(folder / "alexnet_lpips_v0.1_lin.pth"),
    )
    halves = [facades(shared_data, f"{number}.jpg") for number in (1, 2, 3)]
    photos, labels = (torch.cat(side) for side in zip(*halves, strict=True))
    expected = torch.tensor([0.747390, 0.733903, 0.633790])
    torch.testing.assert_close(lpips(photos, labels), expected, atol=1e-5, rtol=0)
    assert torch.equal(lpips(photos, photos), torch.zeros(3))


@pytest.mark.slow
def test_vgg_works_from_the_half_precision_file(shared_data: Path) -> None:
    folder = shared_data / "weights"
    lpips = LPIPS(
        "vgg",
        load(folder / "vgg16_features_imagenet_fp16.pth"),
        load(folder / "vgg16_lpips_v0.1_lin.pth"),
    )
    photo, labels = facades(shared_data, "1.jpg")
    blurred = torch.nn.functional.avg_pool2d(photo, 5, stride=1, padding=2)
    near, far = lpips(photo, blurred), lpips(photo, labels)
    assert 0 < near.item() < far.item() < 1
