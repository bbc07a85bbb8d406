"""What a page shows on its canvases."""

import base64
import io

import numpy as np
from PIL import Image


def pixels(page, name: str) -> np.ndarray:
    """Of a canvas, once the page has come to rest."""
    page.wait_for_timeout(60)  # in which the page gathers changes
    page.locator("#result[aria-busy=false]").wait_for()
    uri = page.locator(f"#{name}").evaluate("canvas => canvas.toDataURL()")
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return np.asarray(image.convert("RGB"))
