import os

from tests.data.kept.test_keeping import write_shards

from diptych.data.kept.keeping import Keeping
from diptych.data.shards import find_shards
from diptych.data.store.place import cache_folder
from diptych.data.store.space import kept_files


def test_what_is_kept_is_shown_and_removed(run, made_pairs, tmp_path):
    status, said, _ = run("cache")
    assert (status, said) == (0, f"No decoded pictures are kept in {cache_folder() / 'decoded'}.\n")
    small = ["--set", "data.load_size=36", "--set", "data.crop_size=32"]
    status, said, _ = run("data", "show", made_pairs, "--out", tmp_path / "a.png", *small)
    assert status == 0
    (first, *_) = kept_files(cache_folder() / "decoded")
    then = first.path.stat().st_mtime - 5 * 86400 - 9
    os.utime(first.path, (then, then))
    status, said, _ = run("cache")
    assert status == 0
    assert "in 2 files" in said
    assert "the longest unused 5 days ago" in said
    assert "what was used least recently goes first" in said
    status, said, _ = run("cache", "--clear")
    assert status == 0
    assert said.startswith("Removed 0.1 MB from ")
    assert not kept_files(cache_folder() / "decoded")


def test_a_bound_that_is_none_is_named(run, made_pairs, monkeypatch, tmp_path):
    run("data", "show", made_pairs, "--out", tmp_path / "a.png")
    monkeypatch.setenv("DIPTYCH_CACHE_LIMIT", "much")
    status, _, said = run("cache")
    assert (status, said) == (
        2,
        "diptych: DIPTYCH_CACHE_LIMIT 'much': a number of gigabytes, as 50\n",
    )


def test_pictures_of_shards_are_shown_and_removed_when_asked(run, tmp_path):
    shards = Keeping(find_shards(str(write_shards(tmp_path / "shards"))))
    shards.bring(shards.begin()[:2])
    status, said, _ = run("cache")
    assert status == 0
    assert f"Pictures of shards and datasets, 0.0 MB in {cache_folder() / 'kept'}:\n" in said
    assert f"{tmp_path / 'shards'}  0.0 MB, not all yet\n" in said
    shards.bring(shards.begin())
    shards.join()
    assert f"{tmp_path / 'shards'}  0.0 MB\n" in run("cache")[1]
    run("cache", "--clear")
    assert shards.whole
    status, said, _ = run("cache", "--clear-kept")
    assert f"Removed 0.0 MB from {cache_folder() / 'kept'}.\n" in said
    assert not shards.folder.exists()
