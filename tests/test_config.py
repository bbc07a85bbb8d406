import pytest

from diptych.config import (
    MAY_CHANGE,
    differing,
    flat,
    load_recipe,
    recipe_from,
    recipe_names,
    recipe_text,
    to_toml,
    with_overrides,
)
from diptych.errors import DiptychError
from diptych.schema import Discriminator, Recipe

PAPER = {
    "data.load_size": 286,
    "data.crop_size": 256,
    "augment.mirror": True,
    "generator.name": "unet",
    "generator.base_channels": 64,
    "generator.skips": True,
    "generator.dropout": 0.5,
    "discriminator.receptive_field": 70,
    "discriminator.base_channels": 64,
    "loss.adversarial": "cgan",
    "loss.l1": 100,
    "train.epochs": 200,
    "train.batch_size": 1,
    "train.learning_rate": 2e-4,
    "train.beta1": 0.5,
    "train.beta2": 0.999,
}


def test_pix2pix_is_the_papers_and_the_default_is_another():
    recipe = flat(load_recipe("pix2pix"))
    assert {key: recipe[key] for key in PAPER} == PAPER
    assert load_recipe("pix2pix") == Recipe()
    assert load_recipe() == load_recipe("diptych") != Recipe()


def test_a_task_goes_by_either_method():
    default, paper = load_recipe("edges2shoes"), load_recipe("pix2pix/edges2shoes")
    assert default.generator == load_recipe("diptych").generator
    assert (default.loss, default.train) == (load_recipe("diptych").loss, load_recipe().train)
    assert default.data.names == paper.data.names == ("edges", "photo")
    assert paper == load_recipe(
        "pix2pix",
        {
            "data.names": ["edges", "photo"],
            "data.fit": "resize",
            "data.test": "val",
            "data.load_size": 256,
            "data.crop_size": 256,
            "augment.mirror": False,
            "train.epochs": 15,
            "train.batch_size": 4,
        },
    )
    assert differing(load_recipe("pix2pix/facades"), Recipe()).keys() == {
        "data.domains",
        "data.direction",
        "data.fit",
    }


@pytest.mark.parametrize("name", ["pix2pix/pix2pix", "pix2pix/", "facades/pix2pix", "diptych/no"])
def test_what_is_no_task_by_a_method_is_said(name):
    with pytest.raises(DiptychError, match=r"is not known: one of .* as pix2pix/facades"):
        load_recipe(name)


def test_a_file_may_name_its_method(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('method = "diptych"\n[loss]\nl1 = 7\n')
    assert load_recipe(str(file)) == load_recipe("diptych", {"loss.l1": 7})
    file.write_text("[loss]\nl1 = 7\n")
    assert load_recipe(str(file)) == load_recipe("pix2pix", {"loss.l1": 7})
    file.write_text('method = "best"\n')
    with pytest.raises(DiptychError, match="method = 'best': one of diptych, pix2pix"):
        load_recipe(str(file))


def test_another_network_begins_from_its_own_values():
    unet = load_recipe("diptych", ["generator.dropout=0.25", "generator.name=unet"])
    assert unet.generator == Recipe().generator.model_copy(update={"dropout": 0.25})
    assert unet.discriminator == load_recipe("diptych").discriminator
    same = load_recipe("diptych", ["generator.name=resunet", "generator.blocks=2"])
    assert (same.generator.base_channels, same.generator.blocks) == (24, 2)


def test_so_it_does_in_a_recipe_that_is_there():
    before = load_recipe("pix2pix", ["discriminator.receptive_field=16", "train.steps=7"])
    changed = with_overrides(
        before, ["discriminator.base_channels=8", "discriminator.name=projected"]
    )
    assert changed.discriminator == Discriminator(name="projected", base_channels=8)
    assert (changed.generator, changed.train) == (before.generator, before.train)
    same = with_overrides(before, ["discriminator.name=patchgan"])
    assert same == before


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_survives_its_toml(name, tmp_path):
    recipe = load_recipe(name, {"data.domains": ['a "quoted" \\ name', "\u00fcber\nzwei"]})
    assert recipe_text(name).startswith("# "), "the first line is what `recipes` shows"
    file = tmp_path / "other.toml"
    file.write_text(to_toml(recipe), "utf-8")
    assert load_recipe(str(file)) == recipe


def test_recipes_differ_in_what_their_files_state():
    assert set(recipe_names()) >= {"pix2pix", "facades", "openmoji"}
    assert load_recipe("facades").data.direction == "labels -> photo"
    assert load_recipe("openmoji").train.minutes == 3
    assert load_recipe("colorize").generator.look == "none", "as measured"
    assert load_recipe("colorize", ["generator.look=told"]).generator.look == "told"


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("train.epochs=50", "train.epochs", 50),
        (" train.epochs = 50", "train.epochs", 50),
        ("train.learning_rate=1e-3", "train.learning_rate", 0.001),
        ("augment.mirror=false", "augment.mirror", False),
        ("data.direction=labels -> photo", "data.direction", "labels -> photo"),
        ("data.direction='b_to_a'", "data.direction", "b_to_a"),
        ("data.direction=a=b", "data.direction", "a=b"),
        ('data.panels=["aerial", "street"]', "data.panels", ["aerial", "street"]),
    ],
)
def test_overrides_are_read_as_toml_or_else_as_text(override, key, value):
    recipe = load_recipe("facades", [override])
    assert flat(recipe)[key] == value
    assert recipe == load_recipe("facades", {key: value})
    assert differing(load_recipe("facades"), recipe).keys() <= {key}


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["train.epoch=5"], ["train.epoch is not a key", "train.epochs"]),
        (["train.epochs.of=5"], ["train.epochs.of is not a key", "train.epochs"]),
        (["trian.epochs=5"], ["trian is not a key", "train.epochs", "data.source"]),
        (["epochs=5"], ["epochs: not a key", "train.epochs"]),
        (["train.epochs"], ["train.epochs", "table.key=value"]),
        (["train.epochs=many"], ["train.epochs = 'many'", "integer"]),
        (["train.epochs="], ["train.epochs = ''"]),
        (["train.epochs=-1"], ["train.epochs = -1", "greater than or equal to 0"]),
        (["train.learning_rate=nan"], ["train.learning_rate = nan", "finite"]),
        (["loss.l1=-1"], ["loss.l1 = -1", "greater than or equal to 0"]),
        (
            ["generator.statistics=group"],
            ["generator.statistics = 'group'", "'instance' or 'none'"],
        ),
        (["discriminator.receptive_field=64"], ["= 64", "1, 16, 34, 70, 142 or 286"]),
        (["data.crop_size=512"], ["data: load_size 286 is below crop_size 512"]),
        (["data.source=A"], ["source and target are named together"]),
        (["data.domains=['one']"], ["domains names two"]),
        (["data.domains=photo, labels"], ["data.domains = 'photo, labels'"]),
        (["data.panels=['one']"], ["panels names two or more"]),
        (["data.panels=['a', 'b', 'a']"], ["panels names two or more, all different"]),
        (["loss.adversarial=none", "loss.l1=0"], ["leave nothing to learn from"]),
        (["data.names=['one']"], ["names gives two"]),
        (["data.fit=patches", "data.shapes=own"], ["shapes 'own' needs fit 'resize'"]),
        (["derive.scale=3"], ["derive.scale = 3", "1, 2, 4 or 8"]),
        (["derive.noise=[9, 3]"], ["derive: noise [9.0, 3.0] runs from the lower to the higher"]),
        (["derive.noise=9"], ["derive.noise = 9", "tuple"]),
        (["derive.jpeg=[50, 101]"], ["derive: jpeg lies between 1 and 100"]),
        (["derive.holes=[0.2, 0.95]"], ["derive: holes lies between 0 and 0.9"]),
        (["derive.edge_blur=0"], ["derive.edge_blur = 0", "greater than 0"]),
        (["derive.kind=blur"], ["derive.kind = 'blur'", "'degrade', 'lightness'"]),
        (["augment.scale=[0, 1]"], ["augment: scale runs from the lower to the higher"]),
        (["augment.rotation=181"], ["augment.rotation = 181", "180"]),
        (["augment.colour=1"], ["augment.colour = 1", "less than 1"]),
    ],
)
def test_a_wrong_override_is_one_line_that_says_what_is_right(overrides, parts):
    with pytest.raises(DiptychError) as caught:
        load_recipe("pix2pix", overrides)
    message = str(caught.value)
    assert all(part in message for part in parts)
    assert "\n" not in message


def test_a_wrong_key_names_the_keys_of_its_table_only():
    with pytest.raises(DiptychError) as caught:
        load_recipe("pix2pix", ["loss.l2=1"])
    assert str(caught.value) == (
        "recipe pix2pix: loss.l2 is not a key; valid are loss.adversarial, "
        "loss.adversarial_from, loss.l1, loss.features"
    )


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[train]\nepochs = ", "not valid TOML"),
        (b"train = 3", "train = 3"),
        (b"[train]\nepoch = 3", "train.epoch is not a key"),
        ("# caf\u00e9".encode("latin-1"), "cannot be read"),
        (None, "not known: one of cityscapes, colorize"),
    ],
)
def test_a_bad_recipe_file_is_named(content, part, tmp_path):
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DiptychError, match=part) as caught:
        load_recipe(str(file))
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["facade", "", ".", "../recipes/pix2pix"])
def test_an_unknown_recipe_names_the_known(name):
    with pytest.raises(DiptychError, match=r"facades, .*openmoji, pix2pix"):
        load_recipe(name)


def test_tables_from_elsewhere_are_checked_and_say_where_from():
    recipe = load_recipe("facades", ["train.epochs=3"])
    assert recipe_from(recipe.model_dump(mode="json"), "model") == recipe
    with pytest.raises(DiptychError, match=r"^some file: train\.epoch is not a key"):
        recipe_from({"train": {"epoch": 3}}, "some file")


def test_differing_gives_both_values():
    old, new = load_recipe("pix2pix"), load_recipe("pix2pix", ["train.epochs=3", "loss.l1=1"])
    assert differing(old, new) == {"train.epochs": (200, 3), "loss.l1": (100, 1)}
    assert differing(old, old) == {}


def test_keys_that_may_change_are_keys():
    assert not MAY_CHANGE - flat(Recipe()).keys()


def test_a_recipe_cannot_change_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Recipe().train.epochs = 3


def test_overrides_of_a_recipe_that_is_there():
    recipe = load_recipe("denoise")
    louder = with_overrides(recipe, ["derive.noise=[60, 60]"])
    assert differing(recipe, louder) == {"derive.noise": ([0.0, 50.0], [60.0, 60.0])}
    assert with_overrides(recipe, []) == recipe
    with pytest.raises(
        DiptychError, match=r"^--set: derive\.noises is not a key; valid are derive"
    ):
        with_overrides(recipe, ["derive.noises=1"])
