"""The page, by its functions for other programs and in a browser."""

import zipfile
from pathlib import Path

import pytest
from PIL import Image

httpx = pytest.importorskip("httpx", reason="needs Gradio: pip install 'diptych[serve]'")

# Gradio leaves files that it sends to the collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def client(server):
    from gradio_client import Client

    client = Client(server.url, verbose=False)
    yield client
    client.close()


def file(path: Path):
    from gradio_client import handle_file

    return handle_file(path)


def test_a_program_translates_by_name(client, server, picture):
    result = client.predict(file(picture), "plain", api_name="/translate")
    with Image.open(result) as found, Image.open(picture) as source:
        expected = server.models["plain"].translator(source)
        assert list(found.get_flattened_data()) == list(expected.get_flattened_data())


def test_samples_differ_and_are_the_same_again(client, picture):
    first = client.predict(file(picture), "emoji", 3, 7, api_name="/samples")
    again = client.predict(file(picture), "emoji", 3, 7, api_name="/samples")
    assert [Path(path).stem for path in first] == ["sample_1", "sample_2", "sample_3", "spread"]
    pixels = [Path(path).read_bytes() for path in first]
    assert len(set(pixels)) == 4
    assert pixels == [Path(path).read_bytes() for path in again]
    with pytest.raises(Exception, match=r"1 to 16|between|maximum"):
        client.predict(file(picture), "emoji", 1000, 7, api_name="/samples")
    with pytest.raises(Exception, match="no noise to vary"):
        client.predict(file(picture), "plain", 3, 7, api_name="/samples")


def test_a_batch_is_a_zip_that_tells_what_failed(client, picture, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    bundle = client.predict([file(picture), file(text)], "emoji", False, api_name="/batch")
    with zipfile.ZipFile(bundle) as opened:
        assert opened.namelist() == ["001_drawing_translated.png", "not-translated.txt"]
        told = opened.read("not-translated.txt").decode()
    assert told == "notes.txt: not a picture that can be read\n"


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "http://127.0.0.1:9/picture.png", "{folder}/../x"]
)
def test_only_what_was_uploaded_is_translated(server, path):
    given = {"path": path.format(folder=server.folder), "meta": {"_type": "gradio.FileData"}}
    called = server.url + "/gradio_api/call/translate"
    event = httpx.post(called, json={"data": [given, "emoji", False]}).json()["event_id"]
    told = httpx.get(f"{called}/{event}", timeout=20).text
    assert "event: error" in told
    assert "give the picture itself" in told


def test_an_unknown_model_is_said(client, picture):
    with pytest.raises(Exception, match="no model called 'nobody'; there are: emoji, plain"):
        client.predict(file(picture), "nobody", api_name="/translate")


# In a browser.


def test_from_a_drawing_to_a_result_and_no_request_leaves(browser, server, picture):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.url)
    page.locator("input[type=file]").first.set_input_files(picture)
    page.wait_for_function("document.querySelector('img[src*=\"after.png\"]')?.naturalWidth > 0")
    width = page.evaluate("document.querySelector('img[src*=\"after.png\"]').naturalWidth")
    assert width == 48  # brought to the scale it learned at, and back

    joined = sum("queue/join" in url for url in asked)
    page.get_by_role("tab", name="Draw").first.click()
    box = page.locator(".draw canvas").first.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelectorAll('img[src*=\"after.png\"]').length == 2")
    assert sum("queue/join" in url for url in asked) == joined + 1

    page.get_by_role("tab", name="Picture").first.click()
    broken = picture.with_name("broken.png")
    broken.write_bytes(b"no picture")
    page.locator("input[type=file]").first.set_input_files(broken)
    page.get_by_text("broken.png: not a picture that can be read").first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # nothing to the side
    assert "Gradio" not in page.inner_text("body")
    assert not errors
    assert {httpx.URL(url).host for url in asked if url.startswith("http")} == {"127.0.0.1"}
    page.close()


def test_a_picture_to_try_is_translated_with_a_click(browser, serving, picture):
    server = serving(samples=(f"plain={picture.parent}",))
    page = browser.new_page()
    page.goto(server.url)
    page.get_by_role("tab", name="plain").click()
    page.locator(".gallery-item").first.click()
    page.wait_for_function("document.querySelector('img[src*=\"after.png\"]')?.naturalWidth > 0")
    page.close()


def test_the_page_opens_behind_its_token(browser, serving):
    word = "sixteen characters and more"
    server = serving(token=word)
    page = browser.new_page()
    page.goto(server.url)
    page.get_by_label("Token").fill(word)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("tab", name="Picture").first.wait_for()
    page.close()
