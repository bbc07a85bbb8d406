"""The run directory: what lies where, and whether a run may go on in it."""

import json
import tomllib
from pathlib import Path

from diptych.config import MAY_CHANGE, differing, recipe_from, to_toml
from diptych.errors import DiptychError
from diptych.schema import Recipe
from diptych.training.initial import Initial
from diptych.whole_file import write_whole


class RunDirectory:
    """What lies where in the directory of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.toml"  # whole, defaults included
        self.begun_with = path / "begun_with.json"  # the model it began with, where it did
        self.taught_by = path / "taught_by.json"  # the model its student learned from
        self.best = path / "model.safetensors"  # what did best in validation
        self.latest = path / "latest.safetensors"  # of the last validation
        self.checkpoints = path / "checkpoints"  # training states to go on from
        self.log = path / "log.jsonl"  # one JSON object a line
        self.tensorboard = path / "tensorboard"
        self.previews = path / "previews"  # the same pairs at every validation
        self.progress = path / "progress.gif"  # the previews as one moving picture
        self.report = path / "report.html"  # how it went

    def claim(
        self, recipe: Recipe, initial: Initial | None = None, teacher: Initial | None = None
    ) -> None:
        """Make the directory this recipe's; raises DiptychError as `check`."""
        self.check(recipe, initial, teacher)
        for file, model in ((self.begun_with, initial), (self.taught_by, teacher)):
            if model is not None:
                named = {"model": str(model.place), "fingerprint": model.fingerprint}
                write_whole(file, json.dumps(named) + "\n")
        write_whole(self.recipe, to_toml(recipe))

    def check(
        self, recipe: Recipe, initial: Initial | None = None, teacher: Initial | None = None
    ) -> None:
        """Find that the directory may become this recipe's, or is already.

        Raises DiptychError where it holds something else, a run that began with another model than
        `initial` or has another `teacher`, or one whose recipe differs in a key that a run cannot
        change.
        """
        if not self.recipe.is_file():
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise DiptychError(
                    f"{self.path}: holds something that is not a run; give --out a new directory"
                )
            return
        _check_model(self.begun_with, initial, "--init-from", f"{self.path}: began")
        _check_model(self.taught_by, teacher, "the teacher", f"{self.path}: learned")
        changed = differing(self.stored_recipe(), recipe)
        listed = [
            f"{key} {old!r} -> {new!r}"
            for key, (old, new) in changed.items()
            if key not in MAY_CHANGE
        ]
        if listed:
            raise DiptychError(
                f"{self.path}: holds a run with another recipe ({', '.join(listed)}); "
                "give --out a new directory or the recipe it began with"
            )

    def begun(self) -> Recipe | None:
        """The recipe of the run that lies there, where one does."""
        return self.stored_recipe() if self.recipe.is_file() else None

    def stored_recipe(self) -> Recipe:
        """The same of one that does; raises DiptychError where it is damaged."""
        try:
            tables = tomllib.loads(self.recipe.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise DiptychError(f"{self.recipe}: not valid TOML: {error}") from None
        return recipe_from(tables, str(self.recipe))


def _check_model(file: Path, model: Initial | None, named: str, begun: str) -> None:
    """Raise DiptychError where `model` is not the one that `file` names."""
    before = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if before.get("fingerprint") == (model.fingerprint if model is not None else None):
        return
    how = f"with {named} {before['model']}, as that was then" if before else f"without {named}"
    raise DiptychError(f"{begun} {how}; say the same, or give --out a new directory")
