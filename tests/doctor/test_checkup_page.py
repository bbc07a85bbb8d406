import json
import re
from dataclasses import replace

import pytest

from diptych.doctor.check import check_pairs
from diptych.doctor.checkup_page import FILES_NAMED, write_check_page
from diptych.doctor.checkup_words import BINS, verdict, where, write_json
from diptych.doctor.findings import Finding, Place

from .test_check import cut_off, leaking, one_shifted, swapped

pytestmark = pytest.mark.usefixtures("measured_once")


def test_a_page_of_damaged_pairs(pairs, recipe, tmp_path):
    cut_off(pairs, "03")
    leaking(pairs, "04")
    one_shifted(pairs, "07")
    swapped(pairs, "08")
    checkup = check_pairs(pairs, recipe)
    write_check_page(tmp_path / "page.html", checkup)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Training would be harmed: 2 errors, 2 warnings in 33 pairs." in page
    for words in (
        "A/train/08.png",
        "nearly the same as A/test/904.png, train and test",
        "edges of labels",
    ):
        assert words in page
    assert page.count("cannot be read</figcaption>") == 1
    # The cut off pair has one picture, the leak four, the shift three, the swapped two.
    assert page.count("<img ") == 1 + 4 + 3 + 2
    assert page.count('<i style="height:') == 2 * BINS
    assert re.findall(r"Labels of (\w+)</h2>", page) == ["labels"]
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


def test_names_of_files_are_text(pairs, recipe, tmp_path):
    (pairs / "A/train/03.png").rename(pairs / "A/train/<b>&.png")
    write_check_page(tmp_path / "page.html", check_pairs(pairs, recipe))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<b>" not in page
    assert "A/train/&lt;b&gt;&amp;.png" in page


def test_json_names_all_files(pairs, recipe, tmp_path):
    checkup = check_pairs(pairs, recipe)
    write_check_page(tmp_path / "page.html", checkup)
    assert "Nothing found in 32 pairs." in (tmp_path / "page.html").read_text("utf-8")
    places = tuple(Place(f"A/{n}.png", "", n % 32, None) for n in range(FILES_NAMED + 9))
    long = Finding("range", "note", "likely", "many", "look", places)
    write_json(tmp_path / "found.json", replace(checkup, findings=[long]))
    told = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert told["verdict"] == "Fit to train on, with 1 note in 32 pairs."
    assert told["pairs"] == {"train": 24, "val": 4, "test": 4}
    (finding,) = told["findings"]
    assert len(finding["places"]) == FILES_NAMED + 9
    assert finding["places"][3] == {"file": "A/3.png", "detail": "", "pair": "03", "twin": None}
    for side, domain in zip(told["sides"], ("labels", "photo"), strict=True):
        assert side["domain"] == domain
        assert side["values"] == [0, 255]
        assert len(side["histogram"]["edges"]) == len(side["histogram"]["shares"]) + 1
        assert abs(sum(side["histogram"]["shares"]) - 1) < 1e-9
    assert 0.999 < sum(told["sides"][0]["labels"].values()) < 1.001
    assert where(long, 2) == ["A/0.png", "A/1.png", f"and {FILES_NAMED + 7} more"]
    assert verdict(replace(checkup, findings=[])) == "Nothing found in 32 pairs."
