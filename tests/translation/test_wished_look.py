"""How results are to look, from what a person says."""

import numpy as np
import pytest
from PIL import Image
from tests.translation.looks import COLOURS, known_looks, translator_with_looks

import diptych
from diptych.errors import DiptychError
from diptych.images.domain import Domain, plain
from diptych.images.main_colours import lab_of, main_colours
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.wished_look import drawn_looks, look_in_colours, look_like

NAMED = {"3080c0": "#3080c0", " red": "red"}  # as they may be written in an address


@pytest.fixture(scope="module")
def translator() -> NetworkTranslator:
    return translator_with_looks()


def drawing(*size: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)


def test_like_a_picture():
    picture = drawing(5, 7)
    scaled = picture.astype(np.float32) / 127.5 - 1
    look = look_like(picture, plain("photo"))
    np.testing.assert_allclose(look[:3], scaled.mean((0, 1)), atol=1e-6)
    np.testing.assert_allclose(look[3:], scaled.std((0, 1)), atol=1e-6)


def test_like_values_without_data_in_places():
    depth = Domain(name="depth", channels=1, kind="values", dtype="float32", range=[[0.0, 10.0]])
    values = np.array([[2.0, 4.0], [np.nan, np.nan]], np.float32)[..., None]
    np.testing.assert_allclose(look_like(values, depth), [-0.4, 0.2], atol=1e-6)


@pytest.mark.parametrize("colour", ["#3080c0", "3080c0", " red", "rgb(20, 160, 60)"])
def test_in_a_colour_that_no_example_has(colour):
    look = look_in_colours([colour], known_looks())
    wished = np.array(Image.new("RGB", (1, 1), NAMED.get(colour, colour)))[0, 0]
    got = ((look[:3] + 1) * 127.5).clip(0, 255).round().astype(np.uint8)
    apart = np.linalg.norm(lab_of(got[None]) - lab_of(wished[None]))
    nearest = np.linalg.norm(lab_of(COLOURS) - lab_of(wished[None]), axis=1).min()
    assert apart < nearest, "nearer than any training picture"


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        (["reddish"], "colors 'reddish': a colour is #rrggbb, or an English name as red"),
        (["red", "green", "blue"], "colors: one colour, or two, the largest first"),
    ],
)
def test_what_is_no_colour(colours, words):
    with pytest.raises(DiptychError) as error:
        look_in_colours(colours, known_looks())
    assert str(error.value) == words


def test_targets_without_colours_have_none_to_say():
    without = known_looks().model_copy(update={"colours": []})
    with pytest.raises(DiptychError, match="have no colours; like takes a file"):
        look_in_colours(["red"], without)


def test_drawn_looks_differ_as_those_of_training_pictures_do():
    known, foretold = known_looks(), np.array(known_looks().examples).mean(0)
    looks = drawn_looks(foretold, known, 40, seed=3)
    assert len(np.unique(looks, axis=0)) == 40, "another each time while there are some"
    np.testing.assert_allclose(looks.std(0), np.array(known.examples).std(0), atol=1e-5)
    np.testing.assert_array_equal(looks, drawn_looks(foretold, known, 40, seed=3))
    assert (drawn_looks(foretold, known, 2, seed=4) != looks[:2]).any()
    assert len(drawn_looks(foretold, known, 100, seed=0)) == 100, "and again"


def test_a_translator_is_told_once_and_another_stays_as_it_was(translator):
    source = drawing(50, 70)
    before = translator.apply(source)
    told = translator.told(colors=["red"])
    assert (told.apply(source) != before).mean() > 0.5
    np.testing.assert_array_equal(translator.apply(source), before)
    many = told.apply_all(np.stack([source, source[::-1]]))
    np.testing.assert_allclose(many[0].astype(int), told.apply(source).astype(int), atol=1)
    image = translator(Image.fromarray(source), like=Image.new("RGB", (8, 8), "blue"))
    assert image.size == (70, 50)


def test_numbers_that_are_not_told_are_foretold(translator):
    source = drawing(64, 64)
    untold = translator.told(look=np.full(6, np.nan))
    np.testing.assert_array_equal(untold.apply(source), translator.apply(source))
    as_foretold = translator.told(look=translator.foretold(source))
    np.testing.assert_allclose(
        as_foretold.apply(source).astype(int), translator.apply(source).astype(int), atol=1
    )


def test_samples_differ_and_repeat(translator):
    source = drawing(64, 64)
    assert translator.varies
    samples = translator.samples(source, 3, seed=5)
    assert len({sample.tobytes() for sample in samples}) == 3
    again = translator.samples(source, 3, seed=5)
    assert all(map(np.array_equal, samples, again))


def test_a_video_is_held_to_one_look(translator):
    frames = [drawing(64, 64), 255 - drawing(64, 64)]
    mean = np.mean([translator.foretold(frame) for frame in frames], axis=0)
    expected = translator.told(look=mean).apply(frames[0])
    with translator.held_statistics(iter(frames), translator.apply, lambda *_: None):
        held = translator.apply(frames[0])
    np.testing.assert_array_equal(held, expected)
    assert translator.look is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "a look is said once"),
        ({"colors": ["red"], "like": np.zeros((4, 4, 3), np.uint8)}, "a look is said once"),
        ({"look": np.zeros(5)}, "a look of this model is 6 numbers"),
        ({"look": np.full(6, np.inf)}, "a look of this model is 6 numbers"),
    ],
)
def test_a_look_is_said_once(translator, said, words):
    with pytest.raises(DiptychError, match=words):
        translator.told(**said)


def test_a_plain_background_is_not_what_a_picture_is_called_by():
    shoe = np.full((60, 60, 3), 255, np.uint8)
    shoe[20:40, 10:50] = (160, 48, 32)
    shoe[30:36, 15:30] = (20, 20, 120)
    assert main_colours(shoe) == ["#a03020", "#141478"]
    assert main_colours(np.full((9, 9, 3), (10, 200, 30), np.uint8)) == ["#0ac81e"]
    flag = np.zeros((30, 30, 3), np.uint8)
    flag[:18], flag[18:] = (200, 0, 0), (0, 0, 200)
    assert main_colours(flag) == ["#c80000", "#0000c8"], "a border of two colours is no background"


def test_a_model_that_was_told_nothing_says_so_in_a_line(run, drawn_pairs, tmp_path):
    tiny = {"data.load_size": 32, "data.crop_size": 32, "generator.base_channels": 4}
    tiny |= {"train.steps": 1, "discriminator.base_channels": 4}
    trained = diptych.train(
        "pix2pix", data=drawn_pairs, out=tmp_path / "run", overrides=tiny, device="cpu"
    )
    pictures = [trained.path, drawn_pairs / "train" / "00.png", "--out", tmp_path / "out"]
    for option in ("--colors", "red"), ("--like", drawn_pairs / "train" / "01.png"):
        status, _, errors = run("translate", *pictures, *option)
        assert status == 2
        assert "takes no look" in errors
        assert len(errors.splitlines()) == 1


def test_a_picture_has_no_look_of_values(translator):
    depth = Domain(name="depth", channels=3, kind="values", dtype="float32", range=[[0.0, 1.0]] * 3)
    other = NetworkTranslator(
        translator.header.model_copy(update={"target": depth}), translator.generator
    )
    with pytest.raises(DiptychError, match="results are values, not pictures"):
        other.told(like=Image.new("RGB", (8, 8)))


def test_like_any_picture_is_in_its_largest_colour_where_targets_stand_alone(translator):
    known = translator.header.look
    alone = known.model_copy(update={"changed": known.examples, "changed_colours": known.colours})
    header = translator.header.model_copy(update={"look": alone})
    other = NetworkTranslator(header, translator.generator)
    wall = np.full((40, 40, 3), (190, 40, 40), np.uint8)
    expected = other.told(colors=["#be2828"])
    np.testing.assert_allclose(other.told(like=wall).look, expected.look, atol=0.02)
    shoe = np.full((40, 40, 3), 255, np.uint8)
    shoe[10:30, 10:30] = (190, 40, 40)
    np.testing.assert_allclose(other.told(like=shoe).look, expected.look, atol=0.02)
