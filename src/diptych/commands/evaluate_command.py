"""`diptych evaluate`: score a model, or any tool's pictures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.commands.terminal.options import (
    Anywhere,
    Data,
    Device,
    Devices,
    Dropout,
    Nodes,
    Normalization,
    Set,
    Split,
    Threads,
    are_several,
    recipe_changes,
)
from diptych.errors import DiptychError
from diptych.methods import DEFAULT_RECIPE

if TYPE_CHECKING:
    from diptych.evaluation.evaluate import Evaluation
    from diptych.evaluation.patch_pictures import PatchFiles
    from diptych.evaluation.patches import PatchJudge
    from diptych.schema import Recipe
    from diptych.translation.translator import Translator


NOT_TOGETHER = (
    "--devices, --nodes, --ray: for the scores of one model; --report, --patches, --segmenter, "
    "--metrics and several models are for one process"
)


def evaluate(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="as for translate; several, or folders of pictures, are compared side by side",
        ),
    ] = None,
    *,
    data: Data,
    split: Split = "test",
    translated: Annotated[
        str | None, typer.Option(help="score the pictures in this folder, whoever made them")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="with --translated: says where source and target lie")
    ] = DEFAULT_RECIPE,
    sets: Set = None,
    anywhere: Anywhere = False,
    size: Annotated[
        str | None, typer.Option(help="native, or the side of a square; default: the crop size")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write all scores here")] = None,
    report: Annotated[Path | None, typer.Option(help="write a page of results here")] = None,
    segmenter: Annotated[
        Path | None,
        typer.Option(help="FCN-style score by the network in this file; trained if there is none"),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="also of the set: fid, kid, fid-lite0, kid-lite0; with commas")
    ] = "",
    patches: Annotated[
        Path | None,
        typer.Option(help="write what the discriminator decides of each patch of each pair here"),
    ] = None,
    dropout: Dropout = None,
    normalization: Normalization = None,
    seed: Annotated[int, typer.Option(min=0, help="of the noise, with --dropout")] = 0,
    device: Device = "auto",
    devices: Devices = 0,
    nodes: Nodes = 0,
    threads: Threads = 0,
    by_ray: Annotated[
        bool, typer.Option("--ray", help="on a Ray cluster, of any place, as s3://bucket/pairs")
    ] = False,
) -> None:
    """Score a model, or any tool's pictures, against the targets of a split; or compare several."""
    from diptych.commands.terminal.console import say_failures, say_note
    from diptych.evaluation.evaluate import write_json
    from diptych.translation.settings import Settings

    changes = recipe_changes(sets, anywhere=anywhere)
    _check_one_of(models, translated, by_ray=by_ray)
    several, model = bool(models and models[1:]), models[0] if models else None
    together = by_ray or are_several(devices, nodes)
    if together:
        _check_together(any((report, patches, segmenter, metrics, several)), by_ray and nodes)
    settings = Settings(
        device=device,
        threads=threads,
        dropout=dropout,
        normalization=normalization,
        precision="fp32",
    )

    def loaded(place: Path, threads: int = threads) -> "Translator":
        translator = replace(settings, threads=threads).load(place)
        translator.seed(seed)
        return translator

    def judged(
        load: Callable[[Path], "Translator"], folder: str | None = translated
    ) -> tuple["Translator | Path", "Recipe"]:
        return _settled(model, folder, recipe, changes, load)

    scored: dict[str, Any] = {"size": size, "device": device}
    if models and several:
        if segmenter is not None or metrics or patches is not None:
            raise DiptychError("--segmenter, --metrics, --patches: of one model at a time")
        from diptych.commands.terminal.compared_models import compare_models

        own_recipe = recipe if recipe != DEFAULT_RECIPE else None
        compare_models(
            _to_compare(models, loaded),
            data,
            split,
            recipe=own_recipe,
            changes=changes,
            json_file=json_file,
            report=report,
            **scored,
        )
        return
    name, rate = str(model or translated), ""
    failures: list[str] = []
    page = files = None
    if by_ray:
        from diptych.commands.evaluating_by_ray import evaluate_by_ray

        evaluation, failures, rate = evaluate_by_ray(
            settings, model, translated, judged, data, split, size=size, seed=seed, actors=devices
        )
    elif together:
        from diptych.commands.evaluating_together import evaluate_together

        evaluation = evaluate_together(
            lambda threads: judged(partial(loaded, threads=threads)),
            data,
            split,
            devices=devices,
            nodes=nodes,
            threads=threads,
            **scored,
        )
    else:
        evaluation, page, files = _evaluate_alone(
            *judged(loaded),
            data,
            split,
            model=model,
            name=name,
            report=report,
            patches=patches,
            segmenter=segmenter,
            metrics=[name.strip() for name in metrics.split(",") if name.strip()],
            **scored,
        )
    if json_file is not None:
        facts = {"model": name, "data": data} | ({"not_scored": failures} if failures else {})
        write_json(json_file, evaluation, facts)
    show_evaluation(evaluation, page)
    if files is not None:
        show_patches(files)
    say_note(*filter(None, [rate]))
    say_failures(failures)
    raise typer.Exit(int(bool(failures)))


def _evaluate_alone(
    judged: "Translator | Path",
    recipe: "Recipe",
    data: str,
    split: str,
    *,
    model: Path | None,
    name: str,
    report: Path | None,
    patches: Path | None,
    **scored: Any,
) -> tuple["Evaluation", Path | None, "PatchFiles | None"]:
    """The scores by this process, the page of them and the files of patches, where asked for."""
    from diptych.commands.terminal.console import Counter, bring_pairs
    from diptych.evaluation.evaluate import evaluate as evaluate_pictures
    from diptych.evaluation.evaluation_page import write_evaluation_page
    from diptych.evaluation.gallery import Gallery
    from diptych.evaluation.patch_pictures import patch_files

    judge, without = find_judge(model, judged, patches, report)
    pairs = bring_pairs(data)
    gallery = Gallery(judge=getattr(judge, "about", "")) if report else None
    with patch_files(patches, judge) as files, Counter(f"scoring {split}") as counted:
        takers = [taker.add for taker in (gallery, files) if taker is not None]
        evaluation = evaluate_pictures(
            judged,
            pairs,
            split,
            recipe=recipe,
            judge=judge,
            on_row=lambda row: [take(row) for take in takers],
            on_progress=counted,
            **scored,
        )
    evaluation.notes += without
    page = None
    if report and gallery:
        page = report / "report.html"
        write_evaluation_page(page, evaluation, gallery, model, name)
    return evaluation, page, files


def _check_one_of(models: list[Path] | None, translated: str | None, *, by_ray: bool) -> None:
    if bool(models) == (translated is not None):
        raise DiptychError("give either a MODEL or --translated DIR")
    if translated and "://" in translated and not by_ray:
        raise DiptychError(f"--translated {translated}: other places than folders are for --ray")


def _check_together(by_one: bool, nodes: int) -> None:
    if by_one:
        raise DiptychError(NOT_TOGETHER)
    if nodes:
        raise DiptychError("--ray: without --nodes: the cluster says which machines")


def _settled(
    model: Path | None,
    translated: str | None,
    recipe: str,
    changes: list[str],
    load: Callable[[Path], "Translator"],
) -> tuple["Translator | Path", "Recipe"]:
    """What is scored, and by which recipe: a model by its own."""
    from diptych.config import load_recipe, recipe_from, with_overrides

    if model is None:
        assert translated is not None  # noqa: S101 - it is one of both
        return Path(translated), load_recipe(recipe, changes)
    translator = load(model)
    return translator, with_overrides(recipe_from(translator.header.recipe, str(model)), changes)


def _to_compare(
    models: Sequence[Path], load: Callable[[Path], "Translator"]
) -> dict[str, "Translator | Path"]:
    """Models, and folders of pictures, by what tells them apart; raises DiptychError for twins."""
    if len(set(models)) < len(models):
        raise DiptychError("one model is given twice: what is compared differs")
    return {
        name: place if _holds_pictures(place) else load(place)
        for name, place in zip(short_names(models), models, strict=True)
    }


def find_judge(
    model: Path | None, judged: "Translator | Path", patches: Path | None, report: Path | None
) -> tuple["PatchJudge | None", list[str]]:
    """The discriminator of a model, for those that show what it sees; or a note on why not.

    Raises DiptychError in place of that where `patches` ask for it.
    """
    from diptych.training.judge import judge_of

    if model is None and patches is not None:
        raise DiptychError("--patches: pictures bring no discriminator; give a MODEL")
    if model is None or (patches is None and report is None):
        return None, []
    try:
        return judge_of(model, getattr(judged, "device", "cpu")), []
    except DiptychError as error:
        if patches is not None:
            raise DiptychError(f"--patches: {error}") from None
        return None, [f"without what the discriminator sees: {error}"]


def show_patches(files: "PatchFiles") -> None:
    """What the discriminator decided, on average, and where each decision is."""
    from diptych.commands.terminal.console import console, show_rows

    console.print(f"Taken for real by the discriminator, {files.about}", style="bold")
    show_rows({"mean": files.in_words(), "written to": str(files.folder)})


def short_names(places: Sequence[Path]) -> list[str]:
    """What tells places apart: as many of their last parts as that takes."""
    most = max(len(place.parts) for place in places)
    for count in range(1, most):
        names = [str(Path(*place.parts[-count:])) for place in places]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]


def _holds_pictures(place: Path) -> bool:
    return place.is_dir() and not (place / "model.safetensors").is_file()


def show_evaluation(evaluation: "Evaluation", page: Path | None) -> None:
    """The table of scores."""
    from diptych.commands.terminal.console import console, say_note, say_of, show_rows
    from diptych.commands.terminal.score_table import show_scores
    from diptych.evaluation.words import (
        looks_in_words,
        native_in_words,
        segmentation_in_words,
        sets_in_words,
    )
    from diptych.weights import GET_HINT

    source, target = evaluation.domains
    say_of(f"{source} → {target}", f", {len(evaluation.images)} {evaluation.split}")
    show_scores(evaluation.scores, evaluation.baselines)
    if evaluation.native is not None:
        show_rows(native_in_words(evaluation.native))
    if evaluation.in_looks is not None:
        console.print("By look", style="bold")
        show_rows(looks_in_words(evaluation.in_looks))
    if evaluation.segmentation:
        console.print("FCN-style score", style="bold")
        show_rows(
            {who: segmentation_in_words(scores) for who, scores in evaluation.segmentation.items()}
        )
    if evaluation.sets:
        console.print("The pictures as a set, lower is better", style="bold")
        show_rows(sets_in_words(evaluation.sets))
    say_note(*evaluation.notes)
    if "lpips" not in evaluation.scores:
        say_note(GET_HINT)
    if page is not None:
        console.print(f"report: {page}")
