"""The command, run as a person runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.errors import DiptychError
from diptych.serving.models import load_models
from diptych.serving.server import (
    Settings,
    check_settings,
    example_pictures,
    listening,
    make_server,
)

httpx = pytest.importorskip("httpx", reason="asks as programs do, with httpx")


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_stop_and_leaves_nothing(model_files, picture, tmp_path):
    pytest.importorskip("fastapi", reason="needs pip install 'diptych[serve]'")
    (tmp_path / "aside").mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", f"emoji={model_files[0]}", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "aside")},
    )
    with server:
        assert server.stdout.readline() == "emoji: drawing → colour\n"
        address = server.stdout.readline().split()[0]
        answer = httpx.post(f"{address}/translate/emoji", content=picture.read_bytes(), timeout=30)
        assert answer.status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert not list((tmp_path / "aside").glob("diptych-*"))


@pytest.mark.parametrize(
    ("host", "settings", "words"),
    [
        ("0.0.0.0", {}, "--host 0.0.0.0: others could use it: give --token"),  # noqa: S104
        ("127.0.0.1", {"token": "short"}, "--token: 5 characters are too few: 16 or more"),
    ],
)
def test_others_may_use_it_only_where_that_was_said(host, settings, words):
    with pytest.raises(DiptychError, match=words):
        check_settings(host, Settings(**settings))
    check_settings(host, Settings(token="sixteen letters and more"))  # noqa: S106
    check_settings(host, Settings(open=True))


def test_models_have_names_and_are_whole(model_files, tmp_path):
    emoji, plain, _ = map(str, model_files)
    assert list(load_models([emoji, f"labels={plain}"], device="cpu")) == ["emoji", "labels"]
    with pytest.raises(DiptychError, match="two models called 'emoji'; give NAME="):
        load_models([emoji, emoji], device="cpu")
    with pytest.raises(DiptychError, match="'a b' cannot be a name"):
        load_models([f"a b={emoji}"], device="cpu")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(Path(emoji).read_bytes()[:5000])
    for model, words in ((broken, "not a whole safetensors file"), ("nowhere", "no such model")):
        with pytest.raises(DiptychError, match=words):
            load_models([f"x={model}"], device="cpu")


@pytest.mark.parametrize(
    ("pairs", "recipe", "score", "never"),
    [
        ({"train": 90, "val": 5, "test": 10}, {}, ", and did not learn from", "10 test pairs"),
        # val stands in for a missing test split; train for both, where there are too few pairs.
        ({"train": 90, "val": 5, "test": 5}, {"test": "val"}, ", and did not learn from", None),
        ({"train": 4, "val": 4, "test": 4}, {}, "pairs that it was chosen by", None),
        ({}, {}, "pairs that it was chosen by", None),
    ],
)
def test_what_the_model_never_saw_is_said_rightly(pairs, recipe, score, never, model_files):
    """The validation pairs it saw: it was chosen by them."""
    (served,) = load_models([str(model_files[0])], device="cpu").values()
    header = served.translator.header
    served.translator.header = header.model_copy(
        update={
            "dataset": header.dataset.model_copy(update={"pairs": pairs}),
            "scores": {"features": 0.25},
            "recipe": {"data": header.recipe["data"] | recipe},
        }
    )
    facts = served.facts
    assert facts["Feature distance in validation"].startswith("0.250 (0 is the best), on pairs")
    assert facts["Feature distance in validation"].endswith(score)
    assert facts.get("Never saw") == never
    assert not any("never saw" in fact for fact in facts)


def test_pictures_to_try_are_for_one_model_or_for_all(model_files, picture, tmp_path):
    models = load_models(list(map(str, model_files[:2])), device="cpu")
    assert example_pictures([str(tmp_path)], models) == {"emoji": [picture], "plain": [picture]}
    assert example_pictures([f"plain={tmp_path}"], models) == {"plain": [picture]}
    (tmp_path / "none").mkdir()
    for given, words in ((str(tmp_path / "none"), "no pictures there"), ("x=y", "called 'x'")):
        with pytest.raises(DiptychError, match=words):
            example_pictures([given], models)


def test_a_port_in_use_is_said():
    with (
        listening("127.0.0.1", 0) as taken,
        pytest.raises(DiptychError, match="cannot listen there: Address already in use"),
        listening("127.0.0.1", taken.getsockname()[1]),
    ):
        pass


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("diptych.serving.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    words = r"pip install 'diptych\[serve\]' \(fastapi is missing\)"
    with pytest.raises(DiptychError, match=words):
        make_server({}, Settings())
