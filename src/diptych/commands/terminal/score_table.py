"""Scores in the terminal: a line of them, or a table with intervals and baselines."""

from collections.abc import Mapping

from rich.table import Table

from diptych.evaluation.summary import METRICS, Interval


def scores_in_words(scores: Mapping[str, float]) -> str:
    """Scores in a line, the metric to judge by first."""
    order = sorted(filter(METRICS.get, scores), key=lambda name: name != "lpips")
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
