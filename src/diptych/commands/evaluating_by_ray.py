"""`diptych evaluate --ray`: pairs of any place, and results of another, on a Ray cluster."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath

from diptych.brought_folder import brought
from diptych.by_ray.ray_scoring import score_places, without_pairs
from diptych.by_ray.scoring_actor import ScoringWork
from diptych.commands.terminal.console import Counter, bring_pairs, pace_in_words
from diptych.commands.terminal.quiet_ray import quiet_ray
from diptych.data.pairs import evenly_spread
from diptych.data.tables import TABLES
from diptych.datasets.hub_client import PREFIX
from diptych.evaluation.baselines import MOST_TRAINING
from diptych.evaluation.evaluate import Evaluation
from diptych.evaluation.results import results_of
from diptych.images.limits import max_pixels
from diptych.model_place import model_path
from diptych.places import Place
from diptych.schema import Recipe
from diptych.translation.settings import Settings
from diptych.translation.translator import Translator


def evaluate_by_ray(
    settings: Settings,
    model: Path | None,
    translated: str | None,
    judged: Callable[[Callable[[Path], Translator], str | None], tuple[Translator | Path, Recipe]],
    data: str,
    split: str,
    *,
    size: str | None,
    seed: int,
    actors: int,
) -> tuple[Evaluation, list[str], str]:
    """The scores, what could not be scored and why, and how fast they came.

    `judged` has the translator, as it loads it, or the folder of results, and the recipe.
    """
    begun = time.monotonic()
    with ExitStack() as opened:
        places: list[tuple[Place, Path]] = []

        def folder_of(url: str) -> str:
            """A place as a folder, whose files are brought as they are opened."""
            if "://" not in url or url.startswith(PREFIX):
                return url
            table = PurePosixPath(url).name if url.lower().endswith(TABLES) else ""
            files = opened.enter_context(brought(Place(url.removesuffix(table).rstrip("/"))))
            places.append((files.place, files.root))
            return str(files.root / table)

        # On the processor: it is asked how pairs are to be brought to it, and scores none.
        here = replace(settings, device="cpu")
        own, recipe = judged(here.load, translated and folder_of(translated))
        pairs = bring_pairs(folder_of(data))
        results = results_of(own, pairs, split, recipe=recipe, size=size)
        stored = model_path(model) if model else None
        work = ScoringWork(
            ending=stored.suffix if stored else "",
            settings=replace(settings, threads=settings.threads or 1),
            results=without_pairs(results),
            split=split,
            training=evenly_spread(results.beside, MOST_TRAINING),
            places=places,
            seed=seed,
            max_pixels=max_pixels(),
        )
        with quiet_ray(), Counter(f"scoring {split}") as counted:
            evaluation, failures = score_places(
                work,
                stored.read_bytes() if stored else None,
                results,
                in_passing=size is None and hasattr(own, "scaled"),
                actors=actors,
                on_progress=counted,
            )
    took, count = time.monotonic() - begun, len(evaluation.images)
    return evaluation, failures, f"{count:,} scored {pace_in_words(count, took)}"
