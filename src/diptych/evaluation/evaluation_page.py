"""The report page of an evaluation, with what is known of the model behind it."""

from datetime import UTC, datetime
from pathlib import Path

from diptych.config import recipe_from, to_toml
from diptych.evaluation.curves import run_curves
from diptych.evaluation.evaluate import Evaluation
from diptych.evaluation.report import Report, write_report
from diptych.evaluation.words import duration, segmentation_in_words, verdict
from diptych.model_file import model_path, read_header


def write_page(
    path: Path, evaluation: Evaluation, model: Path | None, name: str, credit: str = ""
) -> Path:
    """Write the page to `path`. `model` is a run directory, a model file or None for none.

    `evaluation` must have been made with its pictures kept.
    """
    source, target = evaluation.domains
    height, width = evaluation.rows[0].target.shape[:2]
    facts = {
        "Model": name,
        "Pairs": f"{len(evaluation.images)} of {evaluation.split}, at {width}×{height}",
    }
    recipe, curves, progress = None, [], None
    if model is not None:
        header = read_header(model_path(model))
        facts["Trained on"] = f"{header.dataset.pairs['train']} pairs"
        facts["Trained for"] = f"{header.step:,} steps, {duration(header.seconds)}"
        recipe = to_toml(recipe_from(header.recipe, str(model)))
        curves = run_curves(model / "log.jsonl")
        progress = model / "progress.gif"
    for who, seen in evaluation.segmentation.items():
        facts[f"FCN-style score, {who}"] = segmentation_in_words(seen)
    facts["Date"] = f"{datetime.now(UTC):%Y-%m-%d}"
    if credit:
        facts["Pictures"] = credit
    write_report(
        path,
        Report(
            title=f"{source} → {target}",
            verdict=verdict(evaluation.scores, evaluation.baselines, evaluation.gains, target),
            facts=facts,
            rows=evaluation.rows,
            domains=evaluation.domains,
            baselines=evaluation.baselines,
            curves=curves,
            progress=progress if progress is not None and progress.is_file() else None,
            recipe=recipe,
            notes=evaluation.notes,
        ),
    )
    return path
