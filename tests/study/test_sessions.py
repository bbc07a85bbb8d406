"""The study as raters meet it: over HTTP, and in a browser."""

import contextlib
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from tests.fuzz import altered, check_line, damaged, fuzzed, give

from diptych.config import load_recipe
from diptych.errors import DiptychError
from diptych.evaluation.results import results_of
from diptych.study.sessions import Design, RefusedError, Study, keep_design
from diptych.study.study_pictures import Pictures, make_pictures
from diptych.study.study_results import outcome, read_ratings
from diptych.study.study_server import StudyServer


@pytest.fixture
def pictures(tmp_path) -> Pictures:
    """Of sixty made-up pairs: photos are bright noise, translated pictures dark."""
    random = np.random.default_rng(0)
    for i in range(60):
        real = random.integers(200, 256, (64, 64, 3), np.uint8)
        pair = np.concatenate([real, 255 - real], axis=1)
        (tmp_path / "pairs" / "test").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pair).save(tmp_path / "pairs" / "test" / f"{i:02}.png")
        (tmp_path / "made").mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), (20, 20, i)).save(tmp_path / "made" / f"{i:02}.png")
    back = load_recipe("pix2pix", ["data.direction=b_to_a"])
    results = results_of(tmp_path / "made", tmp_path / "pairs", recipe=back)
    return make_pictures(results, 50)


@contextlib.contextmanager
def serving(study: Study) -> Iterator[StudyServer]:
    with StudyServer(study, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Rater:
    """Asks as the page does."""

    def __init__(self, server: StudyServer) -> None:
        self.port = server.server_port

    def ask(self, method: str, path: str, content: object = None, **headers: str):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = {"Content-Type": "application/json", **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body if method == "POST" else None, given)
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.headers

    def post(self, path: str, content: object) -> dict:
        status, said, _ = self.ask("POST", path, content)
        assert status == 200, said
        return json.loads(said)

    def picture(self, name: str) -> bytes:
        status, content, headers = self.ask("GET", f"/pictures/{name}")
        assert (status, headers["Content-Type"]) == (200, "image/png")
        return content


def brightness(png: bytes) -> float:
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        return float(np.asarray(picture.convert("L")).mean())


def go_through(rater: Rater, count: int, wrong_every: int = 0) -> str:
    said = rater.post("/begin", {})
    name, trial = said["rater"], said["trial"]
    for number in range(1, count + 1):
        sides = [rater.picture(trial[side]) for side in ("left", "right")]
        assert len(sides[0]) == len(sides[1])
        left = brightness(sides[0]) > brightness(sides[1])
        fooled = bool(wrong_every) and number % wrong_every == 0
        answer = {"rater": name, "trial": number, "left": left != fooled, "seconds": 0.5}
        said = rater.post("/answer", answer)
        assert ("correct" in said) == trial["practice"]
        if trial["practice"]:
            assert said["correct"] != fooled
        assert rater.ask("GET", f"/pictures/{trial['left']}")[0] == 404
        trial = said["trial"]
    return name


def test_raters_go_through_it_and_the_rate_is_of_those_who_finished(pictures, tmp_path):
    design, finished = Design(practice=10, trials=40), []
    keep_design(tmp_path / "out", {}, design)
    with serving(Study(pictures, design, tmp_path / "out", finished.append)) as server:
        names = [go_through(Rater(server), 50, wrong) for wrong in (0, 4, 10)]
        go_through(Rater(server), 20, 2)
    assert finished == names
    ratings = {rating.rater: rating for rating in read_ratings(tmp_path / "out")}
    assert [ratings[name].fooled for name in names] == [0, 10, 4]
    found = outcome(list(ratings.values()))
    assert (found.raters, found.unfinished, found.trials, found.over) == (3, 1, 120, "raters")
    assert found.rate.mean == pytest.approx(14 / 120)
    assert found.error == pytest.approx(np.std([0, 0.25, 0.1], ddof=1) / np.sqrt(3))


def test_each_rater_has_an_order_of_its_own_and_no_picture_twice(pictures):
    orders = [pictures.trials(50, False, (0, rater)) for rater in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    for order in orders[:2]:
        assert len({trial.translated for trial in order}) == 50
        assert all(trial.photo == trial.translated for trial in order)
        assert sum(trial.photo_left for trial in order) == 25
    others = pictures.trials(50, True, (0, 1))
    assert all(trial.photo != trial.translated for trial in others)
    assert len({trial.photo for trial in others}) == 50


def test_what_a_browser_should_not_ask_is_refused_and_the_study_goes_on(pictures, tmp_path):
    with serving(Study(pictures, Design(), tmp_path / "out")) as server:
        said = Rater(server).post("/begin", {})
        right = {"rater": said["rater"], "trial": 1, "left": True, "seconds": 1}
        for path in ("/study.json", "/../study.py", "/pictures/", "/pictures/../study.html", "/x"):
            assert Rater(server).ask("GET", path)[0] == 404, path
        for wrong in (
            {"trial": 2},
            {"trial": 0},
            {"trial": True},
            {"trial": "1"},
            {"rater": "none"},
            {"rater": ["x"]},
            {"left": 1},
            {"seconds": -1},
            {"seconds": float("nan")},
        ):
            assert Rater(server).ask("POST", "/answer", right | wrong)[0] == 409, wrong
        for content in (b"", b"{", b"[]", b"[" * 900, b"\xff"):
            assert Rater(server).ask("POST", "/answer", content)[0] == 409, content
        plain = Rater(server).ask("POST", "/answer", right, **{"Content-Type": "text/plain"})
        assert plain[0] == 415  # as a page elsewhere could send it
        assert Rater(server).ask("POST", "/answer", b" " * 1001)[0] == 413
        assert Rater(server).ask("POST", "/elsewhere", {})[0] == 404
        assert not (tmp_path / "out").exists()
        status, page, headers = Rater(server).ask("GET", "/")
        assert status == 200
        assert b"Which one is real?" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        rater = Rater(server)
        rater.post("/answer", right)
        status, error, _ = rater.ask("POST", "/answer", right)
        assert (status, json.loads(error)["error"]) == (409, "this trial was answered already")


@pytest.fixture
def asked(pictures, tmp_path) -> Iterator[Rater]:
    with serving(Study(pictures, Design(), tmp_path / "out")) as server:
        yield Rater(server)


RIGHT = {"rater": "0", "trial": 1, "left": True, "seconds": 1.0}


@fuzzed(path=st.sampled_from(["/answer", "/begin", "/"]), draw=st.data())
def test_fuzzed_answers(path, draw, asked):
    """Whatever hypothesis makes up, it is answered, in one line where it is wrong."""
    made_up = st.builds(lambda tables: json.dumps(tables).encode(), altered([RIGHT]))
    content = draw.draw(made_up | damaged([json.dumps(RIGHT).encode()]))
    status, body, _ = give(lambda: asked.ask("POST", path, content))
    assert status in {200, 404, 409, 413}
    if status != 200:
        check_line(json.loads(body)["error"])


def test_nobody_is_pushed_out_but_who_went_away(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("diptych.study.sessions.MOST_AT_ONCE", 3)
    study = Study(pictures, Design(), tmp_path / "out")
    begun = [study.begin() for _ in range(3)]
    with pytest.raises(RefusedError, match="too many take part just now"):
        study.begin()
    assert study.picture(begun[0]["trial"]["left"]) is not None
    monkeypatch.setattr("diptych.study.sessions.IDLE", -1.0)
    monkeypatch.setattr("diptych.study.sessions.NEW", -1.0)
    assert study.begin()["trial"]["number"] == 1
    assert study.picture(begun[0]["trial"]["left"]) is None


def test_who_only_begins_keeps_nobody_out_for_long(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("diptych.study.sessions.MOST_AT_ONCE", 3)
    study = Study(pictures, Design(), tmp_path / "out")
    begun = [study.begin() for _ in range(3)]
    assert study.answer(begun[1]["rater"], 1, True, 1.0)
    monkeypatch.setattr("diptych.study.sessions.NEW", -1.0)
    for _ in range(3):  # of a flood each pushes out the one before
        study.begin()
    with pytest.raises(RefusedError, match="this session is over"):
        study.answer(begun[0]["rater"], 1, True, 1.0)
    assert study.answer(begun[1]["rater"], 2, True, 1.0), "who answers stays"


def test_another_study_is_not_mixed_in(tmp_path):
    keep_design(tmp_path, {"judged": "runs/a"}, Design())
    keep_design(tmp_path, {"judged": "runs/a"}, Design())
    with pytest.raises(DiptychError, match=r"holds a study with seconds 1\.0, not 0\.5"):
        keep_design(tmp_path, {"judged": "runs/a"}, Design(seconds=0.5))
    (tmp_path / "study.json").write_text("[")
    with pytest.raises(DiptychError, match="damaged"):
        keep_design(tmp_path, {"judged": "runs/a"}, Design())


def test_an_address_that_is_taken_is_one_line(pictures, tmp_path):
    study = Study(pictures, Design(), tmp_path)
    with (
        StudyServer(study, "127.0.0.1", 0) as first,
        pytest.raises(DiptychError, match=f"--port {first.server_port}: cannot listen there"),
    ):
        StudyServer(study, "127.0.0.1", first.server_port)


# In a browser.


# Which of the two pictures on the page is brighter, as drawn on a canvas.
BRIGHTER = """() => {
  const mean = (id) => {
    const image = document.getElementById(id), canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value) => sum + value, 0);
  };
  return mean("left") > mean("right") ? "left" : "right";
}"""
# How long the pictures were seen, trial by trial, by the browser's own frames.
WATCH = """() => {
  window.seen = [];
  let since = null;
  const look = (now) => {
    const shown = document.getElementById("stage").classList.contains("shown");
    if (shown && since === null) since = now;
    if (!shown && since !== null) { window.seen.push(now - since); since = null; }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def rate_in(page, count: int, folder: Path | None = None) -> None:
    """Go through the page by keyboard, always right; screenshots go to the folder."""
    page.locator("#start:enabled").wait_for()
    page.evaluate(WATCH)
    page.keyboard.press("Enter")
    for number in range(count):
        if folder is not None and number == 0:
            page.locator("#stage.shown").wait_for()
            page.screenshot(path=folder / "shown.png")
        page.keyboard.press("ArrowLeft")  # too early, and so nothing
        page.locator("#choose-left:enabled").wait_for()
        if folder is not None and number == 0:
            page.screenshot(path=folder / "asked.png")
        side = page.evaluate(BRIGHTER)
        page.keyboard.press("ArrowLeft" if side == "left" else "ArrowRight")
        if page.locator("#next").is_visible() or "Practice" in page.inner_text("#progress"):
            page.locator("#next:visible").wait_for()
            assert page.inner_text("#said").startswith("Yes")
            if folder is not None and number == 0:
                page.screenshot(path=folder / "feedback.png")
            page.keyboard.press("Enter")
    page.locator("#end:visible").wait_for()


@pytest.mark.slow
def test_a_rater_in_a_browser(browser, pictures, tmp_path):
    design = Design(practice=1, trials=2, seconds=1.0)
    keep_design(tmp_path / "out", {}, design)
    with serving(Study(pictures, design, tmp_path / "out")) as server:
        page = browser.new_page()
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 - it is marked
        page.goto(server.address)
        rate_in(page, design.whole)
        seen = page.evaluate("window.seen")
    assert not errors
    assert all(address.startswith(server.address) for address in asked)
    (rating,) = read_ratings(tmp_path / "out")
    assert (rating.trials, rating.fooled, rating.finished) == (2, 0, True)
    assert len(seen) == 3
    assert all(milliseconds >= 1000 - 20 for milliseconds in seen)


def test_a_page_elsewhere_that_points_here_is_not_answered(pictures, tmp_path):
    study = Study(pictures, Design(), tmp_path / "out")
    with serving(study) as server:
        rater = Rater(server)
        for method, path in (("GET", "/"), ("POST", "/begin")):
            status, said, _ = rater.ask(method, path, {}, Host="evil.example")
            assert status == 403
            assert b"open on its machine only" in said
        assert rater.ask("GET", "/", Host=f"localhost:{rater.port}")[0] == 200


def test_connections_without_a_word_are_bounded_and_long_lengths_are_said(
    pictures, tmp_path, monkeypatch
):
    most = threading.active_count() + 5
    monkeypatch.setattr("diptych.study.study_server._MOST_CONNECTIONS", most)
    study = Study(pictures, Design(), tmp_path / "out")
    with serving(study) as server, contextlib.ExitStack() as held:
        place = "127.0.0.1", server.server_port
        silent = [held.enter_context(socket.create_connection(place, timeout=5)) for _ in range(20)]
        assert silent[-1].recv(1) == b"", "one too many is closed"
        assert threading.active_count() <= most + 1
        held.close()
        while threading.active_count() > most - 3:
            time.sleep(0.01)
        rater = Rater(server)
        status, said, _ = rater.ask("POST", "/begin", {}, **{"Content-Length": "9" * 5000})
        assert status == 413
        assert b"too long" in said
