"""`diptych import`: a model file of a checkpoint of another program."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.info_command import show_header


def import_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(help="latest_net_G.pth of pytorch-CycleGAN-and-pix2pix")
    ],
    out: Annotated[Path, typer.Argument(help="model file to write, .safetensors")],
    *,
    discriminator: Annotated[
        Path | None, typer.Option(help="latest_net_D.pth, kept in the same file to train on")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="translate as its test.py does: test, by each picture's own statistics, or eval, "
            "by the stored ones, as with its --eval"
        ),
    ] = "test",
    dropout: Annotated[
        bool | None,
        typer.Option(
            "--dropout/--no-dropout",
            help="whether a U-Net has dropout, which its tensors do not tell; by default with "
            "batch normalisation. When translating it is off",
        ),
    ] = None,
    source_name: Annotated[str, typer.Option(help="what the sources are, as labels")] = "source",
    target_name: Annotated[str, typer.Option(help="what the targets are, as photo")] = "target",
    direction: Annotated[
        str, typer.Option(help="a_to_b or b_to_a, as it was trained: which half is the source")
    ] = "a_to_b",
) -> None:
    """Make a model file of a checkpoint of another program; nothing in it is executed."""
    from diptych.commands.terminal.console import say_note
    from diptych.exchange.importing import import_checkpoint as import_files
    from diptych.exchange.importing import import_notes

    header = import_files(
        checkpoint,
        out,
        discriminator=discriminator,
        mode=mode,
        dropout=dropout,
        names=(source_name, target_name),
        direction=direction,
    )
    show_header(out, header)
    say_note(*import_notes(header, guessed=dropout is None))
