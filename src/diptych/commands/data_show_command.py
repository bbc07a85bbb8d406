"""`diptych data show` and `derive`: pairs to look at, as training will see or make them."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.terminal.options import Anywhere, DataPath, RecipeName, Set, recipe_changes
from diptych.methods import DEFAULT_RECIPE


def show(
    path: DataPath,
    recipe: RecipeName = DEFAULT_RECIPE,
    out: Annotated[Path, typer.Option(help="the picture to write")] = Path("pairs.png"),
    count: Annotated[int, typer.Option(min=1, max=64, help="pairs to show")] = 12,
    sets: Set = None,
    anywhere: Anywhere = False,
) -> None:
    """Draw a sheet of training pairs as the model will see them, cropped and augmented."""
    from diptych.commands.terminal.console import bring_pairs, console
    from diptych.config import load_recipe
    from diptych.data.show import contact_sheet
    from diptych.images.writing import save_image
    from diptych.training.settled import settled_for

    settled = settled_for(load_recipe(recipe, recipe_changes(sets, anywhere=anywhere)), "auto")
    save_image(contact_sheet(bring_pairs(path), settled, count), out)
    console.print(f"sheet: {out}")


def derive(
    task: Annotated[str, typer.Argument(help="recipe that makes its sources from photos")],
    photos: Annotated[str, typer.Argument(help="folder of photos, a table, shards, or hf://NAME")],
    out: Annotated[Path, typer.Argument(help="folder for the pairs, A the sources, B the photos")],
    most: Annotated[int, typer.Option(min=1, help="pairs of each split, at most")] = 1000,
    sets: Set = None,
) -> None:
    """Write the pairs that a task makes from photos, to look at; training makes its own."""
    from diptych.commands.terminal.console import Counter, bring_pairs, console
    from diptych.config import load_recipe
    from diptych.data.show import write_derived

    targets = bring_pairs(photos)
    with Counter("making sources") as counted:
        written = write_derived(targets, out, load_recipe(task, sets or []), most, counted)
    console.print(f"{written} pairs in {out}: sources in A, photos in B")
