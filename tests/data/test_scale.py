"""At which scale a model learns, and how far a picture is from it."""

from pathlib import Path

import pytest
from PIL import Image

from diptych import model_file
from diptych.data.pairs import Picture
from diptych.data.scale import far_in_words, learning_scale, middle, trained_size, typical_size
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network
from diptych.schema import Data


def header(fit: str = "shorter", crop=(256, 256), picture=None, **changes) -> Header:
    data = {"fit": fit, "load_size": changes.pop("load_size", 286)}
    return Header(
        generator=Network(name="unet", options={}),
        size_multiple=32,
        crop_size=crop,
        picture_size=picture,
        source=plain("drawing"),
        target=plain("photo"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={"data": data} if fit else {},
        **changes,
    )


@pytest.mark.parametrize(
    ("size", "data", "words"),
    [
        ((768, 1024), {}, "pictures of 1024x768 (median) are reduced 2.7 times in size: "),
        ((1024, 768), {}, "pictures of 768x1024 (median) are reduced 2.7 times in size: "),
        ((100, 150), {}, "pictures of 150x100 (median) are enlarged 2.9 times in size: "),
        ((286, 600), {}, None),
        ((256, 256), {}, "enlarged 1.1 times"),
        ((300, 280), {"fit": "patches"}, None),
        ((300, 310), {"fit": "resize"}, None),
        ((768, 1024), {"fit": "resize"}, "squeezed to 286x286, reduced 3.6 times across and"),
        ((768, 1024), {"fit": "resize"}, "data.fit=shorter keeps their shape; translate others"),
        ((200, 572), {"fit": "resize"}, "reduced 2.0 times across and enlarged 1.4 times down"),
        ((768, 1024), {"shapes": "own"}, "squeezed to 286x286"),
        ((600, 1200), {"load_size": (286, 572)}, "pictures of 1200x600 (median) are reduced 2.1"),
    ],
)
def test_the_scale_that_a_model_learns_at_is_said(size, data, words):
    said = learning_scale(size, Data(**data))
    if words is None:
        assert said is None
    else:
        assert words in said
        assert "translate others with --at-trained-scale" in said
        assert ("keeps their shape" in said) is (data.get("fit") == "resize")


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        (header(), (256, 256), (256, 256)),
        (header(), (768, 1024), (256, 341)),
        (header(picture=(600, 700)), (1024, 768), (341, 256)),
        (header(), (64, 128), (256, 512)),
        (header("resize"), (768, 1024), (256, 341)),  # of what they were is not known
        (header("resize", picture=(768, 1024)), (768, 1024), (256, 256)),
        (header("resize", picture=(768, 1024)), (384, 512), (256, 256)),
        (header("resize", picture=(768, 1024)), (1000, 1000), (341, 256)),
        (header("resize", picture=(500, 500)), (768, 1024), (256, 341)),
        (header(picture=(768, 1024), load_size=[286, 286]), (768, 1024), (256, 256)),
        (header("resize", crop=(128, 256), picture=(300, 600)), (150, 300), (128, 256)),
        (header("resize", crop=(128, 256), picture=(600, 600)), (900, 900), (128, 256)),
        (header(crop=(256, 256), scale=4), (512, 300), (109, 64)),
        (header("patches"), (512, 300), None),
        (header(""), (512, 300), None),
    ],
)
def test_the_size_that_training_would_have_brought_a_picture_to(model, size, expected):
    assert trained_size(model, size) == expected


@pytest.mark.parametrize(
    ("model", "size", "words"),
    [
        (header(), (768, 1024), "1024x768 is 3.0 times larger than the 341x256 that the model"),
        (header(), (100, 128), "128x100 is 2.6 times smaller than the 328x256 that the model"),
        (header(), (384, 512), None),
        (header(), (171, 256), None),
        (header("resize", picture=(250, 500)), (250, 500), "500x250 is 2.0 times larger than the"),
        (header("patches"), (5000, 5000), None),
        (header(scale=2), (5000, 5000), None),
        (header(target_size=(40, 30)), (5000, 5000), None),
    ],
)
def test_who_is_far_from_it_is_told(model, size, words):
    said = far_in_words(model, size)
    assert said is None if words is None else words in said


def test_the_picture_in_the_middle(tmp_path: Path):
    sizes = [(30, 40), (400, 300), (50, 50), (10, 900), (60, 60)]
    pictures = []
    for number, (height, width) in enumerate(sizes):
        Image.new("RGB", (width, height)).save(tmp_path / f"{number}.png")
        pictures.append(Picture(tmp_path / f"{number}.png"))
    (tmp_path / "bad.png").write_bytes(b"bad")
    assert typical_size([*pictures, Picture(tmp_path / "bad.png")]) == (50, 50)
    assert typical_size([]) is middle([]) is None
