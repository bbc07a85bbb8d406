"""The report page of an evaluation, with what is known of the model behind it."""

from datetime import UTC, datetime
from pathlib import Path

from diptych.config import recipe_from, to_toml
from diptych.evaluation.curves import Curve, Remark, remarks, run_curves
from diptych.evaluation.evaluate import Evaluation
from diptych.evaluation.gallery import Gallery
from diptych.evaluation.report import write_report
from diptych.evaluation.words import (
    duration,
    looks_in_words,
    native_in_words,
    segmentation_in_words,
    sets_in_words,
)
from diptych.model_file import read_header
from diptych.model_place import model_path


def write_evaluation_page(
    path: Path,
    evaluation: Evaluation,
    gallery: Gallery,
    model: Path | None,
    name: str,
    credit: str = "",
    progress: Path | None = None,
) -> None:
    """Write the page to `path`. `model` is a run directory, a model file or None for none.

    `gallery` took in the rows of `evaluation`. `progress` is a moving picture of the run, by
    default its own.
    """
    height, width = gallery.size
    facts = {
        "Model": name,
        "Pairs": f"{len(evaluation.images)} of {evaluation.split}, at {width}×{height}",
    }
    recipe: str | None = None
    curves: list[Curve] = []
    said: list[Remark] = []
    if model is not None:
        header = read_header(model_path(model))
        facts["Trained on"] = header.dataset.training_pairs
        facts["Trained for"] = f"{header.step:,} steps, {duration(header.seconds)}"
        recipe = to_toml(recipe_from(header.recipe, str(model)))
        curves, said = run_curves(model / "log.jsonl"), remarks(model / "log.jsonl")
        progress = progress or model / "progress.gif"
    if evaluation.native is not None:
        facts |= {f"Scores {way}": text for way, text in native_in_words(evaluation.native).items()}
    if evaluation.in_looks is not None:
        looks = looks_in_words(evaluation.in_looks)
        facts |= {way[:1].upper() + way[1:]: text for way, text in looks.items()}
    for who, scores in evaluation.segmentation.items():
        facts[f"FCN-style score, {who}"] = segmentation_in_words(scores)
    facts |= sets_in_words(evaluation.sets)
    facts["Date"] = f"{datetime.now(UTC):%Y-%m-%d}"
    if credit:
        facts["Pictures"] = credit
    write_report(
        path,
        evaluation,
        gallery,
        facts,
        curves=curves,
        remarks=said,
        progress=progress,
        recipe=recipe,
    )
