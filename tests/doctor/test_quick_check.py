from diptych.data.domains import find_domains
from diptych.data.layouts import find_pairs
from diptych.doctor import quick_check as quick
from diptych.doctor.quick_check import quick_notes
from diptych.training.plan import make_plan

from .test_check import cut_off, deep, no_picture, other_shape


def test_sound_pairs_get_no_note(pairs, recipe):
    found = find_pairs(pairs, recipe)
    assert quick_notes(found, recipe, find_domains(found, recipe)) == []


def test_a_plan_notes_what_headers_tell(pairs, recipe):
    no_picture(pairs, "03")
    other_shape(pairs, "05")
    deep(pairs, "07")
    cut_off(pairs, "09")
    notes = make_plan(recipe, pairs).data.notes
    for words in ("B/train/03.png", "A/train/05.png: 160x160, its target 160x100", "uint16"):
        assert sum(words in note for note in notes) == 1
    assert notes[-1].startswith(f"`diptych data check {pairs} --fix FOLDER` looks further")
    assert not any("09.png" in note for note in notes), "few are decoded"


def test_it_ends_in_time_and_says_of_how_many(pairs, recipe, monkeypatch):
    found = find_pairs(pairs, recipe)
    domains = find_domains(found, recipe)
    for path in (pairs / "B").rglob("*.png"):
        path.write_text("no picture")
    monkeypatch.setattr(quick, "MOST", 8)
    notes = quick_notes(found, recipe, domains)
    assert notes[0].startswith("of 8 pairs looked at, 8 files cannot be read")
    monkeypatch.setattr(quick, "SECONDS", 0)
    assert quick_notes(found, recipe, domains) == []
