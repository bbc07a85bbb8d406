"""Options that several commands share, and what they change in a recipe."""

import os
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
RecipeName = Annotated[str, typer.Argument(help="name or TOML file; see `recipes`")]
Split = Annotated[str, typer.Option(help="train, val, test or all")]
Direction = Annotated[
    str | None, typer.Option(help="'labels -> photo', a_to_b or b_to_a: what is the source")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
Devices = Annotated[
    int, typer.Option(min=0, help="so many on each machine; 0: as torchrun says, else 1")
]
Nodes = Annotated[int, typer.Option(min=0, help="machines; 0: as torchrun says, else 1")]
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
Memory = Annotated[str | None, typer.Option(help="at most so much, as 2GB; default: what is free")]
Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="train for so long, in place of epochs")
]
Model = Annotated[Path, typer.Argument(help="a run directory, a model file or hf://user/name")]
Anywhere = Annotated[
    bool, typer.Option("--anywhere", help="a table of pairs may name files outside its folder")
]


def recipe_changes(
    sets: list[str] | None,
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    direction: str | None = None,
    anywhere: bool = False,
) -> list[str]:
    """What the options replace in the recipe, as `load_recipe` takes it."""
    changes = {
        "train.minutes": minutes,
        "train.epochs": epochs,
        "data.direction": None if direction is None else f'"{direction}"',
        "data.anywhere": "true" if anywhere else None,
    }
    named = [f"{key}={value}" for key, value in changes.items() if value is not None]
    return [*(sets or []), *named]


def are_several(devices: int, nodes: int) -> bool:
    """Whether more than one process is to work, or torchrun started this one among others."""
    return max(devices, nodes) > 1 or "TORCHELASTIC_RUN_ID" in os.environ
