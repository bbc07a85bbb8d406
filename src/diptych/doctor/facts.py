"""What the pairs are, beside what is wrong with them: sizes, values, labels, shift."""

from collections import Counter

import numpy as np

from diptych.data.scale import learning_scale, middle
from diptych.doctor.alignment_rules import in_words, typical_shift
from diptych.doctor.class_rules import class_balance
from diptych.doctor.file_rules import channels_in_words
from diptych.doctor.findings import count
from diptych.doctor.size_rules import largest_crop, smallest_side
from diptych.doctor.survey import Survey
from diptych.schema import SPLITS, Recipe

LABELS_NAMED = 6


def facts(survey: Survey, recipe: Recipe) -> dict[str, str]:
    """Names and values, as a person reads them."""
    data = survey.data
    told = {
        "data": str(data.root),
        "layout": data.layout,
        "names": data.rule,
        "direction": " -> ".join(data.domains),
        "pairs": ", ".join(f"{len(data.splits[split]):,} {split}" for split in SPLITS),
    }
    if not survey.pairs:
        return told
    for side, domain in enumerate(survey.domains):
        told[domain] = _side(survey, side)
        balance = class_balance(survey, side)
        if balance:
            named = ", ".join(f"{c.name} {c.share:.1%}" for c in balance[:LABELS_NAMED])
            more = f", and {len(balance) - LABELS_NAMED} more" * (len(balance) > LABELS_NAMED)
            told[f"classes of {domain}"] = f"{len(balance)}: {named}{more}"
    size = middle((header.height, header.width) for header in survey.headers(0).values())
    if size is not None and (scale := learning_scale(size, recipe.data)) is not None:
        told["scale"] = scale
    smallest = smallest_side(survey)
    fits = largest_crop(smallest)
    told["smallest side"] = f"{count(smallest, 'pixel')}: " + (
        f"crops up to {fits} fit, the recipe's is {recipe.data.crop_size}"
        if fits
        else "below the smallest crop, 32"
    )
    if len(survey.domains) == 2:
        typical = typical_shift(survey)
        told["shift"] = (
            "cannot be told: too few pairs, or edges too different"
            if typical is None
            else f"{in_words(typical.right, typical.down)} "
            f"(median of the {typical.telling:.0%} of the pairs that tell)"
        )
    return told


def value_range(survey: Survey, side: int) -> tuple[float, float] | None:
    """The lowest and highest value of a side; None where no picture could be read."""
    looks = [seen.look for seen in survey.of_usual_depth(side).values() if seen.look is not None]
    if not looks:
        return None
    return min(look.low for look in looks), max(look.high for look in looks)


def value_sample(survey: Survey, side: int) -> np.ndarray:
    """Values of up to HISTOGRAM_PAIRS pictures of a side, each as often as the next."""
    seen = survey.of_usual_depth(side).values()
    samples = [one.values for one in seen if one.values is not None]
    return np.concatenate(samples) if samples else np.zeros(0)


def _side(survey: Survey, side: int) -> str:
    headers = survey.headers(side).values()
    values = value_range(survey, side)
    if not headers or values is None:
        return "no file can be read"
    sizes = Counter((header.width, header.height) for header in headers)
    counts = Counter(f"{channels_in_words(header)} of {header.dtype}" for header in headers)
    kinds = " or ".join(kind for kind, _ in counts.most_common(3))
    sample = value_sample(survey, side)
    told = f"{_sizes(sizes)}; {kinds}; values {values[0]:g} to {values[1]:g}"
    if sample.size:
        low, high = np.percentile(sample, (1, 99))
        told += f", 98% of them {low:.4g} to {high:.4g}"
    usual = [one.header for one in survey.of_usual_depth(side).values() if one.header is not None]
    if not all(header.plain for header in usual):
        whole = np.dtype(usual[0].dtype).kind in "ui"
        ends = [f"{value:.0f}" if whole else f"{value:.6g}" for value in values]
        told += f"; for the recipe: domain.{survey.domains[side]}.range=[{', '.join(ends)}]"
    return told


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    widths, heights = zip(*sizes, strict=True)
    ends = (f"{end(widths)}x{end(heights)}" for end in (min, max))
    return " to ".join(dict.fromkeys(ends))
