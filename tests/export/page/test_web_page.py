"""What a page holds, and of which models there is one."""

import numpy as np
import pytest
from PIL import Image

from diptych.errors import DiptychError
from diptych.export.page.page_looks import far_apart
from diptych.export.page.web_page import check_page, read_samples
from diptych.images.domain import Domain, plain, several


def test_the_page_says_whose_it_is(page_folder):
    text = (page_folder / "index.html").read_text("utf-8")
    assert "unet, drawing to colour" in text
    assert "6 pairs at 64×64" in text
    assert "Circles &lt;of nobody&gt;, for all." in text
    assert {path.name for path in page_folder.iterdir()} == {
        "index.html", "page.css", "page.js", "camera.js", "drawing.js", "looks.js",
        "pictures.js", "swatches.js", "translator.js", "worker.js",
        "worker_engine.js", "model.onnx", "model.parity.json", "runtime", "samples",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target", "given", "said"),
    [
        (Domain(name="depth", kind="values", channels=1), plain("b"), {}, "depth, is uint8 values"),
        (several([plain("a"), plain("b")]), plain("c"), {}, "is several pictures"),
        (plain("masked", "rgba"), plain("whole"), {}, "masked, is a picture with holes"),
        (plain("a"), Domain(name="roads", kind="labels", channels=4), {}, "roads, is an index"),
        (plain("street"), plain("above"), {"target_size": (64, 32)}, "differ in shape"),
    ],
)
def test_other_models_are_refused(source, target, given, said, page_translator, tmp_path):
    changes = {"source": source, "target": target, **given}
    header = page_translator.header.model_copy(update=changes)
    with pytest.raises(DiptychError, match=said):
        check_page(header, tmp_path)


def test_a_page_of_somebody_else_is_left_alone(page_translator, tmp_path):
    (tmp_path / "index.html").write_text("<h1>My site</h1>")
    with pytest.raises(DiptychError, match="holds something else"):
        check_page(page_translator.header, tmp_path)


def test_samples_are_few_and_pictures(page_translator, tmp_path):
    wide = Image.new("RGB", (3000, 600), "white")
    for i in range(20):
        wide.save(tmp_path / f"{i:02}.png")
    found = read_samples(page_translator, [tmp_path], None)
    assert [picture.size for picture in found] == [(256, 51)] * 8
    (tmp_path / "none").mkdir()
    with pytest.raises(DiptychError, match="no pictures there"):
        read_samples(page_translator, [tmp_path / "none"], None)


def test_swatches_are_few_and_far_apart():
    places = np.array([[0.0], [1.0], [0.1], [5.0], [5.0]])
    assert far_apart(places, 3) == [0, 1, 3]
    assert far_apart(places, 9) == [0, 1, 2, 3]
    assert far_apart(np.zeros((0, 3)), 4) == []
