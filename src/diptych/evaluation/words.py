"""Figures as a person says them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from diptych.evaluation.summary import METRICS, Interval, Metric, main_metric

if TYPE_CHECKING:
    from diptych.evaluation.in_looks import InLooks
    from diptych.evaluation.labels.confusion import SegmentationScores
    from diptych.evaluation.native import Native
    from diptych.evaluation.set_scores import SetScore

FEWEST = 8  # pairs that a verdict is of


def duration(seconds: float) -> str:
    """As `3 h 05 min`, `4 min 10 s` or `12 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def segmentation_in_words(scores: "SegmentationScores") -> str:
    """As `per-pixel .552, per-class .430, IoU .269`."""
    return (
        f"per-pixel {scores.pixel_accuracy:.3f}, per-class {scores.class_accuracy:.3f}, "
        f"IoU {scores.class_iou:.3f}"
    )


def sets_in_words(sets: Mapping[str, "SetScore"]) -> dict[str, str]:
    """Each by its label: `34.21 over 106 pictures; real ones against real ones: 20.10 (of 106)`."""
    return {_set_label(name): _set_in_words(name, score) for name, score in sets.items()}


def _set_label(name: str) -> str:
    """The published distances by their names; by another network no such name."""
    return name if name.endswith("lite0") else name.upper()


def _set_in_words(name: str, score: "SetScore") -> str:
    digits = 2 if name == "fid" else 4
    text = f"{score.value:.{digits}f}"
    if score.low is not None and score.high is not None:
        text += f" ({score.low:.{digits}f} to {score.high:.{digits}f})"
    text += f" over {score.count:,} pictures"
    if score.floor is not None:
        text += (
            f"; of real training pictures against real ones {score.floor:.{digits}f}"
            f" ({score.floor_count:,} of each)"
        )
    return text


def native_in_words(native: "Native") -> dict[str, str]:
    """What was scored at the pictures' own size, and its scores: `LPIPS 0.624, SSIM 0.310`."""
    at = f"at their own size, {native.size[0]}×{native.size[1]}, {native.pairs} pairs"
    ways = {at: native.scores}
    if native.at_trained_scale is not None:
        ways["the same, with --at-trained-scale"] = native.at_trained_scale
    return {way: _scores_in_words(scores) for way, scores in ways.items()}


def looks_in_words(looks: "InLooks") -> dict[str, str]:
    """Scores by the looks that results are in, the same way, and how various their colours are."""
    ways = {
        f"in the look that its source foretells, as used, {looks.pairs} pairs": looks.foretold,
        f"in a drawn look, {looks.drawn_of_each} of each source": looks.drawn,
        "in the best of these": looks.best_drawn,
        "in the target's own look, which nobody knows: a bound, no score of the model": looks.own,
    }
    words = {way: _scores_in_words(scores) for way, scores in ways.items()}
    for way, shares in looks.spread.items():
        colours = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        words[f"spread of mean colours, {way}"] = f"{colours} of the targets'"
    return words | {"drawn results of one source": f"{looks.apart:.0f} levels apart"}


def _scores_in_words(scores: Mapping[str, Interval]) -> str:
    return ", ".join(
        f"{METRICS[name].label} {METRICS[name].figure(score.mean)}"
        for name, score in _main_first(scores)
    )


def _main_first(scores: Mapping[str, Interval]) -> list[tuple[str, Interval]]:
    main = main_metric(scores)
    return sorted(scores.items(), key=lambda item: item[0] != main)


def verdict(
    scores: Mapping[str, Interval],
    baselines: Mapping[str, Mapping[str, Interval]],
    gains: Mapping[str, Mapping[str, Interval]],
    target: str,
) -> str:
    """One sentence: whether the pictures are nearer the targets than the best baseline is.

    Of fewer than `FEWEST` pairs nothing is said of that. Judged by `gains`, what they have over
    each baseline pair by pair.
    """
    name = main_metric(scores)
    metric, ours = METRICS[name], scores[name]
    if not baselines:
        return f"{metric.label} {metric.figure(ours.mean)} ({metric.better} is better)."
    label = _rival(metric, baselines)
    bare, gain = baselines[label][name], gains[label][name]
    figures = f"{metric.figure(ours.mean)} against {metric.figure(bare.mean)}"
    if gain.count < FEWEST:
        few = f"{gain.count} pair is" if gain.count == 1 else f"{gain.count} pairs are"
        return (
            f"{few} too few to say whether the translated pictures are closer to the {target} than "
            f"the baseline, {label}: {metric.label} {figures} ({metric.better} is better)."
        )
    how = {-1: "closer to", 0: "about as far from", 1: "farther from"}[_side(metric, gain)]
    than = "as" if how.startswith("about") else "than"
    return (
        f"By {metric.label} the translated pictures are {how} the {target} {than} the baseline, "
        f"{label}: {figures} over {gain.count:,} pairs ({metric.better} is better)."
    )


def by_other_scores(
    scores: Mapping[str, Interval],
    baselines: Mapping[str, Mapping[str, Interval]],
    gains: Mapping[str, Mapping[str, Interval]],
) -> str:
    """What the verdict leaves out: by which other scores the pictures are closer than the same
    baseline, for more than chance, and by which it is. Empty where there is nothing to say.
    """
    main = METRICS[main_metric(scores)]
    if not baselines:
        return ""
    own = gains[_rival(main, baselines)]
    sides = {name: _side(METRICS[name], gain) for name, gain in own.items()}
    if own[main.name].count < FEWEST:
        return ""
    closer, farther = (
        [
            METRICS[name].label
            for name, side in sides.items()
            if side == wanted and name != main.name
        ]
        for wanted in (-1, 1)
    )
    told = []
    if closer:
        told.append(f"by {listed(closer)} they are closer{' too' * (sides[main.name] < 0)}")
    if farther:
        told.append(f"by {listed(farther)} the baseline is{' too' * (sides[main.name] > 0)}")
    sentence = "; ".join(told)
    return f"{sentence[:1].upper()}{sentence[1:]}." if told else ""


def _rival(metric: Metric, baselines: Mapping[str, Mapping[str, Interval]]) -> str:
    """The best of the baselines."""
    return min(baselines, key=lambda label: metric.badness(baselines[label][metric.name].mean))


def _side(metric: Metric, gain: Interval) -> int:
    """-1 where they are closer for more than chance, 1 where they are farther, else 0."""
    low, high = sorted((metric.badness(gain.low), metric.badness(gain.high)))
    return -1 if high < 0 else 1 if low > 0 else 0


def listed(names: Sequence[str]) -> str:
    """As `one, two and three`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
