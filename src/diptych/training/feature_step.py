"""One training step with a frozen network's eyes: a distance in what it sees, and D on that.

Beside `pix2pix.train_step`, whose order of updates it keeps: D first, then G.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diptych.losses.feature_distance import feature_distance
from diptych.networks.frozen_view import FrozenView
from diptych.networks.judged_pair import at_size_of
from diptych.networks.projected import Projection
from diptych.pix2pix import (
    Adversarial,
    Optimizers,
    judged,
    minus_log_real,
    minus_log_translated,
)


def feature_step(  # noqa: PLR0913 - all that a step needs, by name
    generator: nn.Module,
    discriminator: nn.Module | None,
    optimizers: Optimizers,
    source: Tensor,
    target: Tensor,
    *,
    views: Sequence[FrozenView],
    projection: Projection | None,
    known: Tensor | None = None,
    adversarial: Adversarial = "cgan",
    l1: float,
    features: float,
    distance: Callable[[Tensor, Tensor], Tensor] = F.l1_loss,
    backward: Callable[[Tensor], object] = Tensor.backward,
) -> dict[str, Tensor]:
    """One step on D, where it learns, then one on G, where that does.

    To what G lowers comes `features` times the distance in what the frozen network sees; `views`
    are those of source and target. With a `projection` D judges the projected maps of the pair, or
    of the picture alone, at several sizes, else these themselves. All else is as
    `pix2pix.train_step` has it, its losses too, and beside them `g_features`.
    """
    losses: dict[str, Tensor] = {}
    translated = generator(source)
    if known is not None:
        translated = torch.where(known, translated, target.to(translated.dtype))
    see_source, see_target = views
    with torch.no_grad():
        target_maps = see_target(target)
    translated_maps = see_target(translated)

    objective = torch.zeros((), device=target.device)
    if discriminator is not None:
        shown_source: list[Tensor] = []
        if projection is None:
            shown_target = [judged(source, target, adversarial)]
            shown_translated = [judged(source, translated, adversarial)]
        else:
            with torch.no_grad():
                if adversarial == "cgan":
                    shown_source = projection(see_source(at_size_of(target, source)))
                shown_target = projection(target_maps)
            shown_translated = projection(translated_maps)
        if optimizers.discriminator is not None:
            shown = [maps.detach() for maps in shown_translated]
            discriminator.requires_grad_(True)
            d_real = _mean_of(minus_log_real, discriminator(*shown_source, *shown_target))
            d_translated = _mean_of(minus_log_translated, discriminator(*shown_source, *shown))
            optimizers.discriminator.zero_grad(set_to_none=True)
            backward(0.5 * (d_real + d_translated))
            optimizers.discriminator.step()
            losses |= {"d_real": d_real, "d_translated": d_translated}
    if optimizers.generator is None:
        return {name: loss.detach() for name, loss in losses.items()}

    if discriminator is not None:
        discriminator.requires_grad_(False)
        objective = _mean_of(minus_log_real, discriminator(*shown_source, *shown_translated))
        losses["g_adversarial"] = objective
    losses["g_l1"] = distance(translated, target)
    losses["g_features"] = feature_distance(translated_maps, target_maps)
    objective = objective + l1 * losses["g_l1"] + features * losses["g_features"]
    optimizers.generator.zero_grad(set_to_none=True)
    backward(objective)
    optimizers.generator.step()
    return {name: loss.detach() for name, loss in losses.items()}


def _mean_of(loss: Callable[[Tensor], Tensor], logits: Tensor | Sequence[Tensor]) -> Tensor:
    """Of all sizes at which the discriminator judges."""
    sizes = [logits] if isinstance(logits, Tensor) else logits
    return torch.stack([loss(each) for each in sizes]).mean()
