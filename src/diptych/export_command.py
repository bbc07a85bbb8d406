"""The command that gives a model to other programs. Heavy imports stand inside it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.command_options import Model, Threads
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from diptych.translation.parity import Parity

ENDINGS = {".onnx": "onnx", ".pth": "junyanz"}


def export(
    model: Model,
    out: Annotated[Path, typer.Argument(help="the file to write, as model.onnx or model.pth")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help="onnx, or junyanz, a checkpoint of pytorch-CycleGAN-and-pix2pix; by default what "
            "the ending of OUT says"
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="pairs on which the exported model is proved")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8")] = "fp32",
    opset: Annotated[int, typer.Option(min=18, help="version of ONNX's operators")] = 20,
    bare: Annotated[
        bool, typer.Option("--bare", help="the network alone, in and out in [-1, 1]")
    ] = False,
    least_psnr: Annotated[
        float | None,
        typer.Option(help="dB from the model's own results to reach; 60, 40 or 20 by precision"),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Write a model for other programs; as ONNX, proved to give the same pictures."""
    kind = to or ENDINGS.get(out.suffix.lower())
    if kind not in ENDINGS.values():
        raise DiptychError(
            f"{out}: --to {' or '.join(ENDINGS.values())}, or name a {' or '.join(ENDINGS)} file"
        )
    if kind == "junyanz":
        export_to_junyanz(model, out)
        return
    if data is None:
        raise DiptychError("--data is missing: pairs on which to prove the exported model")
    from diptych.console import console, fetched
    from diptych.model_file import model_path
    from diptych.translation.network_translator import load_network
    from diptych.translation.onnx_export import export_onnx
    from diptych.translation.onnx_precision import parse_precision

    chosen = parse_precision(precision)
    translator = load_network(model_path(model), device="cpu", threads=threads, dropout=None)
    pairs = fetched(data)
    with console.status("") as status:
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
    show_parity(out, parity)


def export_to_junyanz(model: Path, out: Path) -> None:
    """Write a checkpoint, and say how that code loads it."""
    from diptych.console import console, say_note
    from diptych.exchange.exporting import export_checkpoint

    notes = export_checkpoint(model, out)
    console.print(f"written: {out}")
    for note in notes:
        say_note(note)


def show_parity(out: Path, parity: "Parity") -> None:
    """What was written, and how near it is to the model."""
    from diptych.console import scores_in_words, show_rows
    from diptych.translation.parity import report_beside

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
