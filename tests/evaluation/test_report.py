import base64
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.errors import DiptychError
from diptych.evaluation.curves import Curve, Remark
from diptych.evaluation.evaluate import Evaluation, Row
from diptych.evaluation.gallery import Gallery
from diptych.evaluation.html_pages import embedded
from diptych.evaluation.patches import Decisions, JudgedPair
from diptych.evaluation.report import write_report
from diptych.evaluation.summary import METRICS, Interval, summarise


class Page(HTMLParser):
    """The elements of a page, each as (tag, attributes), and the text each list item holds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pairs: list[dict] = []
        self.text = ""
        self._inside = ""
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        attributes = {key: value or "" for key, value in attrs}
        self.elements.append((tag, attributes))
        if tag == "li" and attributes.get("class", "").split()[:1] == ["pair"]:
            classes = attributes["class"].split()
            self.pairs.append({"images": [], "over": [], "name": "", "classes": classes})
        if tag == "img" and self.pairs:
            over = attributes.get("class", "").startswith("over ")
            self.pairs[-1]["over" if over else "images"].append(attributes)
        self._inside = tag

    def handle_data(self, data):
        if self._inside not in {"style", "script"}:
            self.text += data
        if self._inside == "h3":
            self.pairs[-1]["name"] += data.strip()

    def tags(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]

    def marked(self, mark):
        return [pair["name"] for pair in self.pairs if mark in pair["classes"]]


def flat(value, height=12, width=16):
    return np.full((height, width, 3), value, np.uint8)


def row(name, lpips, **options):
    scores = {"l1": 0.1, "psnr": 20.0, "ssim": 1 - lpips, "lpips": lpips}
    return Row(name, flat(20), flat(120), flat(220), scores, **options)


def rows(count):
    """Rows in no order, whose names tell their rank: 0 is the best."""
    ranks = np.random.default_rng(0).permutation(count)
    return [row(f"{rank}.png", 0.1 + 0.8 * rank / count) for rank in ranks]


def write(
    folder,
    pairs,
    *,
    domains=("source", "target"),
    baselines=None,
    notes=(),
    showpiece=None,
    gallery=None,
    **options,
):
    gallery = gallery or Gallery()
    for pair in pairs:
        gallery.add(pair)
    if showpiece is not None:
        gallery.open_with(*showpiece)
    evaluation = Evaluation(
        "test",
        domains,
        scores=summarise([pair.scores for pair in pairs]),
        baselines=baselines or {},
        gains=baselines or {},
        images={pair.name: pair.scores for pair in pairs},
        notes=list(notes),
    )
    options = {"facts": {"Model": "unet"}} | options
    write_report(folder / "report.html", evaluation, gallery, **options)
    return Page(folder / "report.html")


def decoded(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


SHOWPIECE = (
    "A <whole> land",
    "Never seen & drawn at once.",
    (flat(20, 90, 60), flat(120, 90, 60), flat(220, 90, 60)),
)


def test_the_page_asks_nothing_of_the_network(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "progress.gif")
    page = write(
        tmp_path,
        rows(3),
        curves=[Curve("loss", [1, 2], [3, 4])],
        progress=tmp_path / "progress.gif",
        recipe="[train]",
        notes=["from https://example.org/data"],
        showpiece=SHOWPIECE,
    )
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed"}
        assert not {"srcset", "action", "data", "poster"} & set(attributes)
        assert attributes.get("src", "data:").startswith("data:")
        assert tag == "a" or "href" not in attributes
    assert not re.search(r"url\(|@import", page.html)
    assert [link["href"] for link in page.tags("a")] == ["https://example.org/data"]
    assert page.tags("html") == [{"lang": "en"}]


def test_every_pair_has_three_named_pictures_worst_first(tmp_path):
    page = write(tmp_path, rows(7), domains=("labels", "photo"))
    assert [pair["name"] for pair in page.pairs] == [f"{rank}.png" for rank in range(6, -1, -1)]
    assert [image["alt"] for image in page.pairs[0]["images"]] == [
        "6.png: labels (source)",
        "6.png: translated",
        "6.png: photo (target)",
    ]
    for pair in page.pairs:
        shades = [decoded(image["src"]).getpixel((0, 0))[0] for image in pair["images"]]
        assert shades == pytest.approx([20, 120, 220], abs=2)
    assert page.marked("worst") == ["6.png"]
    assert page.marked("best") == ["0.png"]
    assert re.findall(r'class="badge">(\w+)<', page.html) == ["Worst", "Typical", "Best"]


def test_the_page_opens_with_the_showpiece(tmp_path):
    page = write(tmp_path, rows(2), domains=("satellite", "map"), showpiece=SHOWPIECE)
    pictures = [image for image in page.tags("img") if "data-name" in image]
    assert [image["alt"] for image in pictures] == [
        f"A <whole> land: {name}" for name in ("satellite", "translated", "real map")
    ]
    shades = [decoded(image["src"]).getpixel((0, 0))[0] for image in pictures]
    assert shades == pytest.approx([20, 120, 220], abs=2)
    assert page.html.index("Never seen &amp; drawn") < page.html.index('class="verdict"')
    assert "<whole>" not in page.html


def test_without_a_showpiece_it_opens_with_a_typical_pair(tmp_path):
    pairs = [
        replace(pair, translated=flat(100 + int(pair.name.partition(".")[0]))) for pair in rows(7)
    ]
    page = write(tmp_path, pairs)
    assert page.marked("typical") == ["3.png"]
    pictures = [image for image in page.tags("img") if "data-name" in image]
    assert [image["alt"] for image in pictures] == [
        f"A typical pair: {name}" for name in ("source", "translated", "real target")
    ]
    assert decoded(pictures[1]["src"]).getpixel((0, 0))[0] == pytest.approx(103, abs=1)
    assert "3.png: LPIPS 0.443; of 7 pairs as many are better as are worse." in page.text
    assert write(tmp_path, rows(2)).marked("typical") == []


def test_each_pair_and_the_set_say_where_errors_sit(tmp_path):
    left = flat(120)
    left[:, :8] = 0
    pairs = [Row(name, flat(20), left, flat(120), {"ssim": 0.5}) for name in "ab"]
    page = write(tmp_path, pairs)
    (over,) = page.pairs[0]["over"]
    assert over["class"] == "over errors"
    shown = decoded(over["src"]).convert("L")
    assert shown.getpixel((10, 90)) > 200
    assert shown.getpixel((250, 90)) < 40
    assert "120 levels of 255" in page.text
    assert "over 2 pairs" in page.text
    assert 'id="show-patches"' not in page.html
    other_size = Row("c", flat(20), flat(1, 8, 8), flat(1), {"ssim": 0.5})
    assert not write(tmp_path, [other_size]).pairs[0]["over"]


def test_what_the_discriminator_sees_is_shown_over_both_sides_with_scale_and_mean(tmp_path):
    patches = [np.full((3, 4), 0.9, np.float32), np.full((3, 4), 0.25, np.float32)]
    judged = JudgedPair(*(Decisions([grid], (12, 16), 4) for grid in patches))
    page = write(
        tmp_path,
        [row("a", 0.1, judged=lambda: judged), row("b", 0.2, judged=lambda: None)],
        gallery=Gallery(judge="as it was at step 7"),
    )
    b, a = page.pairs
    assert [image["class"] for image in a["over"]] == [
        "over errors",
        "over patches",
        "over patches",
    ]
    assert [image["class"] for image in b["over"]] == ["over errors"]
    translated, target = (decoded(image["src"]).getpixel((9, 9)) for image in a["over"][1:])
    assert translated[0] > translated[2]
    assert target[2] > target[0]
    text = " ".join(page.text.split())
    assert "25 % taken for real" in text
    assert "90 % taken for real" in text
    assert "decision on each patch, as it was at step 7" in text
    assert 'id="show-patches"' in page.html


def test_the_referee_s_remarks_are_marked_on_the_curves(tmp_path):
    remarks = [Remark(20, "<b>gray</b> all over"), Remark(900, "too late to be drawn")]
    page = write(tmp_path, rows(2), curves=[Curve("loss", [0, 100], [3, 4])], remarks=remarks)
    assert re.findall(r'class="remarked".*>(.*)</text>', page.html) == ["1"]
    assert "The referee, at step 20: <b>gray</b> all over" in page.text
    assert "The referee, at step 900" in page.text


def test_a_showpiece_is_shown_larger_than_pairs_are(tmp_path):
    large = flat(9, 700, 900)
    page = write(tmp_path, rows(2), showpiece=("", "", (large, large, large)))
    sizes = {decoded(image["src"]).size for image in page.tags("img") if "data-name" in image}
    assert sizes == {(900, 700)}


def test_without_lpips_ssim_orders_the_pairs(tmp_path):
    pairs = [
        Row(name, flat(1), flat(2), flat(3), {"l1": 0.1, "psnr": 20.0, "ssim": ssim})
        for name, ssim in (("good", 0.9), ("bad", 0.2), ("middling", 0.5))
    ]
    page = write(tmp_path, pairs)
    assert [pair["name"] for pair in page.pairs] == ["bad", "middling", "good"]
    assert METRICS["lpips"].label not in page.text


def test_beyond_the_most_pairs_the_page_shows_a_sample_and_says_so(tmp_path):
    page = write(tmp_path, rows(50), gallery=Gallery(8))
    ranks = [int(pair["name"].partition(".")[0]) for pair in page.pairs]
    assert (len(ranks), ranks[0], ranks[-1]) == (8, 49, 0)
    assert ranks == sorted(ranks, reverse=True)
    assert page.marked("worst") == ["49.png"]
    assert page.marked("best") == ["0.png"]
    assert "8 of 50 pairs" in page.text
    assert "a random sample of those between" in page.text
    assert "Histogram of 50 pairs" in page.text
    assert "All 50 pairs" in write(tmp_path, rows(50), gallery=Gallery(50)).text


def test_a_gallery_keeps_the_worst_the_best_and_a_fair_sample_of_thousands():
    galleries, pairs = [Gallery(), Gallery()], rows(3000)
    for gallery in galleries:
        for pair in pairs:
            gallery.add(pair)
    first, second = (
        [rank for rank in range(3000) if f"{rank}.png" in gallery] for gallery in galleries
    )
    assert first == second
    assert len(first) == 120
    assert set(range(15)) | set(range(2985, 3000)) <= set(first)
    assert np.mean(first) == pytest.approx(1500, abs=250)


def test_a_single_pair_is_neither_worst_nor_best(tmp_path):
    page = write(tmp_path, rows(1))
    assert len(page.pairs) == 1
    assert page.marked("worst") == page.marked("best") == []
    assert not page.tags("svg")
    assert "The only pair." in page.text


def test_no_pair_is_an_error_that_speaks(tmp_path):
    with pytest.raises(DiptychError, match=r"report\.html: no pairs"):
        write(tmp_path, [])
    assert not list(tmp_path.iterdir())


def test_text_from_others_stays_text(tmp_path):
    evil = "\"><script>alert('x')</script>"
    page = write(
        tmp_path,
        [row(evil, 0.1), row("b", 0.2)],
        domains=(evil, evil),
        baselines={evil: {"lpips": Interval(0.777, 0.7, 0.8, 2)}},
        facts={evil: evil},
        curves=[Curve(evil, [1], [1])],
        recipe=evil,
        notes=[evil],
    )
    assert page.marked("best") == [evil]
    assert len(page.tags("script")) == 1
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)


def test_scores_and_baseline_stand_in_the_table(tmp_path):
    baseline = {"lpips": Interval(0.777, 0.7, 0.8, 2)}
    page = write(tmp_path, [row("a", 0.2), row("b", 0.3)], baselines={"bare source": baseline})
    for metric in (METRICS[name] for name in row("a", 0.2).scores):
        assert metric.label in page.text
        assert metric.meaning in page.text
    table = " ".join(page.text.split())
    assert "LPIPS ↓ lower is better 0.250 0.000 – 0.885 0.777" in table
    assert "Bare source" in table
    assert "Bare source" not in write(tmp_path, rows(2)).text


def test_large_pictures_are_reduced_and_small_ones_enlarged_by_whole_pixels(tmp_path):
    sprite = np.random.default_rng(0).integers(0, 2, (20, 30, 3), np.uint8) * 255
    pictures = sprite, flat(9, 512, 200), flat(9, 300, 900)
    pairs = [Row(f"{i}", *pictures, {"ssim": i / 10}) for i in range(4)]
    page = write(tmp_path, pairs)
    marked, plain = (
        next(pair for pair in page.pairs if (len(pair["classes"]) > 1) == marked)
        for marked in (True, False)
    )
    sizes = [decoded(image["src"]).size for image in marked["images"]]
    assert sizes == [(240, 160), (200, 512), (900, 300)], "in full"
    shown = [decoded(image["src"]) for image in plain["images"]]
    assert [image.size for image in shown] == [(240, 160), (200, 512), (512, 171)]
    assert shown[0].format == "PNG"
    assert np.array_equal(np.asarray(shown[0]), sprite.repeat(8, 0).repeat(8, 1))
    assert "more than 512 pixels" in page.text
    assert "pixels on a side" not in write(tmp_path, rows(2)).text


def test_a_photo_is_embedded_as_jpeg(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    page = write(tmp_path, [Row("a", flat(9, 128, 128), noise, noise, {"ssim": 0.5})])
    formats = [decoded(image["src"]).format for image in page.pairs[0]["images"]]
    assert formats == ["PNG", "JPEG", "JPEG"]


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        ([1], [0.3]),
        ([0, 1, 2], [0.0, 0.0, 0.0]),
        ([10, 20, 30], [5, 5, 5]),
        ([0, 1000], [1e-9, 3e-9]),
        ([0, 1000], [-1e9, 1e9]),
        ([1, 2, 3], [0.5, math.inf, math.nan]),
        (range(10_000), np.sin(np.arange(10_000))),
    ],
)
def test_charts_have_finite_coordinates_inside_the_frame(tmp_path, steps, values):
    page = write(tmp_path, [row("a", 0.5), row("b", 0.5)], curves=[Curve("loss", steps, values)])
    histogram, curve = page.tags("svg")
    for svg in (histogram, curve):
        assert svg["role"] == "img"
        named = {attributes.get("id") for _, attributes in page.elements}
        assert set(svg["aria-labelledby"].split()) <= named
    _, _, width, height = map(float, curve["viewbox"].split())
    pairs = page.tags("polyline")[0]["points"].split()
    points = np.array([pair.split(",") for pair in pairs], float)
    assert len(points) <= 200
    assert ((points >= 0) & (points <= [width, height])).all()
    keys = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}
    for tag in ("line", "rect", "circle", "text"):
        for attributes in page.tags(tag):
            assert all(math.isfinite(float(attributes[key])) for key in keys & set(attributes))
    assert all(float(rect["width"]) > 0 for rect in page.tags("rect"))


def test_the_last_value_is_labelled_and_a_bad_end_is_not_hidden(tmp_path):
    curves = [
        Curve("falls", [0, 100, 200], [0.9, 0.5, 0.31]),
        Curve("breaks", [0, 100, 200], [0.9, 0.5, math.nan]),
        Curve("never was", [0, 100], [math.nan, math.nan]),
    ]
    page = write(tmp_path, rows(2), curves=curves)
    assert re.findall(r'class="mark".*>(.*)</text>', page.html)[1:] == ["0.31", "nan"]
    assert "never was" not in page.text


def test_a_long_curve_says_that_its_points_are_means(tmp_path):
    page = write(tmp_path, rows(2), curves=[Curve("loss", range(1600), range(1600))])
    assert "means of 10" in page.text


def test_progress_and_recipe_are_shown_where_given(tmp_path):
    gif = tmp_path / "progress.gif"
    Image.new("RGB", (4, 4)).save(gif)
    page = write(tmp_path, rows(2), progress=gif, recipe='[data]\ndirection = "b_to_a"\n')
    (shown,) = (image for image in page.tags("img") if "successive steps" in image.get("alt", ""))
    assert shown["src"] == "data:image/gif;base64," + base64.b64encode(gif.read_bytes()).decode()
    assert len(page.tags("details")) == 2
    assert 'direction = "b_to_a"' in page.text
    assert not write(tmp_path, rows(2)).tags("details")


def test_the_page_replaces_an_older_one_and_leaves_nothing_beside_it(tmp_path):
    write(tmp_path, rows(2))
    write(tmp_path, [row("newer", 0.1)])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "newer" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_picture_of_one_row_is_shown_as_one():
    picture = embedded(np.zeros((1, 3000, 3), np.uint8))
    assert (picture.width, picture.height, picture.reduced) == (512, 1, True)
