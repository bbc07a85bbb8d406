"""The slider of a report, by mouse, finger and keyboard, on a desk and on a phone."""

import io

import numpy as np
import pytest
from PIL import Image

from diptych.evaluation.evaluate import Evaluation, Row
from diptych.evaluation.gallery import Gallery
from diptych.evaluation.patches import Decisions, JudgedPair
from diptych.evaluation.report import write_report
from diptych.evaluation.summary import summarise

pytestmark = pytest.mark.slow

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def flat(value: int) -> np.ndarray:
    return np.full((142, 104, 3), value, np.uint8)


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    gallery = Gallery(judge="as it was at step 9")
    judged = JudgedPair(*(Decisions([np.full((2, 2), p)], (142, 104), None) for p in (0.9, 0.1)))
    scores = {"l1": 0.1, "psnr": 20.0, "ssim": 0.5}
    row = Row("tile", flat(0), flat(120), flat(240), scores, lambda: judged)
    gallery.add(row)
    pictures = (flat(0), flat(120), flat(240))
    gallery.open_with("South America", "Never seen.", pictures)
    scores = summarise([row.scores])
    names = ("bare satellite", "nearest training pair")
    evaluation = Evaluation(
        "test",
        ("satellite", "map"),
        scores,
        baselines=dict.fromkeys(names, scores),
        gains=dict.fromkeys(names, scores),
        images={row.name: row.scores},
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, evaluation, gallery, {"Model": "demo"})
    return path.as_uri()


@pytest.fixture(params=[WIDE, PHONE], ids=["wide", "phone"])
def page(request, browser, address):
    context = browser.new_context(viewport=request.param, has_touch=request.param is PHONE)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda sent: said.append(sent.url) if sent.url[:4] == "http" else None)
    page.goto(address)
    yield page
    assert not said
    context.close()


def shades(page) -> list[int]:
    """The picture's brightness a twentieth from the left and from the right edge."""
    with Image.open(io.BytesIO(page.locator(".stage").screenshot())) as shot:
        gray = shot.convert("L")
        low = round(0.9 * shot.height)  # below the labels and the handle
        return [gray.getpixel((round(x * shot.width), low)) for x in (0.05, 0.95)]


def at(page) -> float:
    return float(
        page.locator(".stage").evaluate("e => parseFloat(e.style.getPropertyValue('--at'))")
    )


def test_nothing_is_wider_than_the_window(page):
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


def test_source_lies_left_of_the_line_and_the_translated_right(page):
    assert at(page) == 50
    assert shades(page) == pytest.approx([0, 120], abs=3)


def test_the_mouse_drags_the_line(page):
    box = page.locator(".stage").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.99 * box["width"], middle)
    assert at(page) == pytest.approx(99, abs=0.5)
    assert shades(page) == pytest.approx([0, 0], abs=3)
    page.mouse.move(box["x"] - 50, middle)
    assert at(page) == 0
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    assert at(page) == 0


def test_a_tap_moves_the_line_and_a_finger_can_still_scroll(page):
    if page.viewport_size != PHONE:
        pytest.skip("no finger")
    box = page.locator(".stage").bounding_box()
    page.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    assert at(page) == pytest.approx(25, abs=1)
    assert page.locator(".stage").evaluate("e => getComputedStyle(e).touchAction") == "pan-y"


def test_the_keyboard_moves_the_line_and_says_so(page):
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert at(page) == 51
    page.keyboard.press("Home")
    assert at(page) == 0
    assert shades(page) == pytest.approx([120, 120], abs=3)
    assert slider.get_attribute("aria-label") == "Compare satellite and translated"
    assert slider.get_attribute("aria-valuetext") == "0 % satellite, the rest translated"
    focus = page.locator(".stage").evaluate("e => getComputedStyle(e).outlineStyle")
    assert focus == "solid"


def test_any_two_of_the_three_are_compared(page):
    page.get_by_text("translated | real map").click()
    assert shades(page) == pytest.approx([120, 240], abs=3)
    page.get_by_text("satellite | real map").click()
    assert shades(page) == pytest.approx([0, 240], abs=3)
    assert page.locator(".stage .right").text_content() == "real map"


def test_any_pair_can_be_put_under_the_slider(page):
    page.get_by_role("button", name="Compare tile under the slider").click()
    assert page.locator(".showpiece h2").text_content() == "tile"
    assert "SSIM 0.500" in " ".join(page.locator(".showpiece .muted").text_content().split())
    assert shades(page) == pytest.approx([0, 120], abs=3)


def test_one_switch_lays_errors_or_decisions_over_the_pictures(page):
    over = {kind: page.locator(f".pair .{kind}.over") for kind in ("errors", "patches")}
    scales = {kind: page.locator(f".gallery .scale.of-{kind}") for kind in over}
    for label, shown in (("Errors", ["errors"]), ("Discriminator", ["patches"]), ("Pictures", [])):
        page.locator("#over").get_by_text(label, exact=True).click()
        for kind, pictures in over.items():
            assert pictures.first.is_visible() == (kind in shown)
            assert scales[kind].is_visible() == (kind in shown)
    assert (over["errors"].count(), over["patches"].count()) == (1, 2)


def test_without_scripts_the_three_pictures_stand_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".showpiece .trio img").count() == 3
    assert page.locator(".showpiece .trio img").first.is_visible()
    assert not page.locator(".stage").is_visible()
    context.close()
