"""Scores in the terminal: a line of them, or a table with intervals and baselines."""

from collections.abc import Mapping

from diptych.commands.terminal.console import show_table
from diptych.evaluation.summary import METRICS, Interval, chosen_by, score_rows


def scores_in_words(scores: Mapping[str, float]) -> str:
    """Scores in a line, the one that a model is chosen by first."""
    order = sorted(filter(METRICS.get, scores), key=lambda name: name != chosen_by(scores))
    return "  ".join(
        f"{METRICS[name].label} {METRICS[name].figure(scores[name])}" for name in order
    )


def show_scores(
    scores: Mapping[str, Interval], baselines: Mapping[str, Mapping[str, Interval]]
) -> None:
    """Each metric with its mean and 95 % interval, beside the means of the baselines.

    An arrow says where better is: down or up.
    """
    rows = [
        [f"{metric.label} {'↓' if metric.better == 'lower' else '↑'}", *cells]
        for metric, cells in score_rows(scores, baselines)
    ]
    show_table(("", "translated", "95 % interval", *baselines), rows, wrap=True)
