import pytest
import torch

from diptych.errors import DiptychError
from diptych.networks import (
    GENERATORS,
    at_test_time,
    build_generator,
    fitting_options,
    has_noise,
)
from diptych.networks.noise import NoiseInput
from diptych.networks.padded import own_part, translate_padded

SMALL = {
    "unet": {"base_channels": 4, "levels": 5, "dropout": 0.0},
    "residual": {"base_channels": 4, "blocks": 1},
    "resnet": {"base_channels": 4, "blocks": 1, "dropout": 0.0},
    "resunet": {"base_channels": 4, "blocks": 1},
    "compact": {"base_channels": 8},
}


def last_weight(network: torch.nn.Module) -> torch.nn.Parameter:
    """Of the layer that makes the picture."""
    return getattr(network.out, "conv", network.out).weight


def noisy(name: str = "unet", **options) -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_generator(name, noise_channels=2, **SMALL[name], **options)
    torch.nn.init.normal_(last_weight(network.generator), 0, 0.3)
    return network


SOURCE = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_every_generator_is_tried():
    assert SMALL.keys() == GENERATORS.keys()


@pytest.mark.parametrize("name", SMALL)
def test_noise_is_drawn_anew_in_training_and_zero_otherwise(name):
    network = noisy(name)
    assert isinstance(network, NoiseInput)
    assert network.size_multiple == network.generator.size_multiple
    first, second = network(SOURCE), network(SOURCE)
    assert first.shape == SOURCE.shape
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    first = network(SOURCE)
    torch.manual_seed(5)
    assert torch.equal(network(SOURCE), first)
    network.eval()
    assert torch.equal(network(SOURCE), network(SOURCE))


def test_what_the_generator_within_sees():
    network = noisy()
    seen = []
    network.generator.register_forward_pre_hook(
        lambda _, inputs: seen.append((*inputs, own_part(*inputs).shape[-2:]))
    )
    for training in (True, False):
        translate_padded(network.train(training), SOURCE, (20, 30))
    for inputs, size in seen:
        assert inputs.shape == (2, 5, 32, 32)
        assert torch.equal(inputs[:, :3], SOURCE)
        assert size == (20, 30)
    noise = seen[0][0][:, 3:]
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 1) < 0.1
    assert not torch.equal(noise[0], noise[1]), "pictures have noise of their own"
    assert not seen[1][0][:, 3:].any()


@pytest.mark.parametrize("wanted", [True, False])
def test_at_test_time_noise_is_a_choice_and_normalisation_is_not(wanted):
    network = at_test_time(noisy(statistics="batch"), wanted)
    assert torch.equal(network(SOURCE), network(SOURCE)) != wanted
    torch.manual_seed(3)
    together = network(SOURCE)
    assert not network.generator.training
    if not wanted:
        alone = torch.cat([network(picture[None]) for picture in SOURCE])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"levels": 5, "dropout": 0.5}, True),
        ({"levels": 5, "dropout": 0.0}, False),
        ({"levels": 5, "dropout": 0.0, "noise_channels": 1}, True),
    ],
)
def test_whether_there_is_noise(options, expected):
    assert has_noise(build_generator("unet", base_channels=4, **options)) == expected
    assert not has_noise(build_generator("residual", base_channels=4))


def test_options_that_fit():
    given = {"base_channels": 8, "skips": True, "blocks": 3, "scale": 2}
    assert fitting_options("generator", "unet", given, {}) == {"base_channels": 8, "skips": True}
    assert fitting_options("generator", "residual", given, {"scale": "derive.scale"}) == {
        "base_channels": 8,
        "blocks": 3,
        "scale": 2,
    }
    with pytest.raises(DiptychError, match=r"^derive\.scale does not go with .* with residual$"):
        fitting_options("generator", "unet", given, {"scale": "derive.scale"})
    with pytest.raises(DiptychError, match="'vit' is not known: one of unet, residual"):
        fitting_options("generator", "vit", given, {})
