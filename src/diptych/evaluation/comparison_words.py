"""A comparison as a person says it."""

from diptych.evaluation.comparison import Comparison
from diptych.evaluation.summary import METRICS, Interval, Metric
from diptych.evaluation.words import FEWEST, listed


def comparison_in_words(done: Comparison) -> str:
    """One sentence: which is the best, by how much more than chance, and where it is not."""
    count, metric = len(done.images), done.metric
    if count < FEWEST:
        few = "1 pair is" if count == 1 else f"{count} pairs are"
        return f"{few} too few to say which is better: {FEWEST} are the least."
    ours = done.scores[done.best][metric.name].mean
    clear: list[str] = []
    like: list[str] = []
    for name, gains in done.behind.items():
        (clear if _nearer(gains[metric.name], metric) else like).append(name)
    theirs = {name: metric.figure(done.scores[name][metric.name].mean) for name in done.behind}
    figures = ", ".join(f"{figure} of {name}" for name, figure in theirs.items())
    if len(theirs) == 1:
        (figures,) = theirs.values()
    against = f"{metric.figure(ours)} against {figures}, over {count:,} pairs"
    if not clear:
        others = listed([done.best, *like])
        return f"By {metric.label} nothing tells {others} apart: {against}."
    told = f"By {metric.label} {done.best} is closer to the {done.domains[1]} than "
    told += f"{listed(clear)}: {against} ({metric.better} is better)"
    if len(done.behind) == 1:
        told += f", closer on {done.nearer(clear[0]):,} of them"
    if like:
        told += f"; from {listed(like)} nothing tells it apart"
    return f"{told}.{_other_way(done, clear[0])}"


def _other_way(done: Comparison, other: str) -> str:
    """By which other scores another one is the better."""
    gains = done.behind[other]
    worse = [
        METRICS[name].label
        for name, gain in gains.items()
        if name != done.metric.name and _farther(gain, METRICS[name])
    ]
    return f" By {listed(worse)} {other} is." if worse else ""


def _nearer(gain: Interval, metric: Metric) -> bool:
    return gain.high < 0 if metric.better == "lower" else gain.low > 0


def _farther(gain: Interval, metric: Metric) -> bool:
    return gain.low > 0 if metric.better == "lower" else gain.high < 0


def comparison_rows(done: Comparison) -> list[list[str]]:
    """A heading, and a row a metric: the mean of each, and by how much the best is higher."""
    rows = [["", *done.scores, *done.baselines]]
    for name in done.scores[done.best]:
        metric = METRICS[name]
        row = [f"{metric.label} {'↓' if metric.better == 'lower' else '↑'}"]
        for contestant, scores in done.scores.items():
            cell = metric.figure(scores[name].mean) if name in scores else "–"
            gain = done.behind.get(contestant, {}).get(name)
            if gain is not None:
                cell += f" ({gain.low:+.{metric.digits}f} to {gain.high:+.{metric.digits}f})"
            row.append(cell)
        rivals = done.baselines.values()
        row += [metric.figure(own[name].mean) if name in own else "–" for own in rivals]
        rows.append(row)
    return rows
