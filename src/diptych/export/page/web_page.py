"""A model as a folder of static files: a page that runs it in the visitor's browser."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from diptych.data.pairs import cut_panel, evenly_spread
from diptych.errors import DiptychError
from diptych.export.onnx_export import export_onnx, proof_pairs
from diptych.export.onnx_precision import Precision
from diptych.export.page.index_page import Kind, page_facts, page_files, page_html, page_side
from diptych.export.page.line_drawing import Pen, pen_of
from diptych.export.page.web_runtime import CDN, LICENSE, RUNTIMES, VERSION
from diptych.export.parity import Parity
from diptych.images.domain import Domain
from diptych.images.files import find_images
from diptych.images.writing import save_image
from diptych.model_file import Header
from diptych.translation.jobs.file_plan import check_side
from diptych.translation.network_translator import NetworkTranslator
from diptych.whole_file import write_whole

MODEL, RUNTIME, SAMPLES = "model.onnx", "runtime", "samples"
MARK = '<meta name="generator" content="diptych">'
SHOWN = 8  # samples at most
POLICY = (
    "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "connect-src 'self' CDN; img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
PROMISE = "Your pictures stay on your machine: the model runs in this browser, and nothing is sent."
TERMS = ("CREDITS.txt", "TERMS.txt")  # in a folder of pairs


def export_page(
    translator: NetworkTranslator,
    folder: Path,
    data: Path,
    *,
    precision: Precision = "fp16",
    runtime: Mapping[str, bytes] | None,
    samples: Sequence[Image.Image] = (),
    least_psnr: float | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Parity:
    """Write the page's files into `folder`, the model among them, proved on pairs of `data`.

    `runtime`: the files of ONNX Runtime Web, as `runtime_by_npm` gives them; None has the browser
    of every visitor fetch them from a CDN. `samples`: pictures that visitors may choose. Raises
    DiptychError where the model's source or target is no 8-bit picture, where `folder` holds
    another page, or as `export_onnx`.
    """
    header = translator.header
    check_page(header, folder)
    parity = export_onnx(
        translator,
        folder / MODEL,
        data,
        precision=precision,
        least_psnr=least_psnr,
        look_is_said=True,  # browsers' runtime knows no inputs that may be left out
        on_step=on_step,
    )
    sources = [source for source, _ in proof_pairs(translator, data, precision)[0]]
    named = next((data / name for name in TERMS if (data / name).is_file()), None)
    terms = named.read_text("utf-8", "replace") if named else ""
    write_page(folder, header, parity, pen_of(sources), terms, runtime, samples)
    return parity


def write_page(
    folder: Path,
    header: Header,
    parity: Parity,
    pen: Pen | None,
    terms: str,
    runtime: Mapping[str, bytes] | None,
    samples: Sequence[Image.Image] = (),
) -> None:
    """Write all but the model, which lies in `folder` already. `pen`: to draw sources with."""
    for name, content in (runtime or {}).items():
        write_whole(folder / RUNTIME / name, content)
    if runtime:
        write_whole(folder / RUNTIME / "LICENSE.txt", LICENSE)
    for path in (folder / SAMPLES).glob("*.png"):
        if re.fullmatch(r"\d+\.png", path.name):  # of an earlier export
            path.unlink()
    names = [f"{SAMPLES}/{i}.png" for i in range(1, len(samples) + 1)]
    for name, sample in zip(names, samples, strict=True):
        save_image(sample, folder / name)
    for name, content in page_files().items():
        write_whole(folder / name, content)
    place = f"{RUNTIME}/" if runtime else CDN
    runtimes = {
        engine: {part: file.facts(place) for part, file in parts.items()}
        for engine, parts in RUNTIMES.items()
    }
    settings = {
        "engine": "./worker_engine.js",
        "model": {"url": MODEL, "bytes": (folder / MODEL).stat().st_size},
        "halves": parity.precision == "fp16",
        "runtimes": runtimes,
        "pen": pen.model_dump() if pen else None,
        "samples": [{"url": name, "small": name} for name in names],
    }
    model = (
        f"{header.generator.name}, {header.source.name} to {header.target.name}, "
        f"{parity.megabytes:.1f} MB as {parity.precision}"
    )
    runs = f"diptych {header.version}, ONNX Runtime Web {VERSION}" + " from a CDN" * (not runtime)
    facts = {"Model": model, **page_facts(header), "Runs with": runs}
    kind = Kind(POLICY.replace("'self' CDN", "'self'" if runtime else f"'self' {CDN}"), PROMISE)
    write_whole(folder / "index.html", page_html(header, kind, settings, facts, terms))


def check_page(header: Header, folder: Path) -> None:
    """Raise DiptychError where there can be no page of that model, or not in that folder."""
    for side, domain in (("source", header.source), ("target", header.target)):
        if not domain.is_picture or domain.array_channels != 3:
            raise DiptychError(
                "--to web: a page takes 8-bit pictures in colours and shows them; this model's "
                f"{side}, {domain.name}, is {_kind(domain)}: --to onnx takes it"
            )
    if header.target_size is not None:
        raise DiptychError(
            "--to web: a page keeps the shape of pictures; this model's source and target differ "
            "in shape: --to onnx takes it"
        )
    index = folder / "index.html"
    if folder.is_file() or (index.exists() and MARK not in index.read_text("utf-8", "replace")):
        raise DiptychError(f"{folder}: holds something else; name a folder that is new or empty")


def _kind(domain: Domain) -> str:
    return {
        "rgba": "a picture with holes",
        "gray": "gray",
        "labels": "an index of a class in each pixel",
        "several": "several pictures",
    }.get(domain.kind, f"{domain.dtype} values")


def read_samples(
    translator: NetworkTranslator, places: Sequence[Path], side: str | None
) -> list[Image.Image]:
    """Pictures for visitors to choose from: some of those given, and of the folders given.

    `side`: as in `check_side`, where they are pairs. Raises DiptychError where one is no picture.
    """
    header = translator.header
    paths = [
        path for place in places for path in (find_images(place) if place.is_dir() else [place])
    ]
    if places and not paths:
        raise DiptychError(f"--samples {places[0]}: no pictures there")
    panel, most = check_side(side, header), 4 * page_side(header)
    samples = []
    for path in evenly_spread(paths, SHOWN):
        array = translator.read(path)
        picture = Image.fromarray(cut_panel(array, *panel, path) if panel else array)
        picture.thumbnail((most, most))  # larger than the page would take them is a waste
        samples.append(picture)
    return samples
