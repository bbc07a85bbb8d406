"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="replace a key of the recipe; repeatable"),
]
Data = Annotated[str, typer.Option(help="folder of pairs, a table or shards of them, or hf://NAME")]
DataPath = Annotated[
    str, typer.Argument(metavar="DATA", help="folder of pairs, a table, shards, or hf://NAME")
]
Direction = Annotated[
    str | None, typer.Option(help="'labels -> photo', a_to_b or b_to_a: what is the source")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch's choice")]
Dropout = Annotated[
    bool | None,
    typer.Option("--dropout/--no-dropout", help="noise by dropout; else as the model was stored"),
]
Normalization = Annotated[
    str | None,
    typer.Option(
        help="by the statistics of each image, or by those stored in the model; else as it says"
    ),
]
Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="train for so long, in place of epochs")
]
Model = Annotated[Path, typer.Argument(help="a run directory, a model file or hf://user/name")]
