"""`diptych weights get`: published weights that metrics need."""

from typing import Annotated

import typer

from diptych.errors import DiptychError


def get_weights(
    what: Annotated[str, typer.Argument(help="lpips, or fid for FID and KID")],
    backbone: Annotated[str, typer.Option(help="of lpips: alex or vgg")] = "alex",
) -> None:
    """Download published weights, verify them and keep them."""
    from diptych.commands.terminal.console import Counter, console
    from diptych.weights import get_published

    if what not in {"lpips", "fid"} or backbone not in {"alex", "vgg"}:
        raise DiptychError("weights get: lpips, with --backbone alex or vgg, or fid")
    with Counter("downloading") as counted:
        if what == "fid":
            path = get_published("fid", on_progress=counted)
        else:
            path = get_published("vgg" if backbone == "vgg" else "alex", on_progress=counted)
    console.print(f"{'FID and KID are' if what == 'fid' else 'LPIPS is'} ready: {path}")
