"""The page that a server shows, in a browser: the same as without a server, and the same pixels."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.export.page.canvas import pixels

httpx = pytest.importorskip("httpx", reason="asks as programs do, with httpx")


def opened(browser, server, model: str, **options):
    page = browser.new_page(**options)
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
    page.goto(f"{server.url}/models/{model}/")
    page.locator("#status", has_text="Ready.").wait_for()
    return page


def test_there_is_a_page_for_each_model_and_the_first_is_at_the_door(server):
    door = server.get("/")
    assert (door.status_code, door.headers["location"]) == (307, "models/emoji/")
    page = server.get("/models/plain/")
    assert "labels → colour" in page.text
    assert 'href="../emoji/"' in page.text
    assert "unsafe-eval" not in page.text + page.headers["content-security-policy"]
    assert server.get("/models/nobody/").status_code == 404
    assert server.get("/static/page.js").headers["content-type"].startswith("text/javascript")
    assert server.get("/static/..%2fapi.py").status_code == 404


def test_a_file_is_shown_as_it_is_translated(server, picture):
    answer = server.post("/shown/plain?called=a.png&before", picture.read_bytes()).json()
    assert (answer["width"], answer["height"], answer["name"]) == (48, 40, "a_translated.png")
    with Image.open(picture) as source:
        expected = np.asarray(server.models["plain"].translator(source))
    for part in ("after", "file"):
        found = Image.open(io.BytesIO(base64.b64decode(answer[part])))
        assert np.array_equal(np.asarray(found), expected)
    before = Image.open(io.BytesIO(base64.b64decode(answer["before"])))
    assert np.array_equal(np.asarray(before), np.asarray(Image.open(picture)))


def test_noise_differs_by_seed(server, picture):
    answers = [
        server.post(f"/shown/emoji?seed={seed}", picture.read_bytes()).json()["after"]
        for seed in (1, 1, 2)
    ]
    assert answers[0] == answers[1] != answers[2]


def test_a_drawing_gets_the_pixels_that_translate_gives_it(browser, server):
    page = opened(browser, server, "shoes", viewport={"width": 390, "height": 844})
    box = page.locator("#paper").bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    page.mouse.up()
    page.locator("#status", has_text=re.compile(r"^64×64 in \d+ ms, on the server$")).wait_for()
    translator = server.models["shoes"].translator
    source = pixels(page, "before")
    assert source.min() < 50
    assert np.array_equal(pixels(page, "after"), translator.apply(source))
    page.locator("#colour").fill("#3080c0")
    told = translator.told(colors=["#3080c0"]).apply(source).astype(int)
    assert np.abs(pixels(page, "after") - told).max() <= 1
    page.locator("#another").click()
    assert not np.array_equal(pixels(page, "after"), told)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not page.wrong
    assert {httpx.URL(url).host for url in page.asked if url.startswith("http")} == {"127.0.0.1"}
    page.close()


def test_pictures_that_no_browser_opens_are_shown_and_taken_away(browser, server, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    tifffile.imwrite(tmp_path / "field.tif", values, photometric="rgb")
    page = opened(browser, server, "plain")
    page.locator("#file").set_input_files(tmp_path / "field.tif")
    page.locator("#status", has_text="48×40 in").wait_for()
    assert np.array_equal(pixels(page, "before"), values)
    page.locator("#side").select_option("own")
    expected = server.models["plain"].translator.apply(values)
    assert np.array_equal(pixels(page, "after"), expected)
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "field_translated.png"
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page.locator("#file").set_input_files(tmp_path / "broken.png")
    page.locator("#status.wrong", has_text="broken.png: not a picture that can be read").wait_for()
    assert all("400" in words for words in page.wrong), "the browser's own words on that answer"
    page.close()


def test_pictures_to_try_and_many_at_once(browser, serving, picture, tmp_path):
    server = serving(samples=(f"plain={picture.parent}",), about="By <nobody>, for all.")
    page = opened(browser, server, "plain")
    assert "By <nobody>, for all." in page.locator("footer").inner_text()
    page.get_by_role("button", name="Sample 1").click()
    page.locator("#status", has_text="48×40 in").wait_for()
    with Image.open(picture) as source:
        assert np.array_equal(pixels(page, "before"), np.asarray(source))
    with page.expect_download() as download:
        page.locator("#many").set_input_files([picture, picture])
    assert download.value.suggested_filename == "translated.zip"
    assert Path(download.value.path()).stat().st_size > 1000
    page.close()


def test_the_page_opens_behind_its_token(browser, serving):
    word = "sixteen characters and more"
    server = serving(token=word)
    page = browser.new_page()
    page.goto(server.url)
    page.get_by_label("Token").fill(word)
    page.get_by_role("button", name="Open").click()
    page.locator("#status", has_text="Ready.").wait_for()
    page.close()
