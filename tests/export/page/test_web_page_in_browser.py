"""A page from a plain file server, in a browser: it gives the pictures that `translate` gives."""

import base64
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.page.canvas import pixels
from tests.translation.looks import translator_with_looks

from diptych.export.page.web_page import export_page, write_page
from diptych.export.page.web_runtime import CDN, FILES
from diptych.export.parity import Parity
from diptych.images.rgb import read_image
from diptych.translation.network_translator import NetworkTranslator

SIDE = 64


def served(folder: Path) -> Iterator[str]:
    """By the server that comes with Python, as somebody would try it."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        yield re.search(r"http://[\d.:]+/", server.stdout.readline())[0]
        server.kill()


@pytest.fixture(scope="session")
def site(page_folder) -> Iterator[str]:
    yield from served(page_folder)


def opened(browser, site: str, **options):
    """The page with its model ready, what it asked for, and what went wrong in it."""
    page = browser.new_context(**options).new_page()
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(site)
    page.locator("#status", has_text="Ready.").wait_for()
    return page


@pytest.fixture(scope="module")
def shared_page(browser, site):
    return opened(browser, site)


@pytest.fixture
def page(shared_page):
    shared_page.locator("#clear").evaluate("button => button.click()")
    yield shared_page
    assert not shared_page.wrong


def stroke(page, *points: tuple[float, float]) -> None:
    box = page.locator("#paper").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def farthest(page, page_translator) -> int:
    """Levels between the page's result and what the model makes of the page's source."""
    expected = page_translator.translate(pixels(page, "before")[None])[0]
    assert expected.std() > 1
    found = pixels(page, "after")
    assert found.shape == expected.shape
    return int(np.abs(found.astype(int) - expected).max())


def test_a_drawing_gets_the_colours_that_translate_gives_it(page, page_translator):
    stroke(page, (0.2, 0.2), (0.8, 0.3), (0.5, 0.8), (0.2, 0.2))
    page.locator("#status", has_text=re.compile(r"^64×64 in \d+ ms, on your processor$")).wait_for()
    source = pixels(page, "before")
    assert source.min() < 30
    assert (source == 255).mean() > 0.6
    assert farthest(page, page_translator) <= 1


def test_nothing_is_asked_of_others(page, site):
    assert all(url.startswith((site, "blob:", "data:")) for url in page.asked)
    assert any(url.endswith("model.onnx") for url in page.asked)
    refused = """() => new Promise((say) => {
      addEventListener("securitypolicyviolation", (event) => say(event.effectiveDirective));
      fetch("http://127.0.0.1:9/").catch(() => {});
    })"""
    assert page.evaluate(refused) == "connect-src"
    (worker,) = page.workers
    assert worker.evaluate(refused) == "connect-src"


def test_lines_are_taken_back_erased_and_cleared(page):
    stroke(page, (0.1, 0.5), (0.9, 0.5))
    stroke(page, (0.5, 0.1), (0.5, 0.9))
    cross = pixels(page, "before")
    page.keyboard.press("Control+z")
    line = pixels(page, "before")
    assert (line < 128).sum() < (cross < 128).sum()
    page.get_by_text("Eraser", exact=True).click()
    page.locator("#width").fill("4")
    stroke(page, (0.05, 0.5), (0.95, 0.5))
    assert (pixels(page, "before") == 255).all()
    page.locator("#undo").click()
    np.testing.assert_array_equal(pixels(page, "before"), line)
    page.locator("#clear").click()
    assert page.locator("#hint").is_visible()
    page.locator("#download:disabled").wait_for()
    page.get_by_text("Pen", exact=True).click()
    page.locator("#width").fill("1")


def test_it_is_drawn_on_by_keyboard(page, page_translator):
    page.locator("#paper").focus()
    for key in (" ", *["ArrowRight"] * 15, *["ArrowDown"] * 9, " ", "ArrowLeft"):
        page.keyboard.press(key)
    source = pixels(page, "before")
    assert 60 < (source < 128).all(-1).sum() < 100  # 24 steps of one pixel, about 3 wide
    assert farthest(page, page_translator) <= 1


def test_pictures_are_opened_dropped_and_pasted(page, page_translator, tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    picture = Image.fromarray(random).resize((120, 90), Image.Resampling.NEAREST)
    picture.save(tmp_path / "brought.png")
    uri = base64.b64encode((tmp_path / "brought.png").read_bytes()).decode()
    give = """([uri, kind]) => {
      const bytes = Uint8Array.from(atob(uri), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "brought.png", { type: "image/png" }));
      dispatchEvent(kind === "drop"
        ? new DragEvent("drop", { dataTransfer: data, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: data }));
    }"""
    for way in ("open", "drop", "paste"):
        page.locator("#clear").evaluate("button => button.click()")
        if way == "open":
            page.locator("#file").set_input_files(tmp_path / "brought.png")
        else:
            page.evaluate(give, [uri, way])
        page.locator("#status", has_text="64×48 in").wait_for()
        assert farthest(page, page_translator) <= 1
    page.locator("#side").select_option("128")
    page.locator("#status", has_text="128×96 in").wait_for()
    near = np.asarray(picture.resize((128, 96), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(pixels(page, "before") - near).mean() < 5
    page.locator("#side").select_option("64")


def test_what_is_no_picture_is_said(page, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page.locator("#file").set_input_files(tmp_path / "notes.png")
    page.locator("#status.wrong", has_text="notes.png: not a picture").wait_for()
    stroke(page, (0.1, 0.5), (0.9, 0.5))
    page.locator("#status:not(.wrong)", has_text="64×64").wait_for()


def test_the_camera_gives_a_picture(page, page_translator):
    page.locator("#camera").click()
    page.locator("#viewfinder").wait_for()
    page.get_by_role("button", name="Take the picture").click()
    page.locator("#status", has_text="64×48").wait_for()
    assert pixels(page, "before").std() > 10
    assert farthest(page, page_translator) <= 1
    assert page.locator("#camera").text_content() == "Camera"


def test_samples_the_slider_and_the_download(page, page_pairs, page_translator, tmp_path):
    page.get_by_role("button", name="Sample 2").click()
    page.locator("#status", has_text="64×64").wait_for()
    np.testing.assert_array_equal(
        pixels(page, "before"), np.asarray(read_image(page_pairs / "train" / "1.png"))[:, :SIDE]
    )
    page.locator("#compare").fill("100")
    shown = page.locator("#before").evaluate("canvas => getComputedStyle(canvas).clipPath")
    assert shown == "inset(0px 0% 0px 0px)"
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "colour.png"
    download.value.save_as(tmp_path / "colour.png")
    np.testing.assert_array_equal(
        np.asarray(read_image(tmp_path / "colour.png")), pixels(page, "after")
    )


def test_on_a_phone_a_finger_draws_and_nothing_sticks_out(browser, site):
    phone = opened(
        browser, site, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    box = phone.locator("#paper").bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    phone.locator("#status", has_text="64×64").wait_for()
    assert (pixels(phone, "before")[30:34, 30:34] < 128).any()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert phone.locator("#paper").evaluate("c => getComputedStyle(c).touchAction") == "none"
    phone.context.close()


def test_without_looks_there_is_no_choice_of_colours(page):
    assert page.locator("#looks").is_hidden()
    assert page.locator("#looks-help").is_hidden()


@pytest.mark.slow
def test_a_residual_u_net_in_the_browser_takes_the_looks_that_told_takes(
    browser, web_runtime, page_pairs, page_translator, tmp_path
):
    """Edges that are continued, and pixels that are repeated, are the same there too."""
    model = translator_with_looks()
    changes = {"generator": model.header.generator, "look": model.header.look}
    header = page_translator.header.model_copy(update=changes)
    translator = NetworkTranslator(header, model.generator)
    export_page(translator, tmp_path / "page", page_pairs, precision="fp32", runtime=web_runtime)
    brought = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(brought).save(tmp_path / "brought.png")
    give = """(uri) => {
      const bytes = Uint8Array.from(atob(uri), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "brought.png", { type: "image/png" }));
      document.querySelector("#after").dispatchEvent(
        new DragEvent("drop", { dataTransfer: data, cancelable: true, bubbles: true }));
    }"""
    uri = base64.b64encode((tmp_path / "brought.png").read_bytes()).decode()
    for address in served(tmp_path / "page"):
        page = opened(browser, address)
        stroke(page, (0.2, 0.2), (0.8, 0.3), (0.5, 0.8), (0.2, 0.2))
        page.locator("#status", has_text=re.compile(r"^64×64 in ")).wait_for()
        assert farthest(page, translator) <= 1
        page.locator("#colour").fill("#3080c0")
        assert farthest(page, translator.told(colors=["#3080c0"])) <= 1
        page.locator("#like").set_input_files(tmp_path / "brought.png")
        assert farthest(page, translator.told(like=brought)) <= 1
        page.locator("#untold").click()
        assert farthest(page, translator) <= 1
        page.evaluate(give, uri)
        page.locator("#like-label.chosen").wait_for()
        assert farthest(page, translator.told(like=brought)) <= 1
        swatch = page.locator("#swatches button").first
        swatch.click()
        assert swatch.get_attribute("aria-pressed") == "true"
        assert farthest(page, translator.told(look=np.array(model.header.look.examples[0]))) <= 1
        page.locator("#another").click()
        drawn = pixels(page, "after")
        page.locator("#another").click()
        assert not np.array_equal(drawn, pixels(page, "after"))
        assert not page.wrong
        page.context.close()


def test_with_a_cdn_its_files_alone_come_from_elsewhere(
    page_folder, page_translator, web_runtime, browser, tmp_path
):
    parity = Parity.model_validate_json((page_folder / "model.parity.json").read_text())
    shutil.copy(page_folder / "model.onnx", tmp_path)
    write_page(tmp_path, page_translator.header, parity, None, "", runtime=None)
    assert not (tmp_path / "runtime").exists()
    context = browser.new_context()
    elsewhere = []

    def give(route) -> None:  # in place of the CDN, which tests do not ask
        elsewhere.append(route.request.url)
        content = web_runtime[route.request.url.removeprefix(CDN)]
        route.fulfill(body=content, headers={"Access-Control-Allow-Origin": "*"})

    context.route(CDN + "*", give)
    for address in served(tmp_path):
        page = context.new_page()
        page.goto(address)
        page.locator("#status", has_text="Ready.").wait_for()
    assert sorted(elsewhere) == sorted(CDN + file.name for file in FILES[:2])
    context.close()
