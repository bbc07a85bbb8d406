"""`diptych study`: people tell photos from translated pictures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from diptych.commands.terminal.options import Device, Set, Split, Threads
from diptych.errors import DiptychError
from diptych.methods import DEFAULT_RECIPE


def study(
    judged: Annotated[
        Path, typer.Argument(metavar="MODEL", help="as for translate, or a folder of results")
    ],
    *,
    data: Annotated[
        str | None, typer.Option(help="folder of pairs, a table or shards of them, or hf://NAME")
    ] = None,
    split: Split = "test",
    out: Annotated[
        Path | None, typer.Option(help="folder of the answers; default: MODEL/study")
    ] = None,
    results: Annotated[
        bool, typer.Option("--results", help="print what was answered, and serve no page")
    ] = False,
    trials: Annotated[int, typer.Option(min=1, help="pairs that count")] = 40,
    practice: Annotated[int, typer.Option(min=0, help="pairs before, with feedback")] = 10,
    seconds: Annotated[float, typer.Option(min=0.01, help="that a pair is shown")] = 1.0,
    other_pairs: Annotated[
        bool, typer.Option("--other-pairs", help="the photo is of another pair; harder to tell")
    ] = False,
    recipe: Annotated[
        str, typer.Option(help="for a folder of results: says where the targets lie")
    ] = DEFAULT_RECIPE,
    sets: Set = None,
    seed: Annotated[int, typer.Option(min=0, help="of the orders; each rater has another")] = 0,
    host: Annotated[str, typer.Option(help="0.0.0.0: whoever reaches this machine")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free")] = 7870,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Which one is real? People tell photos from translated pictures, on a page of their own."""
    from diptych.commands.terminal.console import Counter, console, say_note

    if out is None and not judged.is_dir():
        raise DiptychError("--out is missing: the folder of the answers")
    folder = out or judged / "study"
    if results:
        _show_outcome(folder)
        return
    if data is None:
        raise DiptychError("--data is missing: the pairs whose targets are the real ones")
    from diptych.config import load_recipe, recipe_from, with_overrides
    from diptych.evaluation.results import results_of
    from diptych.study.sessions import Design, Study, keep_design
    from diptych.study.study_pictures import check_enough, make_pictures
    from diptych.study.study_server import StudyServer
    from diptych.translation.loading import load
    from diptych.translation.translator import Translator

    design = Design(practice, trials, seconds, other_pairs, seed)
    translated: Path | Translator = judged
    facts: dict[str, Any] = {"judged": judged.name}
    if judged.is_dir() and not (judged / "model.safetensors").is_file():
        settled = load_recipe(recipe, sets or [])
    else:
        translated = load(judged, device=device, threads=threads)
        translated.seed(seed)
        header = translated.header
        settled = with_overrides(recipe_from(header.recipe, str(judged)), sets or [])
        facts |= {"step": header.step, "training_seconds": header.seconds}
    judged_results = results_of(translated, data, split, recipe=settled)
    facts |= {"pairs": judged_results.data.fingerprint(), "split": split}
    check_enough(judged_results, design.whole)
    keep_design(folder, facts, design)
    with Counter("translating") as counted:
        pictures = make_pictures(judged_results, design.whole, counted)

    def tell(rater: str) -> None:
        console.print(f"rater {rater} has finished")

    with StudyServer(Study(pictures, design, folder, tell), host, port) as server:
        console.print(f"Which one is real? {server.address}")
        console.print("Every visit is another rater. Ctrl-C ends the study and prints the rate.")
        if host not in {"127.0.0.1", "localhost"}:
            say_note("whoever reaches this machine there sees these pictures, and may answer")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print()
    _show_outcome(folder)


def _show_outcome(folder: Path) -> None:
    from diptych.commands.terminal.console import console, show_rows
    from diptych.study.study_results import outcome, read_ratings

    ratings = outcome(read_ratings(folder))
    rows = {
        "answers": str(folder),
        "raters": f"{ratings.raters} finished, {ratings.unfinished} did not and are left out",
    }
    if ratings.raters:
        rate = ratings.rate
        spread = "" if ratings.error is None else f" ± {100 * ratings.error:.1f}"
        rows["taken for real"] = f"{100 * rate.mean:.1f}{spread} % of {ratings.trials} trials"
        rows["95 % interval"] = (
            f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %, over {ratings.over}"
        )
    console.print("Which one is real?", style="bold")
    show_rows(rows)
    if ratings.error is not None:
        console.print("± is the standard error over raters. 50 % would be nobody could tell.")
