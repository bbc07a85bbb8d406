"""`diptych recipes`: those there are, or one with all its keys."""

from typing import Annotated

import typer


def recipes(
    name: Annotated[str | None, typer.Argument(help="one to print whole")] = None,
) -> None:
    """List the recipes, or print one with all its keys."""
    from diptych.config import load_recipe, recipe_names, recipe_text, to_toml

    if name is not None:
        typer.echo(to_toml(load_recipe(name)), nl=False)
        return
    for each in recipe_names():
        about = recipe_text(each).splitlines()[0].lstrip("# ")
        typer.echo(f"{each:14} {about}")
