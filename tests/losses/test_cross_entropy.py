import pytest
import torch

from diptych.losses.cross_entropy import cross_entropy


def test_pixels_without_a_class_have_no_part_in_it():
    torch.manual_seed(0)
    translated = (torch.rand(1, 3, 2, 2) * 2 - 1).requires_grad_()
    target = torch.full((1, 3, 2, 2), -1.0)
    target[:, 1] = 1
    target[..., 0, :] = 0
    loss = cross_entropy(translated, target)
    known = cross_entropy(translated[..., 1:, :], target[..., 1:, :])
    assert loss.item() == pytest.approx(known.item())
    loss.backward()
    assert not translated.grad[..., 0, :].any()
    assert translated.grad[..., 1, :].all()
    assert cross_entropy(translated, torch.zeros_like(target)) == 0
