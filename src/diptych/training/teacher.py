"""A trained model that a smaller one learns from: distillation."""

from collections.abc import Callable
from typing import Any

from torch import nn

from diptych.errors import DiptychError
from diptych.images.domain import Domain
from diptych.networks import at_test_time, build_generator
from diptych.networks.multiply_adds import multiply_adds
from diptych.networks.unfilled import unfilled
from diptych.training.initial import Initial
from diptych.training.plan import Plan


def built(teacher: Initial, plan: Plan, note: Callable[[str], None]) -> nn.Module:
    """The teacher's generator, as it translates, for the pairs of a plan; `note` hears of both.

    Raises DiptychError where it was trained for other domains, another scale, or crops of which
    the plan's are no multiple, or takes no look where the student is told one.
    """
    header = teacher.header
    for taught, here in zip((header.source, header.target), plan.domains, strict=True):
        if _numbers(taught) != _numbers(here):
            raise DiptychError(
                f"{teacher.place}: {taught.name} was {_words(taught)} and is {_words(here)} in "
                "these pairs: a student learns on pairs like those that its teacher learned on"
            )
    if header.scale != plan.scale:
        raise DiptychError(
            f"{teacher.place}: makes pictures {header.scale} times as large, derive.scale is "
            f"{plan.scale}"
        )
    if plan.generator_options.get("look_numbers") and header.look is None:
        raise DiptychError(
            f"{teacher.place}: takes no look, so that its student is told none either: "
            "--set generator.look=none"
        )
    small = [side // plan.scale for side in plan.recipe.data.crop]
    if any(side % header.size_multiple for side in small):
        raise DiptychError(
            f"data.crop_size {plan.recipe.data.crop_size} does not suit {teacher.place}, which "
            f"needs multiples of {header.size_multiple * plan.scale}"
        )
    note(_compared(teacher, plan))
    return at_test_time(teacher.generator, noisy=False).requires_grad_(False)


def _compared(teacher: Initial, plan: Plan) -> str:
    """A line on what the two networks cost, and how the teacher did."""
    height, width = (side // plan.scale for side in plan.recipe.data.crop)
    with unfilled():  # nothing but the count
        student = build_generator(plan.recipe.generator.name, **plan.generator_options)
    channels = teacher.header.source.channels
    costs = [
        multiply_adds(network, channels, (height, width))
        for network in (teacher.generator, student)
    ]
    scores = ", ".join(f"{name} {score:.3f}" for name, score in teacher.header.scores.items())
    return (
        f"teacher {teacher.header.generator.name}, {costs[0] / 1e9:.3g} G multiply-adds a crop"
        f"{f' ({scores})' if scores else ''}; student {plan.recipe.generator.name}, "
        f"{costs[1] / 1e9:.3g} G: {costs[0] / costs[1]:.1f} times fewer"
    )


def _numbers(domain: Domain) -> dict[str, Any]:
    """What of a domain decides which numbers a network sees."""
    own = domain.model_dump(exclude={"name", "parts"})
    return own | {"parts": [_numbers(part) for part in domain.parts]}


def _words(domain: Domain) -> str:
    spans = ", ".join(f"{low:g} to {high:g}" for low, high in domain.range)
    return f"{domain.kind} of {domain.channels} channels, {domain.dtype}, {spans}"
