"""`diptych export`: a model for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.commands.terminal.options import Model, Threads
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.export.parity import Parity

ENDINGS = {".onnx": "onnx", ".pth": "junyanz"}
KINDS = (*ENDINGS.values(), "web")
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
            help="onnx; web, a page; or junyanz, a checkpoint of pytorch-CycleGAN-and-pix2pix; by "
            "default what the ending of OUT says"
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
    of_one: dict[str, dict[str, object]] = {
        "onnx": {"--opset": opset != OPSET, "--bare": bare},
        "web": {"--runtime": runtime, "--cdn": cdn, "--samples": samples, "--side": side},
    }
    for other, options in of_one.items():
        for option, value in options.items():
            if value and other != kind:
                raise DiptychError(f"{option}: for --to {other}, not {kind}")
    from diptych.commands.terminal.console import bring_pairs, console, say_note

    if kind == "junyanz":
        from diptych.exchange.exporting import export_checkpoint

        notes = export_checkpoint(model, out)
        console.print(f"written: {out}")
        say_note(*notes)
        return
    if data is None:
        raise DiptychError("--data is missing: pairs on which to prove the exported model")
    from diptych.export.onnx_export import export_onnx
    from diptych.export.onnx_precision import parse_precision
    from diptych.model_place import model_path
    from diptych.translation.network_translator import load_network

    chosen = parse_precision(precision or ("fp16" if kind == "web" else "fp32"))
    translator = load_network(model_path(model), device="cpu", threads=threads, dropout=None)
    pairs = bring_pairs(data)
    with console.status("") as status:
        if kind == "web":
            from diptych.export.page.web_page import MODEL, check_page, export_page, read_samples
            from diptych.export.page.web_runtime import find_runtime

            check_page(translator.header, out)
            pictures = read_samples(translator, samples or [], side)
            status.update("fetching ONNX Runtime Web")
            parity = export_page(
                translator,
                out,
                pairs,
                precision=chosen,
                runtime=find_runtime(runtime, cdn),
                samples=pictures,
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
    show_parity(out / MODEL if kind == "web" else out, parity)
    if kind == "web":
        say_note(f"python -m http.server --directory {out} shows the page on this machine")


def show_parity(out: Path, parity: "Parity") -> None:
    """What was written, and how near it is to the model."""
    from diptych.commands.terminal.console import show_rows
    from diptych.commands.terminal.score_table import scores_in_words
    from diptych.export.parity import report_beside

    faster = parity.model_seconds / parity.seconds
    show_rows(
        {
            "file": f"{out}, {parity.megabytes:.1f} MB (the model's weights: "
            f"{parity.model_megabytes:.1f} MB)",
            "proved on": f"{parity.pictures} pictures, {', '.join(parity.sizes)}",
            "difference": f"at most {255 * parity.max_difference:.3g} of 255, "
            f"{255 * parity.mean_difference:.2g} on average",
            "PSNR": f"{parity.psnr:.1f} dB from the model's results; "
            f"at least {parity.least_psnr:g} was asked",
            "time": f"{1000 * parity.seconds:.0f} ms a picture, the model in torch "
            f"{1000 * parity.model_seconds:.0f} ms ({faster:.1f} times as fast, "
            f"{parity.threads} threads)",
            "scores": scores_in_words(parity.scores) or "none",
            "the model's": scores_in_words(parity.model_scores) or "none",
            "report": str(report_beside(out)),
        }
    )
