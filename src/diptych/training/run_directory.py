"""The run directory: what lies where, and whether a run may go on in it."""

import json
import os
import tomllib
from pathlib import Path

from diptych.config import MAY_CHANGE, differing, recipe_from, to_toml
from diptych.errors import DiptychError, reason_of
from diptych.schema import Recipe
from diptych.training.begun_with import write_begun_with
from diptych.training.initial import Initial
from diptych.training.lock import Lock
from diptych.whole_file import is_aside, write_whole

WRITTEN = {".toml", ".json", ".safetensors", ".pt", ".png", ".gif", ".html"}  # by training


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
        self.lock = Lock(path / "training.lock")  # while it is trained in

    def claim(
        self,
        recipe: Recipe,
        initial: Initial | None = None,
        teacher: Initial | None = None,
    ) -> None:
        """Make the directory this recipe's, and this process the one that trains in it.

        Raises DiptychError as `check` and `Lock.take`, or where another made a run of it just now.
        """
        if not self.lock.held:
            self.lock.take()
            if self.recipe.is_file():
                raise DiptychError(
                    f"{self.path}: another training began in it meanwhile; the same command again "
                    "goes on with that"
                )
        self.check(recipe, initial, teacher)
        self._sweep()
        for file, model in ((self.begun_with, initial), (self.taught_by, teacher)):
            if model is not None:
                write_begun_with(file, model)
        write_whole(self.recipe, to_toml(recipe))

    def check(
        self, recipe: Recipe, initial: Initial | None = None, teacher: Initial | None = None
    ) -> None:
        """Find that the directory may become this recipe's, or is already.

        Raises DiptychError where its name is none in UTF-8, it holds something else, a run that
        began with another model than `initial` or has another `teacher`, or one whose recipe
        differs in a key that a run cannot change.
        """
        if not _is_utf_8(self.path):
            raise DiptychError(
                f"{self.path}: no name in UTF-8, and the library that reads models takes no other: "
                "give --out another directory"
            )
        if not self.recipe.is_file():
            if self.path.exists() and (not self.path.is_dir() or self._others()):
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

    def _others(self) -> list[Path]:
        """What lies there beside the first files of a run that was killed as it began."""
        first = self.lock.path, self.begun_with, self.taught_by
        return [path for path in self.path.iterdir() if path not in first and not is_aside(path)]

    def _sweep(self) -> None:
        """Remove what a training that was killed left half-written."""
        for folder in (self.path, self.checkpoints, self.previews):
            for path in [*folder.glob(".*")]:
                if is_aside(path) and path.suffix in WRITTEN:
                    path.unlink(missing_ok=True)

    def begun(self) -> Recipe | None:
        """The recipe of the run that lies there, where one does."""
        return self.stored_recipe() if self.recipe.is_file() else None

    def stored_recipe(self) -> Recipe:
        """The same of one that does; raises DiptychError where it is damaged."""
        try:
            tables = tomllib.loads(self.recipe.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise DiptychError(f"{self.recipe}: not valid TOML: {reason_of(error)}") from None
        return recipe_from(tables, str(self.recipe))


def _is_utf_8(path: Path) -> bool:
    """Whether the bytes of a name are that, whatever the locale takes them for."""
    try:
        os.fsencode(path.absolute()).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _check_model(file: Path, model: Initial | None, named: str, begun: str) -> None:
    """Raise DiptychError where `model` is not the one that `file` names."""
    try:
        before = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        if not isinstance(before, dict):
            raise TypeError("no table")
    except (ValueError, TypeError, RecursionError) as error:
        raise DiptychError(f"{file}: damaged: {reason_of(error)}") from None
    if before.get("fingerprint") == (model.fingerprint if model is not None else None):
        return
    how = f"with {named} {before.get('model')}, as that was then" if before else f"without {named}"
    raise DiptychError(f"{begun} {how}; say the same, or give --out a new directory")
