"""What a person sees in the terminal: counts, scores, and what a command left."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from diptych.evaluation.summary import METRICS
from diptych.evaluation.words import duration, segmentation_in_words
from diptych.images.domain import Domain
from diptych.weights import GET_HINT

if TYPE_CHECKING:
    from pathlib import Path

    from diptych.evaluation.evaluate import Evaluation
    from diptych.evaluation.summary import Interval
    from diptych.experiments.demo import Demo
    from diptych.experiments.experiment_page import Table as ExperimentTable
    from diptych.experiments.reproduce import Reproduction
    from diptych.model_file import Header, Network
    from diptych.training.plan import Cost, Estimate, Plan
    from diptych.training.train import TrainedRun
    from diptych.translation.jobs.file_plan import Plan as FilePlan
    from diptych.translation.jobs.pipeline import Outcome

console = Console(highlight=False, soft_wrap=True)


def scores_in_words(scores: Mapping[str, float]) -> str:
    """Scores in a line, the metric to judge by first."""
    order = sorted(scores, key=lambda name: name != "lpips")
    return "  ".join(
        f"{METRICS[name].label} {scores[name]:.{METRICS[name].digits}f}" for name in order
    )


def score_table(
    scores: Mapping[str, Interval], baselines: Mapping[str, Mapping[str, Interval]]
) -> Table:
    """Each metric with its mean and 95 % interval, beside the means of the baselines.

    An arrow says where better is: down or up.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "translated", "95 % interval", *baselines):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, interval in scores.items():
        metric = METRICS[name]
        digits = metric.digits
        others = (f"{baseline[name].mean:.{digits}f}" for baseline in baselines.values())
        table.add_row(
            f"{metric.label} {'↓' if metric.better == 'lower' else '↑'}",
            f"{interval.mean:.{digits}f}",
            f"{interval.low:.{digits}f} to {interval.high:.{digits}f}",
            *others,
        )
    return table


class Counter:
    """A bar that appears with the first count and goes when the block ends."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """So many are done."""
        if not console.is_terminal:
            return
        if self.bar is None:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self.bar.add_task(self.what, total=total or None)
            self.bar.start()
        self.bar.update(self.bar.task_ids[0], completed=done)
        if done == total:
            self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


@contextmanager
def counting(what: str) -> Iterator[Counter]:
    """Count `what` in a bar; nothing where there is no terminal."""
    counter = Counter(what)
    try:
        yield counter
    finally:
        counter.stop()


def fetched(data: str) -> Path:
    """The folder or table of the pairs; those that come from elsewhere are kept first."""
    from diptych.data.sources import at_hand

    with counting("keeping pairs, once") as counted:
        return at_hand(data, counted)


def show_plan(plan: Plan, cost: Estimate) -> None:
    """What a dry run found."""
    from diptych.config import to_toml
    from diptych.schema import SPLITS

    recipe, found = plan.recipe, plan.data
    console.print("[bold]recipe[/bold]")
    console.print(to_toml(recipe).rstrip(), style="dim", markup=False)
    counts = ", ".join(f"{len(found.splits[split])} {split}" for split in SPLITS)
    first = found.splits["train"][0]
    sizes = [first.source.size, first.target.size]
    shapes = " -> ".join(f"{width}x{height}" for width, height in sizes)
    rows = {
        "data": str(found.root),
        "layout": found.layout,
        "direction": " -> ".join(found.domains),
        "pairs": counts,
        "first pair": f"{first.source.describe()} -> {first.target.describe()}, {shapes}",
        "generator": cost_in_words(cost.generator),
        "discriminator": cost_in_words(cost.discriminator) if cost.discriminator else "none",
        "device": cost.device,
        "step": f"{cost.seconds_per_step:.2f} s, batch of {recipe.train.batch_size}",
        "time": time_in_words(plan, cost),
    }
    show_rows(rows)
    for note in found.notes:
        say_note(note)
    console.print("Nothing was trained: this was a dry run.")


def time_in_words(plan: Plan, cost: Estimate) -> str:
    """What the whole run takes, or gets."""
    minutes = plan.recipe.train.minutes
    if minutes:
        steps = 60 * minutes / cost.seconds_per_step
        epochs = steps / plan.steps_per_epoch
        return f"{duration(60 * minutes)}: about {steps:,.0f} steps, {epochs:.1f} epochs"
    total = duration(plan.steps * cost.seconds_per_step)
    return f"about {total} for {plan.steps:,} steps, validation apart"


def cost_in_words(cost: Cost) -> str:
    """As `54,413,955 parameters, 6.05 G multiply-adds`."""
    return f"{cost.parameters:,} parameters, {cost.multiply_adds / 1e9:.2f} G multiply-adds"


def show_run(run: TrainedRun, data: str) -> None:
    """What training left, and what to do next."""
    if not run.finished:
        console.print(
            f"Stopped at step {run.step:,} after {duration(run.seconds)}; all is saved. "
            "The same command goes on from here."
        )
        return
    console.print(f"Finished: {run.step:,} steps in {duration(run.seconds)}.")
    if run.scores:
        console.print(f"Best model in validation:  {scores_in_words(run.scores)}")
    show_rows(
        {
            "model": str(run.model),
            "report": str(run.path / "report.html"),
            "translate": f"diptych translate {run.path} PICTURES --out translated",
            "evaluate": f"diptych evaluate {run.path} --data {shlex.quote(data)} --split test",
        }
    )


def show_demo(demo: Demo) -> None:
    """What the demo left, and what to try next."""
    if demo.evaluation is None:
        console.print("Stopped; all is saved. `diptych demo` goes on from here.")
        return
    console.print(f"\n[bold]{len(demo.evaluation.images)} held-out emoji[/bold], never trained on:")
    console.print(score_table(demo.evaluation.scores, demo.evaluation.baselines))
    if "lpips" not in demo.evaluation.scores:
        say_note(GET_HINT)
    out = demo.run.path
    console.print("\n[bold]Look[/bold] at the page, then try:")
    show_rows(
        {
            "page": str(demo.report),
            "colour": f"diptych translate {out} {demo.data}/test --side source --out coloured",
            "describe": f"diptych info {out}",
            "score": f"diptych evaluate {out} --data {demo.data} --split test",
            "your own": "diptych train --data YOUR_PAIRS --out runs/mine --dry-run",
        }
    )
    console.print(f"[dim]{demo.credit}[/dim]")


def show_outcome(plan: FilePlan, outcome: Outcome, out: Path) -> None:
    """How many pictures were translated, and what was not."""
    kept = f", {outcome.kept} already there and kept (--overwrite replaces)" if outcome.kept else ""
    console.print(f"{outcome.translated} translated to {out}{kept}")
    for path in plan.not_pictures:
        say_note(f"left out, neither picture nor video: {path}")
    for note in outcome.notes:
        say_note(note)
    for failure in outcome.failures:
        console.print(f"failed: {failure}", style="red", markup=False, soft_wrap=True)


def show_evaluation(evaluation: Evaluation, page: Path | None) -> None:
    """The table of scores."""
    source, target = evaluation.domains
    console.print(f"[bold]{source} → {target}[/bold], {len(evaluation.images)} {evaluation.split}")
    console.print(score_table(evaluation.scores, evaluation.baselines))
    if evaluation.segmentation:
        console.print("[bold]FCN-style score[/bold]")
        show_rows(
            {who: segmentation_in_words(seen) for who, seen in evaluation.segmentation.items()}
        )
    for note in evaluation.notes:
        say_note(note)
    if "lpips" not in evaluation.scores:
        say_note(GET_HINT)
    if page is not None:
        console.print(f"report: {page}", soft_wrap=True)


def show_reproduction(done: Reproduction, page: Path) -> None:
    """The table of an experiment, and the paper's beside it."""
    from diptych.experiments.experiment_page import brief_table, published_table

    console.print(f"[bold]{done.experiment.title}[/bold]")
    _print_table(brief_table(done))
    published = published_table(done)
    if published is not None and done.experiment.published is not None:
        console.print(f"\nthe paper, for comparison only: {done.experiment.published.where}")
        _print_table(published)
    for note in done.notes:
        say_note(note)
    console.print(f"page: {page}", soft_wrap=True)


def _print_table(given: ExperimentTable) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, heading in enumerate(given.headings):
        table.add_column(heading, justify="right" if i else "left", no_wrap=True)
    for row in given.rows:
        table.add_row(*row)
    console.print(table)


def show_header(path: Path, header: Header) -> None:
    """A model file in words."""
    by = header.test.normalization
    dropout = "on: results vary" if header.test.dropout else "off: results repeat"
    show_rows(
        {
            "file": f"{path}, {path.stat().st_size / 1e6:.1f} MB, format {header.format}",
            "translates": f"{header.source.name} -> {header.target.name}",
            "generator": network_in_words(header.generator),
            "discriminator": network_in_words(header.discriminator)
            if header.discriminator
            else "not in the file",
            "sizes": f"any; trained at {header.crop_size[1]}x{header.crop_size[0]}, "
            f"padded to multiples of {header.size_multiple} within",
            "source": domain_in_words(header.source),
            "target": f"{domain_in_words(header.target)}, scale {header.scale}",
            "dropout": f"{dropout} (when translating)",
            "normalises by": "each image, and holds stored statistics"
            if by == "image" and header.generator.options.get("stored_statistics")
            else {"image": "each image", "stored": "stored statistics"}[by],
            "trained": f"{header.step:,} steps, {duration(header.seconds)}"
            if header.step
            else "elsewhere",
            "on": f"{header.dataset.pairs.get('train', 0)} pairs ({header.dataset.fingerprint})"
            if header.dataset.pairs
            else "unknown",
            "scores": scores_in_words(header.scores) or "none",
            "made by": f"diptych {header.version}",
        }
    )


def network_in_words(network: Network) -> str:
    """As `unet (base_channels 64, levels 8)`."""
    options = ", ".join(f"{name} {value}" for name, value in network.options.items())
    return f"{network.name} ({options})"


def domain_in_words(domain: Domain) -> str:
    """What the pictures of one side are."""
    if domain.parts:
        return "; ".join(f"{part.name}: {domain_in_words(part)}" for part in domain.parts)
    if domain.kind == "labels":
        return f"labels of {domain.channels} classes"
    if domain.kind != "values":
        return f"{domain.kind}, {domain.channels} channels of 8 bits"
    low, high = min(low for low, _ in domain.range), max(high for _, high in domain.range)
    nodata = "" if domain.nodata is None else f", {domain.nodata:g} where there is no data"
    return f"{domain.channels} channels of {domain.dtype}, {low:g} to {high:g}{nodata}"


def show_rows(rows: Mapping[str, str]) -> None:
    """Names and values in two columns."""
    width = max(map(len, rows))
    for name, value in rows.items():
        console.print(Text.assemble((f"  {name:{width}}  ", "bold"), value), soft_wrap=True)


def say_note(text: str) -> None:
    """A line that a person should know of."""
    console.print(Text.assemble(("note: ", "dim"), text), soft_wrap=True)
