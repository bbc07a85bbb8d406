"""From place to place on a Ray of two cores, with a server of S3: as the plain command does."""

import os
import sys
import uuid
from pathlib import Path

import pytest
from tests.by_ray.on_ray import RAY, actors_of
from tests.translation.jobs.of_files import (
    end,
    files_of,
    kill,
    make_folder,
    make_model,
    start,
    until,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    pytest.importorskip("ray", reason="needs Ray: pip install 'diptych[ray]'")
    return make_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the server's and the client's libraries
def test_from_s3_to_s3_though_a_process_is_killed(model, bucket, tmp_path):
    folder = make_folder(tmp_path / "in", 300)
    alone = tmp_path / "alone"
    end(start(model, folder, "--out", alone))
    bucket.upload(folder, "in")
    mark = uuid.uuid4().hex
    command = (model, "s3://bucket/in", "--out", "s3://bucket/out", "--ray", "--devices=2")
    facts = RAY | bucket.facts | {"DIPTYCH_TEST_MARK": mark}
    process = start(*command, **facts)
    until(lambda: bucket.names("out"))
    actors = actors_of(mark)
    assert len(actors) == 2
    kill(actors[0])
    status, words, errors = end(process)
    assert (status, errors) == (1, "")
    assert "\n300 translated to s3://bucket/out in " in words
    assert "raylet" not in words
    assert words.endswith("failed: s3://bucket/in/010x.png: not a picture that can be read\n")
    assert bucket.files("out") == files_of(alone)
    # What is there is kept, and what is missing comes again as it was.
    for name in ("003.png", "below/299.png"):
        bucket.client.delete_object(Bucket="bucket", Key=f"out/{name}")
    status, words, _ = end(start(*command, **facts))
    assert (status, words.count("failed: ")) == (1, 1)
    assert "2 translated to s3://bucket/out" in words
    assert "298 already there and kept" in words
    assert bucket.files("out") == files_of(alone)


@pytest.mark.slow
def test_from_folder_to_folder(model, tmp_path):
    folder = make_folder(tmp_path / "in", 40)
    end(start(model, folder, "--out", tmp_path / "alone"))
    status, words, errors = end(start(model, folder, "--out", tmp_path / "out", "--ray", **RAY))
    assert (status, errors) == (1, "")
    assert f"failed: {folder / '010x.png'}: not a picture that can be read" in words
    assert files_of(tmp_path / "out") == files_of(tmp_path / "alone")


@pytest.mark.slow
def test_a_group_that_processes_are_lost_on_is_named_and_the_others_done(model, tmp_path):
    """As by a file whose decoder crashes: here an actor ends when it comes to one."""
    folder = make_folder(tmp_path / "in", 70)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CRASHING)
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    status, words, errors = end(
        start(model, folder, "--out", tmp_path / "out", "--ray", **RAY, PYTHONPATH=path)
    )
    assert (status, errors) == (1, "")
    assert words.count("4 processes were lost on it or its neighbours") == 32
    assert len(files_of(tmp_path / "out")) == 70 - 32


CRASHING = """
import os, sys
from importlib.abc import MetaPathFinder

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "diptych.translation.jobs.pipeline":
            sys.meta_path.remove(self)
            from diptych.translation.translator import Translator
            read = Translator.read
            def crash(self, *paths):
                if paths[0].name == "040.png":
                    os.kill(os.getpid(), 9)
                return read(self, *paths)
            Translator.read = crash
        return None

sys.meta_path.insert(0, Finder())
"""


def test_without_ray_one_line_says_what_brings_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    model = make_model(tmp_path / "model.safetensors")
    folder = make_folder(tmp_path / "in", 2)
    assert run("translate", model, folder, "--out", tmp_path / "out", "--ray") == (
        2,
        "",
        "diptych: --ray needs Ray: pip install 'diptych[ray]'\n",
    )


def test_other_places_are_for_ray_alone(run, tmp_path):
    for words in (["s3://bucket/in", "--out", tmp_path], [tmp_path, "--out", "gs://bucket/out"]):
        status, _, errors = run("translate", tmp_path, *words)
        assert status == 2
        assert "other places than folders are read and written by --ray" in errors
