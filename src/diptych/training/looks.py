"""What training pairs say of looks: their numbers, and how sources foretell them."""

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor, nn

from diptych.data.batches import Batch, Batches
from diptych.images.main_colours import main_colours
from diptych.model_file import KnownLooks
from diptych.networks.told_look import Look, look_of, looks_in, pooled
from diptych.training.ridge import ridge

LOOKED_AT = 512  # training crops at most, none twice
EXAMPLES = 64  # of them that a model file keeps
MOST_NUMBERS = 4096  # that these examples have in all
DIGITS = 4
COLOURS = {"rgb", "gray", "chroma"}  # targets with colours to call them by


class Looks:
    """Fills in what a generator's `Look` has beside weights.

    `measure` once, before training; `foretell` whenever weights are to translate with.
    """

    def __init__(self, batches: Batches, look: Look) -> None:
        self.batches, self.look = batches, look
        self.steps = min(batches.steps_per_epoch, -(-LOOKED_AT // batches.batch_size))

    @torch.no_grad()
    def measure(self) -> None:
        """The bounds of the numbers, and how they are scaled.

        That stays as it is in weights that a run begins with: they know no other.
        """
        look, numbers = self.look, self._numbers
        if bool((look.deviation == 1).all()):
            look.mean.copy_(numbers.mean(0))
            look.deviation.copy_(numbers.std(0, correction=0).clamp(min=1e-3))
        look.least.copy_(numbers.amin(0))
        look.most.copy_(numbers.amax(0))
        look.foretold_base.copy_(numbers.mean(0))

    @torch.no_grad()
    def foretell(self, generator: nn.Module) -> tuple[dict[str, Tensor], KnownLooks]:
        """What sources foretell by the generator's weights as they are.

        The buffers of that, by their names in its `state_dict`, and what its model file says.
        """
        name = looks_in(generator)[0][0]
        features = [
            pooled(generator.encode(batch.source)[-1])  # type: ignore[operator]
            for batch in self._batches()
        ]
        looks = self._numbers.cpu()
        fit = ridge(torch.cat(features).cpu(), looks)
        learned = {"foretelling": fit.weight, "foretold_base": fit.base}
        known = KnownLooks(
            examples=_rounded(looks[self._chosen]),
            left=_rounded(fit.left[self._chosen]),
            colours=self._colours,
            foretold=_rounded(fit.share[None])[0],
        )
        return {f"{name}.{key}": found.to(self.look.mean) for key, found in learned.items()}, known

    @cached_property
    def _numbers(self) -> Tensor:
        """The look of each target."""
        return torch.cat([look_of(batch.target, batch.known) for batch in self._batches()])

    @cached_property
    def _colours(self) -> list[list[str]]:
        """The main colours of the examples; none of targets without colours."""
        if self.batches.domains[1].kind not in COLOURS:
            return []
        colours = []
        for number in self._chosen.tolist():
            step, place = divmod(number, self.batches.batch_size)
            picture = self.batches.pictures_at(step)[1][place].cpu().numpy()
            colours.append(main_colours(picture.repeat(3 // picture.shape[-1], -1)))
        return colours

    def _batches(self) -> Iterator[Batch]:
        return map(self.batches.at, range(self.steps))

    @property
    def _chosen(self) -> Tensor:
        """Places of the examples among the looks, evenly spread."""
        count, numbers = self._numbers.shape
        examples = min(EXAMPLES, count, max(1, MOST_NUMBERS // numbers))
        return torch.arange(examples) * count // examples


def _rounded(rows: Tensor) -> list[list[float]]:
    return [[round(number, DIGITS) for number in row] for row in rows.tolist()]
