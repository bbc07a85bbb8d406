"""The report of a finished run: its best model on the validation pairs."""

from collections.abc import Sequence

from diptych.data.pairs import Pair, PairedData
from diptych.errors import DiptychError
from diptych.evaluation.baselines import baselines
from diptych.evaluation.curves import remarks, run_curves
from diptych.evaluation.evaluate import Evaluation, score_pairs
from diptych.evaluation.gallery import Gallery
from diptych.evaluation.patches import PatchJudge
from diptych.evaluation.report import write_report
from diptych.evaluation.results import Result
from diptych.evaluation.words import duration
from diptych.model_file import read_model
from diptych.schema import Recipe
from diptych.training.run_directory import RunDirectory
from diptych.training.validation import Validator


def write_run_report(
    run: RunDirectory,
    recipe: Recipe,
    data: PairedData,
    validator: Validator,
    judge: PatchJudge | None,
) -> None:
    """Translate the validation pairs with the best model and write `report.html`.

    `judge` is the discriminator, where there is one that has begun.
    """
    header, weights = read_model(run.best)
    # Where train stands in for a missing split, a pair is not held against itself.
    validated = set(data.splits["val"])
    unseen = [pair for pair in data.splits["train"] if pair not in validated]
    arrays = validator.sources, validator.translate(weights), validator.targets

    def scored(beside: Sequence[Pair]) -> tuple[Evaluation, Gallery]:
        gallery = Gallery(judge="" if judge is None else judge.about)
        evaluation = score_pairs(
            map(Result, validator.names, *arrays),
            data.domains,
            "val",
            validator.domains,
            validator.scorer,
            baselines(recipe, validator.domains, beside),
            judge=judge,
            on_row=gallery.add,
        )
        return evaluation, gallery

    notes = data.notes
    try:
        evaluation, gallery = scored(unseen)
    except DiptychError as error:  # of files that went since they were trained on
        evaluation, gallery = scored(())
        notes = [*notes, f"no training pair is held against the results: {error}"]
    evaluation.notes = notes
    height, width = gallery.size
    facts = {
        "Run": run.path.name,
        "Pairs": f"{len(evaluation.images)} to validate at {width}×{height}, "
        f"{header.dataset.pairs['train']} to train",
        "Best model": f"step {header.step:,}, after {duration(header.seconds)}",
        "Layout": data.layout,
    }
    write_report(
        run.report,
        evaluation,
        gallery,
        facts,
        curves=run_curves(run.log),
        remarks=remarks(run.log),
        progress=run.progress,
        recipe=run.recipe.read_text("utf-8"),
    )
