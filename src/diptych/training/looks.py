"""What training pairs say of looks: their numbers, and how sources foretell them."""

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor, nn

from diptych.data.batches import Batch, Batches
from diptych.images.encoding import to_pictures, to_unit_range
from diptych.images.main_colours import main_colours
from diptych.model_file import KnownLooks
from diptych.networks.told_look import Look, look_of, looks_in, pooled
from diptych.training.other_colours import in_other_colours
from diptych.training.ridge import ridge

LOOKED_AT = 512  # training crops at most, none twice
EXAMPLES = 64  # of them that a model file keeps
MOST_NUMBERS = 4096  # that these examples have in all
DIGITS = 4
COLOURS = {"rgb", "gray", "chroma"}  # targets with colours to call them by


class Looks:
    """Fills in what a generator's `Look` has beside weights.

    `measure` once, before training; `foretell` whenever weights are to translate with. `changes`:
    whether they learn from targets in other colours too.
    """

    def __init__(self, batches: Batches, look: Look, changes: bool = False) -> None:
        self.batches, self.look, self.changes = batches, look, changes
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
            pooled(generator.encoded(batch.source)[-1])  # type: ignore[operator]
            for batch in self._batches()
        ]
        looks = self._numbers.cpu()
        fit = ridge(torch.cat(features).cpu(), looks)
        learned = {"foretelling": fit.weight, "foretold_base": fit.base}
        known = KnownLooks(
            examples=_rounded(looks[self._chosen]),
            left=_rounded(fit.left[self._chosen]),
            colours=self._colours,
            changed=_rounded(self._changed[0]),
            changed_colours=self._changed[1],
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
        pictures = (picture.numpy() for picture in self._pictures())
        return [main_colours(each.repeat(3 // each.shape[-1], -1)) for each in pictures]

    @cached_property
    def _changed(self) -> tuple[Tensor, list[list[str]]]:
        """Looks of the same targets in other colours, and their main ones."""
        if not self.changes:
            return torch.zeros(0, 0), []
        with torch.random.fork_rng(devices=[]):  # what training draws stays as it is
            torch.manual_seed(self.batches.seed)
            targets = [
                in_other_colours(to_unit_range(picture)[None], 1.0) for picture in self._pictures()
            ]
        colours = [main_colours(to_pictures(target)[0]) for target in targets]
        return torch.cat([look_of(target) for target in targets]), colours

    def _pictures(self) -> Iterator[Tensor]:
        """The targets of the examples, arrays of their domain."""
        for number in self._chosen.tolist():
            step, place = divmod(number, self.batches.batch_size)
            yield self.batches.pictures_at(step)[1][place].cpu()

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
