"""The run directory: what lies where, and whether a run may go on in it."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from diptych.config import MAY_CHANGE, differing, recipe_from, to_toml
from diptych.errors import DiptychError
from diptych.schema import Recipe
from diptych.training.initial import Initial
from diptych.whole_file import whole_file


@dataclass(frozen=True)
class RunDirectory:
    """`recipe.toml`, models, checkpoints, log, previews and report of one run."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The whole recipe, defaults included."""
        return self.path / "recipe.toml"

    @property
    def begun_with(self) -> Path:
        """The model that the run began with, where it began with one."""
        return self.path / "begun_with.json"

    @property
    def taught_by(self) -> Path:
        """The model that the run's student learned from, where it was one."""
        return self.path / "taught_by.json"

    @property
    def best(self) -> Path:
        """The model that did best in validation."""
        return self.path / "model.safetensors"

    @property
    def latest(self) -> Path:
        """The model of the last validation."""
        return self.path / "latest.safetensors"

    @property
    def checkpoints(self) -> Path:
        """Training states to go on from."""
        return self.path / "checkpoints"

    @property
    def log(self) -> Path:
        """One JSON object a line."""
        return self.path / "log.jsonl"

    @property
    def previews(self) -> Path:
        """The same pairs at every validation."""
        return self.path / "previews"

    @property
    def progress(self) -> Path:
        """The previews as one moving picture."""
        return self.path / "progress.gif"

    @property
    def report(self) -> Path:
        """The page that shows how it went."""
        return self.path / "report.html"

    def claim(
        self, recipe: Recipe, initial: Initial | None = None, teacher: Initial | None = None
    ) -> None:
        """Make the directory this recipe's; raises DiptychError as `check`."""
        self.check(recipe, initial, teacher)
        for file, model in ((self.begun_with, initial), (self.taught_by, teacher)):
            if model is not None:
                named = {"model": str(model.place), "fingerprint": model.fingerprint}
                with whole_file(file) as aside:
                    aside.write_text(json.dumps(named) + "\n", "utf-8")
        with whole_file(self.recipe) as aside:
            aside.write_text(to_toml(recipe), "utf-8")

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
        else:
            _check_model(self.begun_with, initial, "--init-from", f"{self.path}: began")
            _check_model(self.taught_by, teacher, "the teacher", f"{self.path}: learned")
            try:
                tables = tomllib.loads(self.recipe.read_text("utf-8"))
            except tomllib.TOMLDecodeError as error:
                raise DiptychError(f"{self.recipe}: not valid TOML: {error}") from None
            before = recipe_from(tables, str(self.recipe))
            changed = {
                key: values
                for key, values in differing(before, recipe).items()
                if key not in MAY_CHANGE
            }
            if changed:
                listed = ", ".join(
                    f"{key} {old!r} -> {new!r}" for key, (old, new) in changed.items()
                )
                raise DiptychError(
                    f"{self.path}: holds a run with another recipe ({listed}); "
                    "give --out a new directory or the recipe it began with"
                )


def _check_model(file: Path, model: Initial | None, named: str, begun: str) -> None:
    """Raise DiptychError where `model` is not the one that `file` names."""
    before: dict[str, str] = {}
    if file.is_file():
        before = json.loads(file.read_text("utf-8"))
    if before.get("fingerprint") == (model.fingerprint if model is not None else None):
        return
    how = f"with {named} {before['model']}, as that was then" if before else f"without {named}"
    raise DiptychError(f"{begun} {how}; say the same, or give --out a new directory")
