"""How far a network sees, by the rules of windows and by its gradient."""

import pytest
import torch
from tests.export.test_onnx_export import model

from diptych.images.domain import plain
from diptych.networks.told_look import with_said_look
from diptych.translation.bounded.reach import reach_of

NETWORKS = {
    "residual u-net": ("resunet", {"blocks": 0}, 95),
    "with frozen maps": ("resunet", {"blocks": 0, "frozen_maps": 1}, 101),
    "enlarging": ("residual", {"scale": 2, "blocks": 1}, 6),
    "u-net without statistics": ("unet", {"statistics": "none"}, 63),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_beyond_it_has_a_part_in_a_place(name):
    kind, options, expected = NETWORKS[name]
    made = model(kind, options, plain("drawing"), plain("photo"))
    header, generator = made.header, made.generator
    reach = reach_of(generator, header)
    assert reach == expected
    multiple, scale = header.size_multiple, header.scale
    start = -(-reach // multiple) * multiple + multiple
    source = torch.rand(1, 3, 2 * start + multiple, 2 * start + multiple) * 2 - 1
    source.requires_grad_()
    inner = slice(scale * start, scale * (start + multiple))
    with torch.inference_mode(mode=False):
        generator(source)[..., inner, inner].sum().backward()
    places = source.grad.abs().sum((0, 1)).nonzero()
    first, last = places.min().item(), places.max().item()
    assert start - reach <= first <= start
    assert last < start + multiple + reach


@pytest.mark.parametrize(
    ("kind", "options"), [("unet", {"statistics": "image"}), ("resunet", {"look_numbers": 6})]
)
def test_what_takes_statistics_sees_the_whole(kind, options):
    made = model(kind, options, plain("drawing"), plain("photo"))
    assert reach_of(made.generator, made.header) is None


def test_with_a_look_that_is_said_nothing_depends_on_the_whole():
    made = model("resunet", {"blocks": 1, "look_numbers": 6}, plain("drawing"), plain("photo"))
    said = with_said_look(made.generator, torch.full((6,), float("nan")))
    assert reach_of(said, made.header) == 159
    source, mean = torch.rand(1, 3, 64, 64), made.generator.look.mean
    with torch.inference_mode():
        torch.testing.assert_close(said(source), made.generator(source, mean[None]))
