"""`diptych cache`: what is kept of pictures: decoded ones, and those of shards and datasets."""

from typing import Annotated

import typer


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="remove what no training on this machine uses")
    ] = False,
    clear_kept: Annotated[
        bool, typer.Option("--clear-kept", help="remove pictures of shards and datasets too")
    ] = False,
) -> None:
    """Say what decoded pictures take, or remove them; they are made again when needed."""
    from diptych.commands.terminal.console import console
    from diptych.data.kept.kept_room import kept_folder, remove_kept
    from diptych.data.store.place import store_folder
    from diptych.data.store.space import empty, in_words

    if clear or clear_kept:
        folder = store_folder()
        console.print(f"Removed {in_words(empty(folder))} from {folder}.")
    if clear_kept:
        console.print(f"Removed {in_words(remove_kept())} from {kept_folder()}.")
    _show_decoded()
    _show_kept()


def _show_decoded() -> None:
    import shutil

    from diptych.commands.terminal.console import console, show_rows
    from diptych.data.store.place import bound, store_folder
    from diptych.data.store.space import in_words, kept_files

    folder = store_folder()
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


def _show_kept() -> None:
    from diptych.commands.terminal.console import console, show_rows
    from diptych.data.kept.kept_room import kept_folder, kept_sources
    from diptych.data.store.space import in_words

    sources = kept_sources()
    if sources:
        total = in_words(sum(source.bytes for source in sources))
        console.print(f"Pictures of shards and datasets, {total} in {kept_folder()}:")
        show_rows(
            {
                source.location: in_words(source.bytes) + ", not all yet" * (not source.whole)
                for source in sources
            }
        )


def _ago(seconds: float) -> str:
    from diptych.evaluation.words import duration

    days = int(seconds // 86400)
    return f"{days} days ago" if days > 1 else f"{duration(seconds)} ago"
