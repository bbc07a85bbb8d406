import pytest
import torch
from tests.networks.test_noise import SMALL, last_weight
from torch.nn.functional import l1_loss

from diptych.losses.distillation import Distillation, alignment
from diptych.networks import GENERATORS, build_generator

SOURCE = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
PARTS = {"target": 0.0, "output": 0.0, "features": 0.0}


def test_alignment_is_one_for_turned_and_scaled_maps_and_low_for_others():
    torch.manual_seed(0)
    maps = torch.randn(2, 5, 16, 16)
    turn, _ = torch.linalg.qr(torch.randn(5, 5))
    turned = torch.einsum("nchw,cd->ndhw", maps, turn) * 3 + 7
    assert alignment(maps, turned) == pytest.approx(1, abs=1e-5)
    assert alignment(maps, torch.randn(2, 9, 16, 16)) < 0.1
    assert alignment(maps, torch.zeros(2, 3, 16, 16)) == 0, "no NaN where nothing varies"


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_learns_from_another_but_not_from_itself(name):
    torch.manual_seed(0)
    student = build_generator(name, **SMALL[name])
    torch.nn.init.normal_(last_weight(student), 0, 0.3)
    teacher = build_generator(name, **SMALL[name]).requires_grad_(False)
    for taught_by in (student, teacher):
        learned = Distillation(taught_by, student, l1_loss, **{**PARTS, "features": 1.0})
        learned.follow(SOURCE)
        distance = learned(student(SOURCE), SOURCE)
        if taught_by is student:
            assert float(distance.detach()) == pytest.approx(0, abs=1e-5)
        else:
            assert 0 < distance < 1
            distance.backward()
            assert any(p.grad is not None and p.grad.any() for p in student.parameters())


def test_the_parts_are_weighed_and_the_teacher_does_not_learn():
    torch.manual_seed(0)
    student, teacher = (build_generator("unet", **SMALL["unet"]) for _ in range(2))
    target = torch.zeros_like(SOURCE)
    learned = Distillation(teacher, student, l1_loss, target=2.0, output=3.0, features=0.0)
    learned.follow(SOURCE)
    made = student(SOURCE)
    with torch.no_grad():
        expected = 2 * l1_loss(made, target) + 3 * l1_loss(made, teacher(SOURCE))
    distance = learned(made, target)
    torch.testing.assert_close(distance, expected)
    distance.backward()
    assert all(p.grad is None for p in teacher.parameters())


def test_the_teacher_translates_in_the_look_that_the_student_is_told():
    """Whose numbers are no maps to align."""
    torch.manual_seed(0)
    options = {"base_channels": 8, "look_numbers": 6}
    student, teacher = (build_generator("compact", **options) for _ in range(2))
    torch.nn.init.normal_(last_weight(teacher), 0, 0.3)
    torch.nn.init.normal_(teacher.look.changes[-1].weight)
    sources, looks = SOURCE.repeat(4, 1, 1, 1), torch.randn(8, 6)
    learned = Distillation(teacher, student, l1_loss, target=0.0, output=1.0, features=1.0)
    learned.follow(sources, looks)
    student(sources, looks)
    assert torch.equal(learned.picture, teacher(sources, looks))
    assert not torch.equal(learned.picture, teacher(sources))
    assert all(maps.ndim == 4 for maps in (learned.taught | learned.learned).values())
