"""What training changes: networks, optimisers, average, step; to and from a checkpoint."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import l1_loss

from diptych.data.batches import Batch
from diptych.fast.adam import Adam, set_rate
from diptych.fast.doubling import merge_doubling
from diptych.fast.matrix_convolution import multiply_small_maps
from diptych.fast.split_normalization import normalize_one_by_one
from diptych.losses.cross_entropy import cross_entropy
from diptych.losses.distillation import Distance, Distillation
from diptych.networks import build_discriminator, build_generator, taken_options
from diptych.networks.efficientnet_lite0 import EfficientNetLite0
from diptych.networks.frozen_view import FrozenView, frozen_views
from diptych.networks.judged_pair import judged_pair
from diptych.networks.odd_sizes import take_any_size
from diptych.networks.recompute import recompute
from diptych.networks.told_look import looks_in
from diptych.pix2pix import Optimizers, train_step
from diptych.schema import Recipe
from diptych.training.checkpoint import random_state, restore_random_state
from diptych.training.ema import EMA
from diptych.training.engine import Engine, makes_graphs
from diptych.training.feature_step import feature_step
from diptych.training.graphed import GraphedStep, Step
from diptych.training.in_parts import Backward, InParts
from diptych.training.other_colours import in_other_colours
from diptych.training.step_losses import StepLosses
from diptych.training.together import Processes
from diptych.training.whole_batch import WholeBatch, do_as_in, take_batch_statistics
from diptych.weights import find_features


class TrainingState:
    """Both networks with their optimisers on the engine's device, and how many steps they made.

    A step whose losses are not finite is skipped: it leaves the weights as they are.
    """

    def __init__(
        self,
        recipe: Recipe,
        generator_options: dict[str, Any],
        engine: Engine,
        labels: bool = False,
        teacher: nn.Module | None = None,
        note: Callable[[str], object] = lambda _: None,
        processes: Processes | None = None,
    ) -> None:
        processes = processes or Processes()
        torch.manual_seed(recipe.train.seed)
        self.loss, self.engine = recipe.loss, engine
        self.precision, self.note = engine.precision, note
        settings = recipe.train
        self.graphs = makes_graphs(
            engine.device, settings.recompute, settings.accumulate * processes.count
        )
        self.generator = build_generator(recipe.generator.name, **generator_options)
        for network in self.generator.modules():
            if isinstance(network, EfficientNetLite0):
                network.load_published(find_features())
        take_any_size(self.generator)
        self.distance: Distance = cross_entropy if labels else l1_loss
        self.views: list[FrozenView] = []  # of source and target, where a frozen network looks on
        if recipe.loss.features or recipe.judges_maps:
            channels = generator_options["in_channels"], generator_options["out_channels"]
            self.views = [
                view.to(engine.device) for view in frozen_views(find_features(), *channels)
            ]
            if recipe.train.recompute:
                recompute(self.views[0].network)
        self.teaching: Distillation | None = None
        if teacher is not None:
            teacher = engine.setup(_arranged(teacher, engine.device))
            self.teaching = self.distance = Distillation(
                teacher, self.generator, self.distance, **recipe.distill.model_dump()
            )
        self._wrapped_generator, generator_optimizer = self._set_up(self.generator, recipe, engine)
        self.discriminator: nn.Module | None = None
        self._wrapped_discriminator: nn.Module | None = None
        discriminator_optimizer = None
        if recipe.loss.adversarial != "none":
            options = discriminator_options(
                recipe, generator_options["in_channels"], generator_options["out_channels"]
            )
            self.discriminator = build_discriminator(recipe.discriminator.name, **options)
            self._wrapped_discriminator, discriminator_optimizer = self._set_up(
                self.discriminator, recipe, engine
            )
        share = recipe.augment.target_colours
        self.other_colours = 0.0 if share == "auto" else share
        self.look = next((look for _, look in looks_in(self.generator)), None)
        self.optimizers = Optimizers(generator_optimizer, discriminator_optimizer)
        self._judging = self.discriminator is not None
        self._in_parts = self._as_whole(recipe.train.accumulate, processes)
        self._make_step = self._first_step()
        self.ema: EMA | None = None
        if recipe.train.ema or recipe.train.ema_share:
            self.ema = EMA(self.generator, recipe.train.ema, recipe.train.ema_share)
        self.step = 0
        self.whole = True  # whether all here is as it was after that step: not within one
        self.losses = StepLosses(engine.device)

    def _set_up(self, network: nn.Module, recipe: Recipe, engine: Engine) -> tuple[nn.Module, Adam]:
        """A network as it is fastest there, or smallest, and its optimiser."""
        settings = recipe.train
        network = _arranged(network, engine.device)
        if settings.recompute:
            recompute(network)
        rate = settings.learning_rate
        wrapped = engine.setup(network)
        adam = Adam(
            [weights for weights in network.parameters() if weights.requires_grad],
            torch.tensor(rate, device=engine.device) if self.graphs else rate,
            (settings.beta1, settings.beta2),
            fused=True,
            capturable=self.graphs,
        )
        return wrapped, adam

    def _as_whole(self, parts: int, processes: Processes) -> InParts:
        """How steps are made of parts, and in more where a device has too little memory."""
        whole = WholeBatch(processes.add_up)
        in_parts = InParts(
            self._learn, self.engine.backward, self.discriminator, whole, processes, parts
        )
        networks = [each for each in (self.generator, self.discriminator) if each is not None]
        alone = processes.count == 1 and not any(map(take_batch_statistics, networks))
        if self.engine.device.type == "cuda" and alone:
            in_parts.retry = self._in_more_parts
        if parts * processes.count > 1 or in_parts.retry is not None:
            for network in networks:
                do_as_in(whole, network)
        return in_parts

    def _first_step(self) -> Step:
        if not self.graphs:
            return self._step
        buffers = [] if self.discriminator is None else self.discriminator.buffers()
        return GraphedStep(self._step, self.optimizers, self.note, buffers)

    @property
    def settles(self) -> int:
        """Steps until one takes as long as those that follow."""
        return GraphedStep.WARM_UP + 2 if self.graphs else 1

    def learn(self, batch: Batch) -> dict[str, torch.Tensor]:
        """One training step on a batch, as `pix2pix.train_step` makes it; gives its losses."""
        self.whole = False
        losses = self._make_step(batch)
        self.step += 1
        return losses

    def _step(self, batch: Batch) -> dict[str, torch.Tensor]:
        if self.look is not None and self.other_colours:
            targets = in_other_colours(batch.target, self.other_colours, batch.share)
            batch = batch._replace(target=targets)
        optimizers = self.optimizers
        if not self._judging:
            optimizers = optimizers._replace(discriminator=None)
        losses = self._in_parts(batch, optimizers)
        for optimizer in filter(None, self.optimizers):
            optimizer.zero_grad()  # what the next step keeps of its layers takes their place
        return losses

    def _learn(
        self, batch: Batch, optimizers: Optimizers, backward: Backward
    ) -> dict[str, torch.Tensor]:
        """The same by `train_step`, on a batch or a part of it."""
        told = [] if self.look is None else [self.look.told(batch.target, batch.known, batch.share)]
        learns = optimizers.generator is not None
        if self.teaching is not None and learns:
            self.teaching.follow(batch.source, *told)

        def generator(source: torch.Tensor) -> Any:
            with torch.set_grad_enabled(learns):
                return self._wrapped_generator(source, *told)

        given: dict[str, Any] = {
            "generator": generator,
            "discriminator": self._wrapped_discriminator if self._judging else None,
            "optimizers": optimizers,
            "source": batch.source,
            "target": batch.target,
            "known": batch.known,
            "l1": self.loss.l1,
            "distance": self.distance,
            "backward": backward,
        }
        if self.views:
            return feature_step(
                **given,
                adversarial=self.loss.adversarial,
                views=self.views,
                projection=getattr(self.discriminator, "projection", None),
                features=self.loss.features,
            )
        return train_step(**given, adversarial=self.loss.adversarial)

    def _in_more_parts(self, count: int) -> None:
        """Memory does not suffice for what a graph keeps either."""
        self.graphs, self._make_step = False, self._step
        self.note(
            f"out of memory: a batch is computed in {count} parts from here on "
            f"(--set train.accumulate={count} does so from the first step on)"
        )

    @torch.no_grad()
    def judged_by_discriminator(
        self, source: torch.Tensor, target: torch.Tensor
    ) -> list[torch.Tensor]:
        """What the discriminator is given of a pair."""
        return judged_pair(self.discriminator, self.views, source, target, self.loss.adversarial)

    def weights(self) -> dict[str, torch.Tensor]:
        """The generator's weights to translate with: the average's where there is one."""
        averaged = self.ema.average if self.ema else {}
        return {**self.generator.state_dict(), **averaged}

    def learned(self) -> Iterator[nn.Parameter]:
        """The weights of all networks as they are."""
        for network in filter(None, (self.generator, self.discriminator)):
            yield from network.parameters()

    def update_average(self) -> None:
        """Take the generator's weights into its average, where there is one."""
        if self.ema is not None:
            self.ema.update(self.generator)

    def judge(self, judging: bool) -> None:
        """Have the discriminator, if there is one, take part from here on, or not yet."""
        judging = judging and self.discriminator is not None
        if judging != self._judging:
            self._judging = judging
            self._make_step = self._first_step()  # a graph would go on as before

    def set_rate(self, rate: float) -> None:
        """The learning rate of both optimisers."""
        for optimizer in filter(None, self.optimizers):
            set_rate(optimizer, rate)

    def add_losses(self, losses: dict[str, torch.Tensor]) -> None:
        """Sum up the losses of a step, which is over with that."""
        self.losses.add(losses)
        self.whole = True

    def state_dict(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        return {
            "step": self.step,
            "precision": self.precision,
            **self.losses.state_dict(),
            "random": random_state(),
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.losses.load_state_dict(state)
        self.step = state["step"]
        self.whole = True
        restore_random_state(state["random"])
        self._make_step = self._first_step()  # a graph would know the tensors from before
        before = state.get("precision", self.precision)
        if before != self.precision:
            self.note(f"the run was in {before} before and goes on in {self.precision}")

    def _parts(self) -> dict[str, Any]:
        parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.optimizers.generator,
            "discriminator_optimizer": self.optimizers.discriminator,
            "ema": self.ema,
        }
        return {name: part for name, part in parts.items() if part is not None}


def discriminator_options(recipe: Recipe, in_channels: int, out_channels: int) -> dict[str, Any]:
    """The discriminator's arguments, where the generator has such channels."""
    beside_source = recipe.loss.adversarial == "cgan"
    options = {
        "in_channels": out_channels + (in_channels if beside_source else 0),
        "beside_source": beside_source,
        **recipe.discriminator.model_dump(exclude={"name"}),
    }
    taken = taken_options("discriminator", recipe.discriminator.name)
    return {name: value for name, value in options.items() if name in taken}


def as_judged(recipe: Recipe, discriminator: Mapping[str, torch.Tensor]) -> Recipe:
    """The recipe that trained these weights of a discriminator.

    A projected one judged pictures beside their sources once, also where the recipe says "gan".
    """
    head, mixed = (discriminator.get(f"{n}.weight") for n in ("heads.0.0", "projection.across.0"))
    if head is None or mixed is None or head.shape[1] == len(mixed):
        return recipe
    return recipe.model_copy(
        update={"loss": recipe.loss.model_copy(update={"adversarial": "cgan"})}
    )


def _arranged(network: nn.Module, device: torch.device) -> nn.Module:
    """The network, laid out in memory as the device is fastest with."""
    if device.type == "cpu":
        multiply_small_maps(network)
        merge_doubling(network)
        normalize_one_by_one(network)
    layout = torch.contiguous_format if device.type == "mps" else torch.channels_last
    return network.to(memory_format=layout)  # type: ignore[no-any-return, call-overload]
