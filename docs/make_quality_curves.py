"""Draw the curves of "Which recipe, how long, how many pairs" from what `quality.py` measured.

python docs/make_quality_curves.py [benchmarks/results/quality_cpu.json]
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from jinja2 import Template

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 360, 250, 46, 34, 12, 40
COLOURS = {"default": "#1668b8", "classic": "#c2571a", "plain": "#7a7a7a"}
NAMES = {
    "default": "default",
    "classic": "the paper's, slim: half the channels, batches of 4",
    "plain": "the paper's as it is",
}
ARMS = tuple(COLOURS)


class Panel(NamedTuple):
    """One diagram: a score of some runs over what they had."""

    title: str
    across: str  # a field of a result, in powers of two
    label: str
    score: str
    ticks: Sequence[float]  # of the score
    of: dict[str, Any]  # what results are like


PANELS = {
    "time": [
        Panel(
            f"{name}, 128 px",
            "minutes",
            "minutes of one core",
            score,
            ticks,
            {"set": "facades", "size": 128, "pairs": 0},
        )
        for name, score, ticks in (
            ("Facades: LPIPS", "lpips_alex", (0.35, 0.4, 0.45, 0.5, 0.55)),
            ("Facades: KID x1000", "kid_x1000", (0, 100, 200, 300)),
        )
    ],
    "pairs": [
        Panel(
            f"{name}, 64 px",
            "pairs",
            "pairs",
            score,
            ticks,
            {"set": "facades", "size": 64},
        )
        for name, score, ticks in (
            ("Facades: LPIPS (VGG)", "lpips_vgg", (0.35, 0.4, 0.45, 0.5, 0.55)),
            ("Facades: KID x1000", "kid_x1000", (0, 100, 200, 300)),
        )
    ],
}

PAGE = Template(
    """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ across }} {{ down }}" \
font-family="system-ui, sans-serif" font-size="12" role="img">
<rect width="{{ across }}" height="{{ down }}" fill="#fff"/>
{% for panel in panels %}<g transform="translate({{ loop.index0 * width }} 0)">
<text x="{{ left }}" y="18" font-weight="600">{{ panel.title }}</text>
{% for y, text in panel.rows %}<path d="M{{ left }} {{ y }}H{{ width - right }}" stroke="#ddd"/>
<text x="{{ left - 6 }}" y="{{ y + 4 }}" text-anchor="end" fill="#444">{{ text }}</text>
{% endfor %}{% for x, text in panel.columns %}<text x="{{ x }}" y="{{ height - 24 }}" \
text-anchor="middle" fill="#444">{{ text }}</text>
{% endfor %}<text x="{{ (left + width - right) / 2 }}" y="{{ height - 8 }}" \
text-anchor="middle">{{ panel.label }}</text>
{% for line in panel.lines %}<polyline points="{{ line.points }}" fill="none" \
stroke="{{ line.colour }}" stroke-width="2"{{ ' stroke-dasharray="5 4"' if line.dashed }}/>
{% for x, y in line.places %}<circle cx="{{ x }}" cy="{{ y }}" r="3.5" fill="{{ line.colour }}"/>
{% endfor %}{% endfor %}</g>
{% endfor %}{% for name, colour, dashed in legend %}<g transform="translate({{ left }} \
{{ height + 14 + 18 * loop.index0 }})">
<path d="M0 -4H24" stroke="{{ colour }}" stroke-width="2"{{ ' stroke-dasharray="5 4"' if dashed }}/>
<text x="32">{{ name }}</text></g>
{% endfor %}</svg>
"""
)


def place(x: float, y: float, ends: tuple[float, float], ticks: Sequence[float]) -> Any:
    """Where a point lies, of which `x` is a power of two between `ends`."""
    share = (x - ends[0]) / ((ends[1] - ends[0]) or 1)
    height = (y - ticks[0]) / (ticks[-1] - ticks[0])
    across = LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24)
    return round(across, 1), round(HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM), 1)


def drawn(panel: Panel, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the page shows of a panel."""
    alike = [r for r in results if all(r[key] == value for key, value in panel.of.items())]
    found: dict[tuple[str, bool], dict[float, list[float]]] = {}
    for result in alike:
        if result["arm"] not in COLOURS or panel.score not in result["scores"]:
            continue
        # Of pairs: those that went through all epochs, and those that had a tenth of that time.
        short = panel.across == "pairs" and 12.5 * result["minutes"] < 0.5 * result["pairs"]
        runs = found.setdefault((result["arm"], short), {})
        runs.setdefault(result[panel.across], []).append(result["scores"][panel.score]["mean"])
    across = sorted({x for runs in found.values() for x in runs})
    ends = math.log2(across[0]), math.log2(across[-1])
    lines = []
    for (arm, short), runs in sorted(
        found.items(), key=lambda each: (ARMS.index(each[0][0]), each[0][1])
    ):
        places = [place(math.log2(x), fmean(runs[x]), ends, panel.ticks) for x in sorted(runs)]
        lines.append(
            {
                "arm": (arm, short),
                "colour": COLOURS[arm],
                "dashed": short,
                "places": places,
                "points": " ".join(f"{x},{y}" for x, y in places),
            }
        )
    return {
        "title": panel.title,
        "label": panel.label,
        "rows": [(place(ends[0], tick, ends, panel.ticks)[1], f"{tick:g}") for tick in panel.ticks],
        "columns": [
            (place(math.log2(x), panel.ticks[0], ends, panel.ticks)[0], f"{x:g}") for x in across
        ],
        "lines": lines,
    }


def main(results: str = "benchmarks/results/quality_cpu.json") -> None:
    """Write `images/quality_time.svg` and `images/quality_pairs.svg`."""
    measured = list(json.loads(Path(results).read_text("utf-8"))["results"].values())
    for name, panels in PANELS.items():
        shown = [drawn(panel, measured) for panel in panels]
        arms = dict.fromkeys(line["arm"] for panel in shown for line in panel["lines"])
        legend = [
            (NAMES[arm] + (", a tenth of the time" if short else ""), COLOURS[arm], short)
            for arm, short in arms
        ]
        page = PAGE.render(
            panels=shown, legend=legend, width=WIDTH, height=HEIGHT, left=LEFT, right=RIGHT,
            across=WIDTH * len(shown), down=HEIGHT + 14 + 18 * len(legend),
        )  # fmt: skip
        (Path(__file__).parent / "images" / f"quality_{name}.svg").write_text(page, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
