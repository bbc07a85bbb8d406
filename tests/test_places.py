import pytest

from diptych.errors import DiptychError
from diptych.places import Place
from diptych.translation.jobs.place_plan import names_in


def place(system, *names: str) -> Place:
    for name in names:
        system.pipe(f"/in/{name}", b"stored")
    return Place("memory://in")


def test_files_are_found_in_the_order_of_a_folder_and_hidden_ones_left_out(memory, tmp_path):
    names = ["b.png", "a/z.jpg", "a b/c.PNG", ".hidden.png", "a/.git/d.png", "notes.txt", "e.mp4"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    here, there = Place(str(tmp_path)), place(memory, *names)
    assert there.names() == here.names()
    found, others = names_in(there, Place("memory://out"), "png")
    assert found == {"a/z.jpg": "a/z.png", "a b/c.PNG": "a b/c.png", "b.png": "b.png"} | {
        "e.mp4": "e.mp4"
    }
    assert others == ["memory://in/notes.txt"]
    assert names_in(here, Place(str(tmp_path / "out")), "png")[0] == found


def test_files_are_brought_and_put_whole(memory, tmp_path):
    source = place(memory, "a/b.png")
    assert source.bring("a/b.png", tmp_path / "copy.png").read_bytes() == b"stored"
    Place("memory://out/far").put(tmp_path / "copy.png", "c/d.png")
    assert memory.cat("/out/far/c/d.png") == b"stored"
    here = Place(str(tmp_path / "here"))
    here.put(tmp_path / "copy.png", "c/d.png")
    assert here.bring("c/d.png", tmp_path / "none") == tmp_path / "here" / "c" / "d.png"
    assert here.names() == ["c/d.png"]


def test_what_would_fill_the_disk_is_left_where_it_is(memory, tmp_path, monkeypatch):
    source = place(memory, "a.png")
    monkeypatch.setattr(type(memory), "size", lambda *_: 2**60)
    with pytest.raises(DiptychError, match=r"^memory://in/a.png: 1152921504606846976 bytes, with "):
        source.bring("a.png", tmp_path / "copy.png")
    assert not (tmp_path / "copy.png").exists()


@pytest.mark.parametrize(
    ("names", "results", "said"),
    [
        (["a.png", "a.jpg"], "memory://out", "would both give memory://out/a.png"),
        (["notes.txt"], "memory://out", "no pictures or videos in memory://in"),
        (["a.png"], "memory://in", "results would replace their sources"),
    ],
)
def test_mistakes_are_said_before_anything_is_done(names, results, said, memory):
    with pytest.raises(DiptychError, match=said):
        names_in(place(memory, *names), Place(results), "png")


def test_results_inside_the_place_are_no_sources(memory):
    source = place(memory, "a.png", "out/a.png")
    assert list(names_in(source, Place("memory://in/out"), "png")[0]) == ["a.png"]


def test_a_name_that_leads_elsewhere_is_refused(memory, monkeypatch):
    source = place(memory, "a.png")
    monkeypatch.setattr(type(memory), "find", lambda *_: ["/in/a.png", "/in/../../b.png"])
    with pytest.raises(DiptychError, match="a name that leads elsewhere"):
        names_in(source, Place("memory://out"), "png")


@pytest.mark.parametrize("url", ["nosuch://bucket/in", "memory://in/missing"])
def test_a_place_that_is_not_there_is_one_line(url, memory):
    with pytest.raises(DiptychError, match=url) as caught:
        names_in(Place(url), Place("memory://out"), "png")
    assert str(caught.value).count(url) == 1
