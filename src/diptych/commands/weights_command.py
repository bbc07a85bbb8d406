"""`diptych weights get`: published weights that metrics need."""

from typing import Annotated

import typer

from diptych.errors import DiptychError


def get_weights(
    what: Annotated[str, typer.Argument(help="lpips")],
    backbone: Annotated[str, typer.Option(help="alex or vgg")] = "alex",
) -> None:
    """Download published weights, verify them and keep them."""
    from diptych.commands.terminal.console import Counter, console
    from diptych.weights import get_lpips

    if what != "lpips" or backbone not in {"alex", "vgg"}:
        raise DiptychError("weights get: lpips, with --backbone alex or vgg")
    with Counter("downloading") as counted:
        path = get_lpips("vgg" if backbone == "vgg" else "alex", on_progress=counted)
    console.print(f"LPIPS is ready: {path}")
