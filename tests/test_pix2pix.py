"""The networks and the step against the paper's figures."""

import copy
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from diptych.networks import build_discriminator, build_generator
from diptych.networks.multiply_adds import multiply_adds, parameters
from diptych.pix2pix import (
    STRIDED_LAYERS,
    Normalization,
    Optimizers,
    PatchGAN,
    UNetGenerator,
    train_step,
)


def test_parameters_of_the_generators():
    assert parameters(UNetGenerator()) == 54_413_955
    # Without skips every decoder layer but the first reads half as many channels.
    halved = 16 * (3 * 512 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
    assert parameters(UNetGenerator(skips=False)) == 54_413_955 - halved


@pytest.mark.parametrize(
    ("receptive_field", "count"),
    [(1, 9_024), (16, 139_585), (70, 2_768_705), (286, 11_159_361)],
)
def test_parameters_of_the_discriminators(receptive_field, count):
    assert parameters(PatchGAN(6, receptive_field=receptive_field)) == count


@pytest.mark.parametrize(
    ("network", "channels", "billions"),
    [
        (UNetGenerator, 3, 6.05),
        (lambda: PatchGAN(receptive_field=1), 6, 0.57),
        (lambda: PatchGAN(receptive_field=16), 6, 2.25),
        (lambda: PatchGAN(receptive_field=70), 6, 3.20),
        (lambda: PatchGAN(receptive_field=286), 6, 2.19),
    ],
)
def test_multiply_adds_at_256(network, channels, billions):
    assert round(multiply_adds(network(), channels, (256, 256)) / 1e9, 2) == billions


@pytest.mark.parametrize("skips", [True, False])
def test_layers_of_the_unet(skips):
    """The paper's lists: by what encoder layers write, and what decoder layers read and write."""
    unet = UNetGenerator(skips=skips)
    assert [layer.conv.out_channels for layer in unet.down] == [64, 128, 256, *[512] * 5]
    assert [layer.conv.out_channels for layer in unet.up] == [*[512] * 4, 256, 128, 64]
    read = [layer.conv.in_channels for layer in unet.up] + [unet.out.in_channels]
    if skips:
        assert read == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    else:
        assert read == [512, 512, 512, 512, 512, 256, 128, 64]
    assert [layer.dropout is not None for layer in unet.up] == [True] * 3 + [False] * 4
    assert [layer.norm is not None for layer in unet.down] == [False, *[True] * 6, False]
    convolutions = [m for m in unet.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert {(m.kernel_size, m.stride, m.padding) for m in convolutions} == {
        ((4, 4), (2, 2), (1, 1))
    }


@pytest.mark.parametrize(
    ("receptive_field", "widths", "strides", "kernel"),
    [
        (1, [64, 128, 1], [1, 1, 1], 1),
        (16, [64, 128, 1], [2, 1, 1], 4),
        (70, [64, 128, 256, 512, 1], [2, 2, 2, 1, 1], 4),
        (286, [64, 128, 256, 512, 512, 512, 1], [2, 2, 2, 2, 2, 1, 1], 4),
    ],
)
def test_layers_of_the_discriminators(receptive_field, widths, strides, kernel):
    layers = list(PatchGAN(receptive_field=receptive_field).layers)
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == widths
    assert [layer.stride[0] for layer in convolutions] == strides
    assert {layer.kernel_size for layer in convolutions} == {(kernel, kernel)}
    # Normalisation follows every convolution but the first and the last.
    assert [
        isinstance(after, Normalization) for _, after in pairwise(layers) if _ in convolutions
    ] == [
        False,
        *[True] * (len(widths) - 2),
    ]


def test_a_logit_for_each_patch():
    assert PatchGAN()(torch.zeros(1, 6, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize("receptive_field", STRIDED_LAYERS)
def test_receptive_field_by_gradient(receptive_field):
    """One logit's gradient reaches just so many pixels, normalisation left out."""
    network = PatchGAN(2, base_channels=2, receptive_field=receptive_field)
    for name, module in list(network.layers.named_children()):
        if isinstance(module, Normalization):
            setattr(network.layers, name, nn.Identity())
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.01)  # nothing cancels
    picture = torch.ones(1, 2, 640, 640, requires_grad=True)
    logits = network(picture)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    reached = picture.grad.abs().sum((0, 1)) > 0
    for side in (0, 1):
        where = reached.any(side).nonzero()
        assert where.max() - where.min() + 1 == receptive_field


@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_bottleneck_is_one_pixel(size):
    levels = size.bit_length() - 1
    network = build_generator(base_channels=2, levels=levels)
    seen = {}
    network.down[-1].register_forward_hook(lambda *a: seen.update(shape=a[2].shape))
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 3, size, size)
    assert seen["shape"][-2:] == (1, 1)


def test_initialization():
    network = UNetGenerator()
    weights = torch.cat([m.conv.weight.flatten() for m in network.down[1:]])
    assert abs(weights.mean()) < 1e-4
    assert abs(weights.std() - 0.02) < 1e-4
    scales = torch.cat([m.norm.weight.flatten() for m in network.up])
    assert abs(scales.mean() - 1) < 2e-3
    assert abs(scales.std() - 0.02) < 2e-3
    assert not any(m.norm.bias.any() for m in network.up)


def test_batch_of_one_normalises_as_instance_normalisation():
    torch.manual_seed(0)
    x = torch.randn(1, 5, 6, 7)
    expected = F.instance_norm(x)
    for statistics in ("batch", "image"):
        for training in (True, False):
            norm = Normalization(5, statistics).train(training)
            torch.testing.assert_close(norm(x), expected, atol=1e-5, rtol=1e-4)


def test_batch_statistics_only_in_training():
    torch.manual_seed(0)
    x = torch.randn(3, 4, 5, 5) * torch.tensor([1.0, 5.0, 9.0]).view(3, 1, 1, 1)
    norm = Normalization(4, "batch")
    torch.testing.assert_close(
        norm(x), F.batch_norm(x, None, None, training=True), atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(norm.eval()(x), F.instance_norm(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("statistics", ["image", "batch"])
@pytest.mark.parametrize("count", [1, 3])
def test_normalisation_by_each_image_equals_group_norm(count, statistics, training):
    """Forward and backward; so does that of the batch, at test time or with one picture."""
    torch.manual_seed(0)
    layer = Normalization(5, statistics).double().train(training)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    offsets = torch.arange(count, dtype=torch.float64).view(-1, 1, 1, 1)
    x = (
        torch.randn(count, 5, 6, 7, dtype=torch.float64) * (1 + offsets) + offsets
    ).requires_grad_()
    upstream = torch.randn(count, 5, 6, 7, dtype=torch.float64)
    inputs = (x, layer.weight, layer.bias)
    normed = layer(x)
    expected = F.group_norm(x, 5, layer.weight, layer.bias, layer.eps)
    gradients = torch.autograd.grad((normed * upstream).sum(), inputs)
    theirs = torch.autograd.grad((expected * upstream).sum(), inputs)
    if statistics == "batch" and training and count > 1:
        assert (normed - expected).abs().max() > 0.1
        together = F.batch_norm(x, None, None, layer.weight, layer.bias, training=True)
        torch.testing.assert_close(normed, together, atol=1e-12, rtol=1e-10)
        return
    torch.testing.assert_close(normed, expected, atol=1e-12, rtol=1e-10)
    for ours, other in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(ours, other, atol=1e-11, rtol=1e-9)


def test_normalisation_by_each_image_keeps_the_layout():
    x = torch.randn(2, 4, 6, 6).to(memory_format=torch.channels_last)
    normed = Normalization(4, "image")(x)
    assert normed.is_contiguous(memory_format=torch.channels_last)


# ------------------------------------------------------------------------- losses and the step


def in_float64(adversarial, l1):
    """Two tiny networks, their optimisers and a batch, all in float64."""
    torch.manual_seed(1)
    seen = 6 if adversarial == "cgan" else 3
    generator = build_generator(base_channels=4, levels=5, dropout=0.0).double()
    discriminator = (
        None
        if adversarial == "none"
        else build_discriminator(in_channels=seen, base_channels=4, receptive_field=16).double()
    )
    source, target = torch.rand(2, 2, 3, 32, 32, dtype=torch.float64) * 2 - 1
    return generator, discriminator, source, target


def adam(network):
    return torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999))


def plainly(generator, discriminator, source, target, adversarial, l1):
    """One step written out from the paper: probabilities, logarithms, Adam's formulas."""

    def probability(picture):
        pair = torch.cat((source, picture), 1) if adversarial == "cgan" else picture
        return 1 / (1 + torch.exp(-discriminator(pair)))

    def adam_first_step(network, gradients):
        with torch.no_grad():
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                first = (0.5 * 0 + 0.5 * gradient) / (1 - 0.5)
                second = (0.001 * gradient**2) / (1 - 0.999)
                parameter.sub_(2e-4 * first / (second.sqrt() + 1e-8))

    losses = {}
    translated = generator(source)
    if discriminator is not None:
        losses["d_real"] = -torch.log(probability(target)).mean()
        losses["d_translated"] = -torch.log(1 - probability(translated.detach())).mean()
        objective = 0.5 * (losses["d_real"] + losses["d_translated"])
        adam_first_step(
            discriminator, torch.autograd.grad(objective, list(discriminator.parameters()))
        )
    losses["g_l1"] = (translated - target).abs().mean()
    objective = l1 * losses["g_l1"]
    if discriminator is not None:  # D has made its step by now
        losses["g_adversarial"] = -torch.log(probability(translated)).mean()
        objective = objective + losses["g_adversarial"]
    adam_first_step(generator, torch.autograd.grad(objective, list(generator.parameters())))
    return losses


@pytest.mark.parametrize(
    ("adversarial", "l1"),
    [("cgan", 100.0), ("gan", 100.0), ("cgan", 0.0), ("gan", 0.0), ("none", 100.0)],
)
def test_one_whole_step_against_a_plain_one(adversarial, l1):
    generator, discriminator, source, target = in_float64(adversarial, l1)
    plain = copy.deepcopy((generator, discriminator))
    expected = plainly(*plain, source, target, adversarial, l1)
    optimizers = Optimizers(adam(generator), adam(discriminator) if discriminator else None)
    losses = train_step(
        generator, discriminator, optimizers, source, target, adversarial=adversarial, l1=l1
    )
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name].detach(), atol=1e-12, rtol=1e-9)
    for ours, theirs in zip((generator, discriminator), plain, strict=True):
        if ours is None:
            continue
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-9)


def test_the_discriminator_steps_first_and_only_in_its_own_step():
    """D changes by its own loss alone: G's objective leaves no gradient in it."""
    generator, discriminator, source, target = in_float64("cgan", 100.0)
    order = []
    optimizers = Optimizers(adam(generator), adam(discriminator))
    for name, optimizer in zip(optimizers._fields, optimizers, strict=True):
        optimizer.register_step_post_hook(lambda *_, name=name: order.append(name))
    backwards = []

    def backward(loss):
        loss.backward()
        backwards.append(
            [p.grad is not None and p.requires_grad for p in discriminator.parameters()]
        )

    train_step(generator, discriminator, optimizers, source, target, backward=backward)
    assert order == ["discriminator", "generator"]
    assert all(backwards[0])
    assert not any(backwards[1])


def test_overfits_four_pairs():
    torch.manual_seed(0)
    generator = build_generator(base_channels=16, levels=5)
    discriminator = build_discriminator(base_channels=8, receptive_field=16)
    optimizers = Optimizers(
        torch.optim.Adam(generator.parameters(), 4e-3, (0.5, 0.999)),
        torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)),
    )
    coarse = torch.rand(2, 4, 3, 8, 8) * 2 - 1
    source, target = (F.interpolate(side, 32, mode="bilinear") for side in coarse)
    first = last = 0.0
    for step in range(130):
        losses = train_step(generator, discriminator, optimizers, source, target)
        last = float(losses["g_l1"])
        first = first or last
        assert step or last > 0.3
    assert last < 0.12 * first + 0.03


def test_importing_it_needs_torch_only():
    import ast
    from pathlib import Path

    import diptych.pix2pix

    text = Path(diptych.pix2pix.__file__).read_text()
    tree = ast.parse(text)
    modules = {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    modules |= {
        a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    assert modules == {"torch", "typing", "collections"}
    assert len(text.splitlines()) <= 300


def test_nothing_is_learned_where_the_target_has_no_data():
    """Neither what stands there in the target nor what was made of it moves a weight."""

    def weights_after(hidden: float) -> list[torch.Tensor]:
        torch.manual_seed(0)
        generator = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Tanh())
        discriminator = PatchGAN(3, 4, 1)
        adams = [torch.optim.Adam(n.parameters(), 0.01) for n in (generator, discriminator)]
        source, target = torch.rand(2, 1, 3, 8, 8)
        known = torch.ones(1, 1, 8, 8, dtype=torch.bool)
        known[..., 4:] = False
        source = torch.where(known, source, hidden)
        target = torch.where(known, target, 0.0)
        train_step(
            generator,
            discriminator,
            Optimizers(*adams),
            source,
            target,
            known=known,
            adversarial="gan",
        )
        return [p.detach() for p in generator.parameters()]

    for one, other in zip(weights_after(0.1), weights_after(0.9), strict=True):
        torch.testing.assert_close(one, other)
