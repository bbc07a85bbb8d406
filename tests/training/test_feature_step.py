"""The step with a frozen network's eyes, held against the same written out plainly."""

import copy
from inspect import unwrap

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from diptych.config import load_recipe
from diptych.data.batches import Batch
from diptych.networks import build_discriminator, build_generator
from diptych.networks.frozen_view import FrozenView, frozen_views
from diptych.pix2pix import Optimizers
from diptych.training.engine import Engine
from diptych.training.feature_step import feature_step
from diptych.training.state import TrainingState
from diptych.weights import find_features

L1, FEATURES, RATE = 3.0, 2.0, 0.005
JUDGES = ["projected", "patchgan"]


@pytest.fixture(scope="module")
def views() -> list[FrozenView]:
    return frozen_views(find_features(), 3, 3)


def networks(judge: str, scale: int = 1) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    name = "resunet" if scale == 1 else "residual"
    larger = {} if scale == 1 else {"scale": scale}
    generator = build_generator(name, base_channels=4, blocks=1, **larger)
    if scale > 1:
        nn.init.normal_(generator.out.weight, 0, 0.1)  # which begins at zero
    options = {} if judge == "projected" else {"receptive_field": 16}
    return generator, build_discriminator(judge, base_channels=4, **options)


class Descent(torch.optim.SGD):
    """Plain gradient descent: Adam would make roundings of small gradients large.

    Without torch's wrappers, which import its compiler.
    """

    add_param_group = unwrap(Optimizer.add_param_group)
    zero_grad = unwrap(Optimizer.zero_grad)
    step = torch.no_grad()(unwrap(torch.optim.SGD.step))


def optimizers(generator: nn.Module, discriminator: nn.Module) -> Optimizers:
    return Optimizers(*(Descent(each.parameters(), RATE) for each in (generator, discriminator)))


def pair(step: int = 0, scale: int = 1) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(step)
    source = torch.rand(2, 3, 64 // scale, 64 // scale, generator=random) * 2 - 1
    return source, torch.rand(2, 3, 64, 64, generator=random) * 2 - 1


def stepped(
    generator: nn.Module,
    discriminator: nn.Module | None,
    both: Optimizers,
    views: list[FrozenView],
    step: int = 0,
    **changes,
) -> dict[str, Tensor]:
    given = {"l1": L1, "features": FEATURES} | changes
    projection = getattr(discriminator, "projection", None)
    source, target = given.pop("pair", None) or pair(step)
    return feature_step(
        generator, discriminator, both, source, target, views=views, projection=projection, **given
    )


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def moved(network: nn.Module, before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(t, before[n]) for n, t in network.state_dict().items())


# Written out plainly: for each network on its own, from the pictures on.


def logits_of(
    discriminator: nn.Module, views: list[FrozenView], source: Tensor, picture: Tensor
) -> list[Tensor]:
    source = F.interpolate(source, picture.shape[-2:], mode="bilinear")
    if not hasattr(discriminator, "projection"):
        return [discriminator(torch.cat((source, picture), 1))]
    project = discriminator.projection
    shown = *project(views[0](source)), *project(views[1](picture))
    return list(discriminator(*shown))


def features_apart(view: FrozenView, one: Tensor, other: Tensor) -> Tensor:
    apart = []
    for maps in zip(view(one), view(other), strict=True):
        x, y = (each / (each.pow(2).mean(1, keepdim=True).sqrt() + 1e-3) for each in maps)
        apart.append((x - y).abs().mean())
    return sum(apart) / len(apart)


def descend(network: nn.Module, loss: Tensor) -> None:
    network.zero_grad()
    loss.backward()
    with torch.no_grad():
        for weight in network.parameters():
            weight.sub_(RATE * weight.grad)


def plain_step(
    generator: nn.Module,
    discriminator: nn.Module | None,
    views: list[FrozenView],
    source: Tensor,
    target: Tensor,
) -> dict[str, float]:
    losses = {}
    objective = torch.zeros(())
    if discriminator is not None:
        with torch.no_grad():
            translated = generator(source)
        real = logits_of(discriminator, views, source, target)
        not_real = logits_of(discriminator, views, source, translated)
        losses["d_real"] = sum(-F.logsigmoid(each).mean() for each in real) / len(real)
        losses["d_translated"] = sum(-F.logsigmoid(-each).mean() for each in not_real) / len(real)
        descend(discriminator, (losses["d_real"] + losses["d_translated"]) / 2)
    translated = generator(source)
    if discriminator is not None:
        taken = logits_of(discriminator, views, source, translated)
        losses["g_adversarial"] = sum(-F.logsigmoid(each).mean() for each in taken) / len(taken)
        objective = objective + losses["g_adversarial"]
    losses["g_l1"] = (translated - target).abs().mean()
    losses["g_features"] = features_apart(views[1], translated, target)
    descend(generator, objective + L1 * losses["g_l1"] + FEATURES * losses["g_features"])
    return {name: float(loss.detach()) for name, loss in losses.items()}


@pytest.mark.parametrize(
    ("judge", "scale"),
    [("projected", 1), ("patchgan", 1), ("none", 1), ("projected", 4)],
)
def test_steps_are_those_written_out_plainly(judge, scale, views):
    generator, discriminator = networks("projected" if judge == "none" else judge, scale)
    theirs = copy.deepcopy(generator), copy.deepcopy(discriminator)
    begun = weights(generator), weights(discriminator)
    both = optimizers(generator, discriminator)
    without = judge == "none"
    for step in range(3):
        given = pair(step, scale)
        expected = plain_step(theirs[0], None if without else theirs[1], views, *given)
        losses = stepped(generator, None if without else discriminator, both, views, pair=given)
        assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
            expected, rel=1e-4
        )
    for ours, other, before in zip((generator, discriminator), theirs, begun, strict=True):
        way, apart = (
            torch.stack(
                [(tensor - held[name]).norm() for name, tensor in ours.state_dict().items()]
            )
            for held in (before, other.state_dict())
        )
        assert apart.norm() <= 1e-3 * way.norm()
        assert (way.norm() == 0) == (without and ours is discriminator)


@pytest.mark.parametrize("judge", JUDGES)
def test_first_the_discriminator_then_the_generator(judge, views):
    generator, discriminator = networks(judge)
    both, order = optimizers(generator, discriminator), []
    before = weights(generator), weights(discriminator)
    both.generator.register_step_pre_hook(lambda *_: order.append("G"))

    def at_d(*_: object) -> None:
        order.append("D")
        assert not moved(generator, before[0])
        assert all(p.grad is None for p in generator.parameters()), "D's loss is D's alone"

    both.discriminator.register_step_pre_hook(at_d)
    stepped(generator, discriminator, both, views)
    assert order == ["D", "G"]
    assert moved(generator, before[0])
    assert moved(discriminator, before[1])
    projected = {n: t for n, t in before[1].items() if n.startswith("projection.")}
    assert all(torch.equal(discriminator.state_dict()[n], t) for n, t in projected.items())


@pytest.mark.parametrize("judge", JUDGES)
def test_the_generators_step_leaves_the_discriminator_no_gradient_of_its_own(judge, views):
    generator, discriminator = networks(judge)
    both, kept = optimizers(generator, discriminator), []
    both.discriminator.register_step_post_hook(
        lambda *_: kept.extend(p.grad.clone() for p in discriminator.parameters())
    )
    stepped(generator, discriminator, both, views)
    for own, weight in zip(kept, discriminator.parameters(), strict=True):
        assert torch.equal(weight.grad, own)


@pytest.mark.parametrize("judge", JUDGES)
def test_until_it_is_its_turn_the_discriminator_is_left_alone(judge):
    changes = {
        "loss.features": 5.0,
        "discriminator.name": judge,
        "discriminator.base_channels": 4,
        "discriminator.receptive_field": 16,
    }
    options = {"base_channels": 4, "levels": 5, "in_channels": 3, "out_channels": 3}
    recipe = load_recipe("pix2pix", changes)
    state = TrainingState(recipe, options, Engine(torch.device("cpu")))
    before = weights(state.discriminator)
    state.judge(False)
    for step in range(2):
        losses = state.learn(Batch(*pair(step)))
        assert losses.keys() == {"g_l1", "g_features"}
        state.add_losses(losses)
    assert not moved(state.discriminator, before)
    state.judge(True)
    for step in range(2, 5):
        losses = state.learn(Batch(*pair(step)))
        assert losses.keys() == {"g_l1", "g_features", "g_adversarial", "d_real", "d_translated"}
        state.add_losses(losses)
        state.judge(True)
    assert moved(state.discriminator, before)
    # Means are over the steps in which there was such a loss.
    sums, means = dict(state.losses.sums), state.losses.means()
    for name, mean in means.items():
        assert mean == pytest.approx(
            float(sums[name]) / (3 if "d_" in name or "adv" in name else 5)
        )


@pytest.mark.parametrize("adversarial", ["cgan", "gan"])
@pytest.mark.parametrize("judge", JUDGES)
def test_without_condition_the_discriminator_judges_the_picture_alone(judge, adversarial):
    changes = {
        "loss.adversarial": adversarial,
        "loss.features": 5.0,
        "discriminator.name": judge,
        "discriminator.base_channels": 4,
    }
    options = {"base_channels": 4, "levels": 5, "in_channels": 3, "out_channels": 3}
    (source, target), (other, _) = pair(), pair(1)
    real = []
    for given in (source, other):
        state = TrainingState(load_recipe("pix2pix", changes), options, Engine(torch.device("cpu")))
        state.discriminator(*state.judged_by_discriminator(given, target))
        real.append(float(state.learn(Batch(given, target))["d_real"]))
    assert (real[0] == real[1]) == (adversarial == "gan")


def test_in_bf16_the_networks_compute_so_and_the_frozen_one_does_not():
    changes = {"loss.features": 5.0, "discriminator.name": "projected", "generator.name": "resunet"}
    options = {"base_channels": 4, "blocks": 1, "in_channels": 3, "out_channels": 3}
    losses, seen = [], {}
    for precision in ("fp32", "bf16"):
        engine = Engine(torch.device("cpu"), precision)
        state = TrainingState(load_recipe("pix2pix", changes), options, engine)
        layers = (
            state.generator.detail,
            state.discriminator.heads[0][0],
            state.views[0].network.stem,
        )
        for number, layer in enumerate(layers):
            layer.register_forward_hook(
                lambda _, __, made, number=number: seen.update({number: made.dtype})
            )
        made = state.learn(Batch(*pair()))
        assert all(loss.dtype == torch.float32 for loss in made.values())
        losses.append({name: float(loss) for name, loss in made.items()})
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        assert [seen[number] for number in range(3)] == [dtype, dtype, torch.float32]
        assert all(p.dtype == torch.float32 for p in state.generator.parameters())
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_features_alone_move_the_generator_towards_the_target(views):
    generator, discriminator = networks("projected")
    both, given = optimizers(generator, discriminator), pair()
    losses = [
        float(stepped(generator, None, both, views, l1=0.0, pair=given)["g_features"])
        for _ in range(8)
    ]
    assert losses[-1] < 0.98 * losses[0]
    before = weights(generator)
    stepped(generator, None, both, views, l1=0.0, features=0.0)
    assert not moved(generator, before)


@pytest.mark.parametrize("judge", JUDGES)
def test_nothing_is_learned_where_nothing_is_known(judge, views):
    generator, discriminator = networks(judge)
    both, before = optimizers(generator, discriminator), weights(generator)
    unknown = torch.zeros(2, 3, 64, 64, dtype=torch.bool)
    losses = stepped(generator, discriminator, both, views, known=unknown)
    assert losses["g_l1"] == losses["g_features"] == 0
    assert not moved(generator, before)
    half = unknown.clone()
    half[..., :32] = True
    stepped(generator, discriminator, both, views, known=half)
    assert moved(generator, before)
    # What stands where nothing is known in the target changes nothing.
    source, target = pair()
    made = []
    for beyond in (0.0, 1.0):
        shown = torch.where(half, target, torch.tensor(beyond))
        generator, _ = networks(judge)
        both = optimizers(generator, discriminator)
        masked = {"pair": (source, shown), "known": half, "features": 0.0}
        stepped(generator, None, both, views, **masked)
        made.append(weights(generator))
    assert all(torch.allclose(t, made[1][n], atol=1e-6) for n, t in made[0].items())


@pytest.mark.parametrize(("source", "target"), [(7, 2), (1, 5)])
def test_sides_of_any_channels(source, target):
    views = frozen_views(find_features(), source, target)
    torch.manual_seed(0)
    generator = build_generator(
        "resunet", in_channels=source, out_channels=target, base_channels=4, blocks=1
    )
    discriminator = build_discriminator("projected", base_channels=4)
    before = weights(generator), weights(discriminator)
    given = torch.rand(2, source, 32, 32) * 2 - 1, torch.rand(2, target, 32, 32) * 2 - 1
    both = optimizers(generator, discriminator)
    losses = stepped(generator, discriminator, both, views, pair=given)
    assert all(loss.isfinite() for loss in losses.values())
    assert moved(generator, before[0])
    assert moved(discriminator, before[1])
