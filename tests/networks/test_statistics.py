from functools import partial

import pytest
import torch
from torch import nn

from diptych.networks import at_test_time, build_generator, normalize_by_stored
from diptych.networks.padded import PictureNormalization, normalize_by_picture, translate_padded
from diptych.networks.stored_statistics import StoredNormalization, add_stored_statistics
from diptych.networks.video_statistics import HeldNormalization, held_statistics
from diptych.pix2pix import Normalization, UNetGenerator

PICTURES = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
PICTURES[1] *= 0.2  # far from the others


def unet(levels: int = 3, **options) -> UNetGenerator:
    torch.manual_seed(0)
    generator = UNetGenerator(base_channels=4, levels=levels, **{"dropout": 0.0, **options})
    nn.init.normal_(generator.out.weight, 0, 0.5)
    return generator


def singly(generator: nn.Module, pictures: torch.Tensor = PICTURES) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([generator(picture[None]) for picture in pictures])


def held(generator: nn.Module, **given) -> torch.Tensor:
    with (
        torch.no_grad(),
        held_statistics(generator, PICTURES.split(1), generator, **given),
    ):
        return singly(generator)


def test_they_are_those_of_all_pictures_as_one_batch():
    """What batch normalisation takes in training, here from one picture at a time."""
    generator = unet()
    with torch.no_grad():
        together = generator.train()(PICTURES)
    at_test_time(generator, noisy=False)
    assert (singly(generator) - together).abs().max() > 0.1, "those of each picture are others"
    torch.testing.assert_close(held(generator), together)


def test_afterwards_all_is_as_before():
    generator = at_test_time(unet(), noisy=False)
    names, before = list(generator.state_dict()), singly(generator)
    with pytest.raises(KeyError), held_statistics(generator, PICTURES.split(1), generator):
        raise KeyError
    assert torch.equal(singly(generator), before)
    assert list(generator.state_dict()) == names
    assert not any(isinstance(module, HeldNormalization) for module in generator.modules())


def test_small_layers_go_by_each_picture():
    """Of a picture of 64x64 those below 8x8: a layer of 16 pixels says no more than 16 values."""
    generator = at_test_time(unet(levels=5), noisy=False)
    by = {}
    with torch.no_grad(), held_statistics(generator, PICTURES.split(1), generator):
        for name, module in generator.named_modules():
            if isinstance(module, HeldNormalization):
                by[name] = module.held is not None
    assert by == {
        "down.1.norm": True,  # 16x16
        "down.2.norm": True,  # 8x8
        "down.3.norm": False,
        "up.0.norm": False,
        "up.1.norm": True,
        "up.2.norm": True,
        "up.3.norm": True,
    }


class Alone(nn.Module):
    """A layer of normalisation and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = Normalization(3)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.norm(picture)


def test_padding_stays_out():
    alone, results = Alone().eval(), []
    for right, run in ((0, alone), (30, partial(translate_padded, alone, size=(64, 64)))):
        pictures = nn.functional.pad(PICTURES, (0, right, 0, right), value=9.0).split(1)
        with torch.no_grad(), held_statistics(alone, pictures, run):
            results.append(singly(alone))
    torch.testing.assert_close(*results)
    assert not torch.allclose(results[0], singly(alone), atol=0.1)


def test_a_generator_that_does_not_normalise_takes_no_pictures():
    generator = build_generator("residual", base_channels=4, blocks=1)
    assert not any(isinstance(module, Normalization) for module in generator.modules())
    taken = iter(PICTURES.split(1))
    with held_statistics(generator, taken, generator):
        assert len(list(taken)) == 3


def test_progress_is_in_layers_and_ends():
    told = []
    held(at_test_time(unet(levels=5), noisy=False), on_progress=lambda *at: told.append(at))
    assert told == [(1, 7), (2, 7), (3, 7), (4, 7), (5, 7), (7, 7)]


def with_stored() -> UNetGenerator:
    """Statistics of the pictures as they are met, layer by layer."""
    generator = at_test_time(unet(), noisy=False)
    with torch.no_grad(), held_statistics(generator, PICTURES.split(1), generator):
        found = {
            name: module.held
            for name, module in generator.named_modules()
            if isinstance(module, HeldNormalization) and module.held
        }
    add_stored_statistics(generator)
    for name, (variance, mean) in found.items():
        layer = generator.get_submodule(name)
        layer.variance.copy_(variance)
        layer.mean.copy_(mean)
    return generator.eval()


def test_stored_statistics_are_taken_where_they_are_asked_for():
    """Those of all pictures, stored, give what those of all pictures, held, give."""
    generator = with_stored()
    own = singly(generator)
    expected = held(at_test_time(unet(), noisy=False))
    assert (own - expected).abs().max() > 0.1
    assert normalize_by_stored(generator)
    torch.testing.assert_close(singly(generator), expected)
    at_test_time(generator, noisy=False)
    torch.testing.assert_close(singly(generator), expected)
    # Nothing is left to hold for a video, nor to do with padding.
    with held_statistics(generator, iter(()), generator):
        torch.testing.assert_close(singly(generator), expected)
    padded = nn.functional.pad(PICTURES[:1], (0, 32, 0, 32))
    with torch.no_grad():
        for normalize in (lambda _: None, normalize_by_picture):
            normalize(generator)
            cut, own = translate_padded(generator, padded, (64, 64)), generator(PICTURES[:1])
            torch.testing.assert_close(cut[..., :32, :32], own[..., :32, :32], atol=1e-3, rtol=0)
    assert any(isinstance(layer, PictureNormalization) for layer in generator.modules())


def test_training_neither_uses_nor_changes_stored_statistics():
    plain, generator = unet().train(), with_stored().train()
    normalize_by_stored(generator)
    before = {name: buffer.clone() for name, buffer in generator.named_buffers()}
    torch.testing.assert_close(generator(PICTURES), plain(PICTURES))
    assert all(torch.equal(buffer, before[name]) for name, buffer in generator.named_buffers())


def test_the_names_are_those_of_the_network_and_more():
    plain = build_generator("resnet", base_channels=2, blocks=1)
    storing = build_generator("resnet", base_channels=2, blocks=1, stored_statistics=True)
    assert not normalize_by_stored(plain)
    more = storing.state_dict().keys() - plain.state_dict().keys()
    assert len(more) == 2 * sum(isinstance(m, StoredNormalization) for m in storing.modules()) == 14
    assert plain.state_dict().keys() < storing.state_dict().keys()
    without = build_generator("unet", levels=5, statistics="none", stored_statistics=True)
    assert not normalize_by_stored(without)


def test_instance_normalisation_learns_no_scale_and_shift():
    generator = unet(statistics="instance")
    names = {name for name, _ in generator.named_parameters()}
    assert not any("norm" in name for name in names)
    assert {"down.0.conv.bias", "down.2.conv.bias", "out.bias"} == {n for n in names if "bias" in n}
    layer = Normalization(4, "instance")
    made = layer(torch.rand(2, 4, 9, 9) * 5 + 1)
    torch.testing.assert_close(made.mean((2, 3)), torch.zeros(2, 4), atol=1e-5, rtol=0)
    assert not list(layer.state_dict())
    x = torch.rand(2, 4, 9, 9)
    untouched = nn.Sequential(Normalization(4, "none"))
    assert untouched(x) is x
    normalize_by_picture(untouched)
    assert translate_padded(untouched, x, (9, 9)).data_ptr() == x.data_ptr()
