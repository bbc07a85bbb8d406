"""The report of a finished run: its best model on the validation pairs."""

import numpy as np

from diptych.data.pairs import PairedData
from diptych.evaluation.baselines import baselines
from diptych.evaluation.curves import run_curves
from diptych.evaluation.report import Report, Row, write_report
from diptych.evaluation.summary import differences, summarise
from diptych.evaluation.words import duration, verdict
from diptych.images.display import shown
from diptych.model_file import read_model
from diptych.schema import Recipe
from diptych.training.run_directory import RunDirectory
from diptych.training.validation import Validator


def write_run_report(
    run: RunDirectory, recipe: Recipe, data: PairedData, validator: Validator
) -> None:
    """Translate the validation pairs with the best model and write `report.html`."""
    header, weights = read_model(run.best)
    translated = validator.translate(weights)
    scores = validator.score(translated)
    height, width = validator.targets.shape[1:3]
    domains = validator.domains
    # Where train stands in for a missing split, a pair is not held against itself.
    validated = set(data.splits["val"])
    unseen = [pair for pair in data.splits["train"] if pair not in validated]
    free = {
        name: [made(picture, (height, width)) for picture in validator.sources]
        for name, made in baselines(recipe, domains, unseen).items()
    }
    others = {name: validator.score(np.stack(made)) for name, made in free.items()}
    gains = {name: differences(scores, given) for name, given in others.items()}
    means = {name: summarise(given) for name, given in others.items()}
    source, target = data.domains
    pairs = header.dataset.pairs
    sources = shown(validator.sources, domains[0])
    looks, targets = (shown(given, domains[1]) for given in (translated, validator.targets))
    write_report(
        run.report,
        Report(
            title=f"{source} → {target}",
            verdict=verdict(summarise(scores), means, gains, target),
            facts={
                "Run": run.path.name,
                "Pairs": f"{len(scores)} to validate at {width}×{height}, "
                f"{pairs['train']} to train",
                "Best model": f"step {header.step:,}, after {duration(header.seconds)}",
                "Layout": data.layout,
            },
            rows=[
                Row(name, sources[i], looks[i], targets[i], scores[i])
                for i, name in enumerate(validator.names)
            ],
            domains=(source, target),
            baselines=means,
            curves=run_curves(run.log),
            progress=run.progress if run.progress.is_file() else None,
            recipe=run.recipe.read_text("utf-8"),
            notes=data.notes,
        ),
    )
