"""`diptych cache`: the pictures that were decoded once and kept."""

from typing import Annotated

import typer


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="remove what no training on this machine uses")
    ] = False,
) -> None:
    """Say what decoded pictures take, or remove them; they are made again when needed."""
    import shutil

    from diptych.commands.terminal.console import console, show_rows
    from diptych.data.store.place import bound, store_folder
    from diptych.data.store.space import empty, in_words, kept_files

    folder = store_folder()
    if clear:
        console.print(f"Removed {in_words(empty(folder))} from {folder}.")
    kept = kept_files(folder)
    if not kept:
        console.print(f"No decoded pictures are kept in {folder}.")
        return
    held = sum(one.bytes for one in kept)
    free = shutil.disk_usage(folder.parent).free
    show_rows(
        {
            "folder": str(folder),
            "size": f"{in_words(held)} in {len(kept)} file{'s' * (len(kept) > 1)}",
            "last used": f"{_ago(kept[-1].age)}, the longest unused {_ago(kept[0].age)}",
            "bound": f"{in_words(bound(free, held))}; what was used least recently goes first",
            "free there": in_words(free),
        }
    )


def _ago(seconds: float) -> str:
    from diptych.evaluation.words import duration

    days = int(seconds // 86400)
    return f"{days} days ago" if days > 1 else f"{duration(seconds)} ago"
