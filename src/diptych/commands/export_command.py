"""`diptych export`: a model for other programs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from diptych.commands.terminal.options import Model, Threads
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.export.parity import Parity, TileParity
    from diptych.images.domain import Domain
    from diptych.translation.network_translator import NetworkTranslator

ENDINGS = {".onnx": "onnx", ".param": "ncnn", ".pth": "junyanz"}
NEIGHBOURS = ("plain", "qgis", "bioimage", "ncnn")  # as other programs take it
KINDS = ("onnx", "web", *NEIGHBOURS, "junyanz")
OPSET = 20


def export(
    model: Model,
    out: Annotated[
        Path,
        typer.Argument(help="the file to write, as model.onnx or model.pth; a page's folder"),
    ],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help="onnx; plain, for OpenCV, OpenVINO and others; qgis; bioimage; ncnn; web, a page; "
            "or junyanz, a checkpoint of pytorch-CycleGAN-and-pix2pix; by default as OUT ends"
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="pairs on which the exported model is proved")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32, fp16 or int8; by default fp32, for a page fp16")
    ] = None,
    opset: Annotated[int, typer.Option(min=18, help="version of ONNX's operators")] = OPSET,
    bare: Annotated[
        bool, typer.Option("--bare", help="the network alone, in and out in [-1, 1]")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            help="plain: 256 or 256x512 (height first), for programs that take one size; qgis: of "
            "a tile, by default as large as the model sees"
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="qgis: though tiles differ from the whole picture")
    ] = False,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="bioimage: for pictures that programs take in tiles")
    ] = False,
    license_id: Annotated[
        str | None, typer.Option("--license", help="bioimage: the model's, as CC-BY-4.0")
    ] = None,
    authors: Annotated[
        list[str] | None, typer.Option("--author", help="bioimage: whose it is; repeatable")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="plain, qgis, bioimage, ncnn: a picture whose colours results are to have"
        ),
    ] = None,
    colors: Annotated[
        str | None, typer.Option(help="plain, qgis, bioimage, ncnn: or one or two, as '#a03020'")
    ] = None,
    least_psnr: Annotated[
        float | None,
        typer.Option(help="dB from the model's own results to reach; 60, 40 or 20 by precision"),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(help="web: a folder with the package onnxruntime-web; else npm fetches it"),
    ] = None,
    cdn: Annotated[
        bool, typer.Option("--cdn", help="web: visitors' browsers fetch the runtime from a CDN")
    ] = False,
    samples: Annotated[
        list[Path] | None,
        typer.Option(help="web: a picture, or folder of them, to choose from; repeatable"),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(help="web: samples are pairs side by side; source, left or right one"),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Write a model for other programs; as ONNX, proved to give the same pictures."""
    kind = to or ENDINGS.get(out.suffix.lower())
    if kind not in KINDS:
        raise DiptychError(
            f"{out}: --to {' or '.join(KINDS)}, or name a {' or '.join(ENDINGS)} file"
        )
    of_some: dict[tuple[str, ...], dict[str, object]] = {
        ("onnx",): {"--opset": opset != OPSET, "--bare": bare},
        ("web",): {"--runtime": runtime, "--cdn": cdn, "--samples": samples, "--side": side},
        NEIGHBOURS: {"--like": like, "--colors": colors},
        ("plain", "qgis"): {"--size": size},
        ("qgis",): {"--anyway": anyway},
        ("bioimage",): {"--tiles": tiles, "--license": license_id, "--author": authors},
        ("onnx", "web", *NEIGHBOURS): {
            "--data": data,
            "--precision": precision,
            "--least-psnr": least_psnr is not None,
        },
    }
    check_options(kind, of_some)
    from diptych.commands.terminal.console import bring_pairs, console, say_note

    if kind == "junyanz":
        from diptych.exchange.exporting import export_checkpoint

        notes = export_checkpoint(model, out)
        console.print(f"written: {out}")
        say_note(*notes)
        return
    sides = None if size is None else parse_size(size)
    if kind == "bioimage" and (license_id is None or not authors):
        raise DiptychError(
            "--to bioimage: say --license, as CC-BY-4.0, and --author: the zoo asks for both"
        )
    if data is None:
        raise DiptychError("--data is missing: pairs on which to prove the exported model")
    from diptych.export.onnx_export import export_onnx
    from diptych.export.onnx_precision import parse_precision
    from diptych.model_place import model_path
    from diptych.translation.network_translator import load_network

    chosen = parse_precision(precision or ("fp16" if kind == "web" else "fp32"))
    translator = load_network(model_path(model), device="cpu", threads=threads, dropout=None)
    if like is not None or colors is not None:
        translator = translator.told(like=like, colors=colors.split(",") if colors else ())
    pairs = bring_pairs(data)
    with console.status("") as status:
        if kind == "web":
            shown = PageWishes(runtime, cdn, samples or [], side)
            parity = write_page(
                translator,
                out,
                pairs,
                shown,
                precision=chosen,
                least_psnr=least_psnr,
                on_step=status.update,
            )
        elif kind in NEIGHBOURS:
            parity = write_neighbour(
                kind,
                translator,
                out,
                pairs,
                FileWishes(sides, anyway, tiles, license_id, tuple(authors or ())),
                precision=chosen,
                least_psnr=least_psnr,
                on_step=status.update,
            )
        else:
            parity = export_onnx(
                translator,
                out,
                pairs,
                precision=chosen,
                opset=opset,
                bare=bare,
                least_psnr=least_psnr,
                on_step=status.update,
            )
    show_parity(out / parity.file if kind == "web" else out, parity, translator.header.target)
    if kind == "web":
        say_note(f"python -m http.server --directory {out} shows the page on this machine")


def check_options(kind: str, of_some: Mapping[tuple[str, ...], Mapping[str, object]]) -> None:
    """Raise DiptychError where an option is said that is for other kinds of files."""
    for kinds, options in of_some.items():
        for option, value in options.items():
            if value and kind not in kinds:
                raise DiptychError(f"{option}: for --to {' or '.join(kinds)}, not {kind}")


class PageWishes(NamedTuple):
    """What a person said of a page."""

    runtime: Path | None
    cdn: bool
    samples: list[Path]
    side: str | None


def write_page(
    translator: "NetworkTranslator",
    out: Path,
    pairs: Path,
    shown: PageWishes,
    *,
    on_step: Callable[[str], None],
    **proof: Any,
) -> "Parity":
    """Write a page, with how its model is to be proved."""
    from diptych.export.page.web_page import check_page, export_page, read_samples
    from diptych.export.page.web_runtime import find_runtime

    check_page(translator.header, out)
    samples = read_samples(translator, shown.samples, shown.side)
    on_step("fetching ONNX Runtime Web")
    runtime = find_runtime(shown.runtime, shown.cdn)
    return export_page(
        translator, out, pairs, runtime=runtime, samples=samples, on_step=on_step, **proof
    )


class FileWishes(NamedTuple):
    """What a person said of a file for one of the neighbours."""

    sides: tuple[int, int] | None
    anyway: bool
    tiles: bool
    license_id: str | None
    authors: tuple[str, ...]


def write_neighbour(
    kind: str,
    translator: "NetworkTranslator",
    out: Path,
    pairs: Path,
    said: FileWishes,
    **proof: Any,
) -> "Parity":
    """Write the model for one of the neighbours, with how it is to be proved."""
    if kind == "plain":
        from diptych.export.neighbours.plain_export import export_plain

        return export_plain(translator, out, pairs, size=said.sides, **proof)
    if kind == "qgis":
        from diptych.export.neighbours.qgis_export import export_qgis

        if said.sides is not None and said.sides[0] != said.sides[1]:
            raise DiptychError(
                f"--size {said.sides[0]}x{said.sides[1]}: tiles of QGIS are square: say one side"
            )
        side = None if said.sides is None else said.sides[0]
        return export_qgis(translator, out, pairs, size=side, anyway=said.anyway, **proof)
    if kind == "ncnn":
        from diptych.export.neighbours.ncnn_export import export_ncnn

        return export_ncnn(translator, out, pairs, **proof)
    from diptych.commands.terminal.console import say_note
    from diptych.export.neighbours.bioimage_export import export_bioimage
    from diptych.export.neighbours.zoo_description import Attribution

    whose = Attribution(said.license_id or "", said.authors)
    parity, remarks = export_bioimage(translator, out, pairs, whose, tiles=said.tiles, **proof)
    say_note(*(f"bioimageio.core: {remark}" for remark in remarks))
    return parity


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of `256` or `256x512`; raises DiptychError where it is neither."""
    from diptych.translation.plain_form import LARGEST

    sides = text.split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise DiptychError(f"--size {text!r}: one side, or height and width as 256x512")
    height, width = int(sides[0]), int(sides[-1])
    if not all(1 <= side <= LARGEST for side in (height, width)):
        raise DiptychError(f"--size {text}: sides of 1 to {LARGEST:,} pixels")
    return height, width


def show_parity(out: Path, parity: "Parity", target: "Domain") -> None:
    """What was written, and how near it is to the model."""
    from diptych.commands.terminal.console import show_rows
    from diptych.commands.terminal.score_table import scores_in_words
    from diptych.export.parity import difference_in_words, report_beside

    faster = parity.model_seconds / parity.seconds
    show_rows(
        {
            "file": f"{out}, {parity.megabytes:.1f} MB (the model's weights: "
            f"{parity.model_megabytes:.1f} MB)",
            "proved on": f"{parity.pictures} pictures, {', '.join(parity.sizes)}",
            "difference": difference_in_words(parity, target),
            "PSNR": f"{parity.psnr:.1f} dB from the model's results; "
            f"at least {parity.least_psnr:g} was asked",
            "time": f"{1000 * parity.seconds:.0f} ms a picture, the model in torch "
            f"{1000 * parity.model_seconds:.0f} ms ({faster:.1f} times as fast, "
            f"{parity.threads} threads)",
            "scores": scores_in_words(parity.scores) or "none",
            "the model's": scores_in_words(parity.model_scores) or "none",
            **({"in tiles": tiles_in_words(parity.tiles, target)} if parity.tiles else {}),
            "report": str(report_beside(out)),
        }
    )


def tiles_in_words(tiles: "TileParity", target: "Domain") -> str:
    """How near a picture is that a program puts together from tiles."""
    from diptych.export.parity import difference_in_words

    near = "" if tiles.exact else ", for the model sees more than a tile"
    return (
        f"of {tiles.size}, of which {tiles.overlap} lie in the next, beside the whole picture: "
        f"{difference_in_words(tiles, target)}{near}"
    )
