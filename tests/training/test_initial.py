"""Fine-tuning: a run that begins with the weights of a model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.training.small import SIZES, Listener

from diptych import model_file
from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain
from diptych.model_file import Dataset, Header, Network, read_header, write_model
from diptych.networks import build_discriminator, build_generator
from diptych.training import train as training
from diptych.training.engine import start_engine
from diptych.training.initial import begin_with, read_initial
from diptych.training.plan import make_plan
from diptych.training.state import TrainingState
from diptych.training.train import train

SMALL = SIZES | {"train.steps": 2, "train.ema": 0.9}


def run(data, out, recipe=None, overrides=(), **given):
    listener = Listener()
    train(
        recipe, data=data, out=out, overrides=overrides, device="cpu", trackers=[listener], **given
    )
    return listener.notes


@pytest.fixture
def old(made_pairs, tmp_path) -> Path:
    """A finished run."""
    run(made_pairs, tmp_path / "old", "pix2pix", overrides=SMALL | {"train.steps": 6})
    return tmp_path / "old"


def state_of(plan) -> TrainingState:
    engine, _ = start_engine("cpu")
    return TrainingState(plan.recipe, plan.generator_options, engine)


def begun(model: Path, data: Path, recipe=None, overrides=()) -> tuple[TrainingState, list[str]]:
    """Networks as a run begins with them."""
    initial = read_initial(model)
    recipe = training.recipe_to_begin_with(recipe, overrides, initial)
    state = state_of(make_plan(recipe, data, initial))
    return state, begin_with(state, initial)


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_a_run_gives_its_generator_its_discriminator_and_its_recipe(old, made_pairs, tmp_path):
    state, notes = begun(old, made_pairs)
    checkpoint = torch.load(max((old / "checkpoints").iterdir()), weights_only=True)
    assert same(state.generator.state_dict(), load_file(old / "model.safetensors"))
    assert same(state.ema.average, load_file(old / "model.safetensors"))
    assert same(state.discriminator.state_dict(), checkpoint["training"]["discriminator"])
    assert notes == []
    assert begun(old, made_pairs)[0].loss == state.loss
    notes = run(made_pairs, tmp_path / "new", overrides={"train.steps": 3}, init_from=old)
    assert any(note == f"begins with the weights of {old}" for note in notes)
    before, after = (read_header(place / "model.safetensors") for place in (old, tmp_path / "new"))
    assert after.generator == before.generator
    differing = {
        key
        for table, keys in before.recipe.items()
        for key in keys
        if keys[key] != after.recipe[table].get(key)
    }
    assert differing == {"steps"}


def test_without_its_checkpoints_the_discriminator_begins_anew(old, made_pairs):
    shutil.rmtree(old / "checkpoints")
    state, notes = begun(old, made_pairs)
    assert notes == [f"the discriminator begins anew: that of {old} was not kept"]
    assert same(state.generator.state_dict(), load_file(old / "model.safetensors"))
    _, notes = begun(old / "model.safetensors", made_pairs, "pix2pix", SMALL)
    assert "was not kept" in notes[0]


def test_another_discriminator_may_be_had(old, made_pairs):
    state, notes = begun(old, made_pairs, None, {"discriminator.receptive_field": 1})
    assert notes == [f"the discriminator begins anew: that of {old} is another"]
    state, notes = begun(old, made_pairs, None, {"loss.adversarial": "none"})
    assert (state.discriminator, notes) == (None, [])


def test_a_named_recipe_takes_the_models_networks_where_it_says_nothing_else(old, made_pairs):
    small = {key: value for key, value in SMALL.items() if key.startswith(("data.", "train."))}
    state, notes = begun(old, made_pairs, "pix2pix/facades", small)
    assert notes == []
    assert state.generator.down[1].norm.statistics == "image", "which the recipe says"
    assert same(state.generator.state_dict(), load_file(old / "model.safetensors"))


RESIDUAL_U_NET = {
    "generator.name": "resunet",
    "generator.blocks": 1,
    "discriminator.name": "projected",
    "discriminator.base_channels": 6,
    "loss.features": 5.0,
}
NEWER = {key: value for key, value in SMALL.items() if "receptive_field" not in key}


@pytest.fixture
def newer(made_pairs, tmp_path) -> Path:
    """A finished run of a residual U-Net and a projected discriminator."""
    steps = {"train.steps": 3}
    run(made_pairs, tmp_path / "newer", "pix2pix", NEWER | RESIDUAL_U_NET | steps)
    return tmp_path / "newer"


def test_a_residual_u_net_gives_its_discriminator_too(newer, made_pairs, tmp_path):
    state, notes = begun(newer, made_pairs)
    assert notes == []
    checkpoint = torch.load(max((newer / "checkpoints").iterdir()), weights_only=True)
    assert same(state.generator.state_dict(), load_file(newer / "model.safetensors"))
    assert same(state.discriminator.state_dict(), checkpoint["training"]["discriminator"])
    # The names that a recipe leaves out are the model's, as are the options that go with them.
    small = {key: value for key, value in SMALL.items() if key.startswith(("data.", "train."))}
    state, notes = begun(newer, made_pairs, "pix2pix", small)
    assert notes == []
    assert same(state.discriminator.state_dict(), checkpoint["training"]["discriminator"])
    notes = run(made_pairs, tmp_path / "new", None, {"train.steps": 1}, init_from=newer)
    assert f"begins with the weights of {newer}" in notes


def test_a_projected_discriminator_goes_on_with_pairs_where_it_began_so(
    newer, made_pairs, tmp_path
):
    """As each did once, also where the recipe said otherwise."""
    recipe, model = newer / "recipe.toml", newer / "model.safetensors"
    recipe.write_text(recipe.read_text().replace('"cgan"', '"gan"'))
    header = read_header(model)
    tables = header.recipe | {"loss": header.recipe["loss"] | {"adversarial": "gan"}}
    write_model(model, load_file(model), header.model_copy(update={"recipe": tables}))
    checkpoint = torch.load(max((newer / "checkpoints").iterdir()), weights_only=True)
    state, notes = begun(newer, made_pairs, None, {"loss.adversarial": "cgan"})
    assert notes == []
    assert same(state.discriminator.state_dict(), checkpoint["training"]["discriminator"])
    _, notes = begun(newer, made_pairs)
    assert notes == [f"the discriminator begins anew: that of {newer} is another"]
    changes = NEWER | RESIDUAL_U_NET | {"loss.adversarial": "gan", "train.steps": 5}
    notes = run(made_pairs, newer, "pix2pix", changes)
    assert any(note.startswith("going on from step") for note in notes)
    assert read_header(model).recipe["loss"]["adversarial"] == "cgan", "which it is"
    assert run(made_pairs, newer, "pix2pix", changes), "and again"


def test_of_another_kind_of_discriminator_nothing_is_taken_over(newer, made_pairs, old):
    named = {"discriminator.name": "patchgan", "discriminator.receptive_field": 16}
    state, notes = begun(newer, made_pairs, "pix2pix", {"data.crop_size": 32} | named)
    assert notes == [f"the discriminator begins anew: that of {newer} is another"]
    assert state.discriminator.layers[0].out_channels == 64, "not 6"
    named = {"discriminator.name": "projected", "discriminator.base_channels": 6}
    state, notes = begun(old, made_pairs, None, named)
    assert notes == [f"the discriminator begins anew: that of {old} is another"]


def test_a_residual_u_net_for_other_channels(newer, tmp_path):
    """What sees the source and what makes the picture begin anew; the discriminator goes on."""
    folder = tmp_path / "gray"
    for side, shape in (("A", (40, 40)), ("B", (40, 40, 3))):
        (folder / side).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
            Image.fromarray(pixels).save(folder / side / f"{number}.png")
    state, (note,) = begun(newer, folder, None, {"domain.source.kind": "gray"})
    assert state.generator.enter.in_channels == 1
    assert note == "for other channels these begin anew: enter.weight, out.conv.weight"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"generator.base_channels": 8}, "generator.base_channels 8 is not that of .*, 4"),
        ({"generator.name": "resnet"}, "generator.name 'resnet' is not that of .*, 'unet'"),
        ({"generator.noise_channels": 1}, "generator.noise_channels 1 is not that of .*, 0"),
        ({"generator.skips": False}, "generator.skips False is not"),
        ({"generator.statistics": "instance"}, "generator.statistics 'instance' is not"),
        ({"data.crop_size": 31, "data.load_size": 48}, "crop_size 31 is below 32, which this unet"),
        ({"derive.kind": "degrade", "derive.scale": 2}, "derive.scale 2 is not that of .*, 1"),
    ],
)
def test_another_generator_is_one_line(overrides, says, made_pairs, tmp_path):
    peer_model(tmp_path / "m.safetensors", statistics="batch")
    with pytest.raises(DiptychError, match=says) as caught:
        begun(tmp_path / "m.safetensors", made_pairs, None, overrides)
    assert "\n" not in str(caught.value)


def peer_model(path: Path, channels: int = 3, judge: bool = True, **options) -> Header:
    """As an import makes it, with more channels in its sources."""
    torch.manual_seed(5)
    options = {"in_channels": channels, "out_channels": 3, "base_channels": 4, **options}
    options = {"levels": 5, "dropout": 0.5, "dropout_layers": [1], **options}
    told = {"in_channels": channels + 3, "base_channels": 4, "receptive_field": 16}
    told["statistics"] = options["statistics"]
    by = "stored" if options.get("stored_statistics") else "image"
    recipe = load_recipe(
        "pix2pix", {k: v for k, v in SMALL.items() if "ema" not in k} | {"generator.dropout": 0.5}
    )
    header = Header(
        generator=Network(name="unet", options=options),
        discriminator=Network(name="patchgan", options=told) if judge else None,
        size_multiple=32,
        crop_size=(32, 32),
        source=plain("a") if channels == 3 else Domain(name="a", kind="values", channels=channels),
        target=plain("b"),
        test=model_file.TestTime(normalization=by),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe=recipe.model_dump(mode="json", exclude_none=True),
    )
    network = build_generator("unet", **options)
    judge_weights = build_discriminator(**told).state_dict() if judge else None
    write_model(path, network.state_dict(), header, judge_weights)
    return header


def test_a_peers_model_keeps_what_a_recipe_cannot_say(made_pairs, tmp_path):
    model = tmp_path / "m.safetensors"
    peer_model(model, statistics="instance")
    state, notes = begun(model, made_pairs)
    assert notes == []
    held = load_file(model)
    assert same(
        state.discriminator.state_dict(),
        {n.removeprefix("discriminator."): t for n, t in held.items() if n.startswith("disc")},
    )
    assert same(
        state.generator.state_dict(), {n: t for n, t in held.items() if not n.startswith("disc")}
    )
    assert state.generator.down[0].conv.bias is not None
    assert [layer.dropout is not None for layer in state.generator.up] == [
        False,
        True,
        False,
        False,
    ]
    assert "down.1.norm.weight" not in dict(state.generator.named_parameters())


def test_stored_statistics_are_not_taken_along(made_pairs, tmp_path):
    """They would not be those of the new weights."""
    model, out = tmp_path / "m.safetensors", tmp_path / "run"
    peer_model(model, statistics="batch", stored_statistics=True)
    run(made_pairs, out, init_from=model)
    header = read_header(out / "model.safetensors")
    assert "stored_statistics" not in header.generator.options
    assert header.generator.options["dropout_layers"] == [1]
    assert header.test.normalization == "image"


def test_other_channels_begin_anew_and_are_named(made_pairs, tmp_path):
    model = tmp_path / "m.safetensors"
    peer_model(model, channels=4, statistics="batch")
    state, (note,) = begun(model, made_pairs)
    assert note == (
        "for other channels these begin anew: down.0.conv.weight, discriminator layers.0.weight"
    )
    held = load_file(model)
    own = state.generator.state_dict()
    assert [n for n in own if own[n].shape != held[n].shape] == ["down.0.conv.weight"]
    assert all(torch.equal(own[n], held[n]) for n in own if n != "down.0.conv.weight")


# The same command goes on.


def test_the_same_command_goes_on(old, made_pairs, tmp_path):
    out = tmp_path / "new"
    run(made_pairs, out, overrides={"train.steps": 2}, init_from=old)
    first = torch.load(out / "checkpoints" / "step_00000002.pt", weights_only=True)
    notes = run(made_pairs, out, overrides={"train.steps": 4}, init_from=old)
    assert any("going on from step 2" in note for note in notes)
    assert first["training"]["step"] == 2
    assert read_header(out / "latest.safetensors").step == 4


def test_another_beginning_is_an_error(old, made_pairs, tmp_path):
    out, given = tmp_path / "new", {"overrides": {"train.steps": 2}, "init_from": old}
    run(made_pairs, out, **given)
    with pytest.raises(DiptychError, match=f"began with --init-from {old}, as that was then"):
        run(made_pairs, out, overrides=SMALL)
    with pytest.raises(DiptychError, match="began with --init-from"):
        run(made_pairs, out, **given | {"init_from": out})
    shutil.move(old, tmp_path / "moved")
    run(made_pairs, out, **given | {"init_from": tmp_path / "moved"})
    with pytest.raises(DiptychError, match="began without --init-from"):
        run(made_pairs, tmp_path / "moved", init_from=out)
    with pytest.raises(DiptychError, match="no such model"):
        run(made_pairs, tmp_path / "newer", init_from=old)
