"""Several models scored side by side: the table, the verdict, the page and the JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from diptych.commands.terminal.console import Counter, bring_pairs, console, say_of, show_table
from diptych.config import load_recipe, recipe_from, with_overrides
from diptych.evaluation.comparison import compare, write_comparison
from diptych.evaluation.comparison_page import Apart, write_comparison_page
from diptych.evaluation.comparison_words import comparison_in_words, comparison_rows
from diptych.methods import DEFAULT_RECIPE
from diptych.translation.translator import Translator


def compare_models(
    contestants: Mapping[str, Translator | Path],
    data: str,
    split: str,
    *,
    recipe: str | None,
    changes: Sequence[str],
    size: str | None,
    device: str,
    json_file: Path | None,
    report: Path | None,
) -> None:
    """Compare, show and write what is asked for.

    With a `recipe`, or `changes`, which begin with the first translator's, one is for all.
    """
    settled = None
    if recipe is not None:
        settled = load_recipe(recipe, changes)
    elif changes:
        first = next((one for one in contestants.values() if isinstance(one, Translator)), None)
        own = load_recipe(DEFAULT_RECIPE) if first is None else recipe_from(first.header.recipe, "")
        settled = with_overrides(own, changes)
    apart = Apart()
    pairs = bring_pairs(data)
    with Counter(f"scoring {split}") as counted:
        done = compare(
            contestants,
            pairs,
            split,
            recipe=settled,
            size=size,
            device=device,
            on_pair=apart.add if report else lambda _: None,
            on_progress=counted,
        )
    source, target = done.domains
    say_of(f"{source} → {target}", f", {len(done.images)} {split}")
    heading, *rows = comparison_rows(done)
    show_table(heading, rows, wrap=True)
    console.print(f"in brackets: by how much {done.best} is higher, pair by pair, with 95 %")
    verdict = comparison_in_words(done)
    console.print(verdict, style="bold")
    if json_file is not None:
        write_comparison(json_file, done, {"data": data, "verdict": verdict})
    if report is not None:
        height, width = apart.size
        facts = {
            "Pairs": f"{len(done.images):,} of {split}, at {width}×{height}",
            "Date": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        page = report / "report.html"
        write_comparison_page(page, done, apart, facts)
        console.print(f"report: {page}")
