"""Make the picture of the page with a model, from a page of a model of emoji with samples.

python docs/make_page_picture.py page [sample]
"""

import functools
import io
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from diptych.images.writing import save_image


def main(folder: str, sample: str = "2") -> None:
    """A sample and its colours, the slider in the middle."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as play:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 900, "height": 860})
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#status", has_text="Ready.").wait_for()
        page.get_by_role("button", name=f"Sample {sample}").click()
        page.locator("#status", has_text=" ms").wait_for()
        page.locator("#compare").fill("35")
        page.evaluate("scrollTo(0, 0)")
        shot = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
        server.shutdown()
    picture = shot.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    save_image(picture, Path(__file__).parent / "images" / "web-page.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
