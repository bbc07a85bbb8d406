"""How good pictures get in equal processor time: arms, sets and seeds in turns, one thread each.

    python benchmarks/quality.py DATA OUT [--sets NAME ...] [--arms NAME ...] [--seeds 0 1]
        [--minutes 8 ...] [--try NAME ARM KEY=VALUE ...] [--looks] [--json FILE] [--sheet FOLDER]

DATA holds a folder for each set of SETS. An arm is a method and some keys of its recipe. It trains
for so many minutes of the processor, with its weights at the end as its model: nothing is chosen by
a score. Then `judges.py` scores the test pictures. Results are kept in FILE, whole after every run:
the same command goes on where it was stopped, and one with more arms or seeds adds to it. A run
whose recipe is another now is repeated.

How long an arm takes to a score is asked by several `--minutes`, each a run of its own, since the
learning rate falls to 0 at the end of each. Tables hold what is kept of other minutes and arms too.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

import side_by_side
from diptych.config import flat, load_recipe, parsed_override
from diptych.errors import DiptychError
from diptych.evaluation.colour_spread import COLOURS
from diptych.schema import Recipe
from diptych.training.settled import jittered
from diptych.whole_file import write_whole
from judges import Judge
from side_by_side import alone

INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
SHOWN = 8  # pairs in a sheet


@dataclass(frozen=True)
class Set:
    """Pairs to learn from, by the task's recipe, and those to score."""

    folder: str
    task: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    on_paper: bool = False  # pictures stand on white
    # Where other pairs are scored: their folder, and changes of the recipe there.
    scored: tuple[str, Mapping[str, Any]] | None = None


NOISE_12 = {"derive.noise": [12, 12], "derive.blur": [0, 0], "derive.jpeg": [100, 100]}

SETS = {
    "facades": Set("facades", "facades"),
    "maps": Set("maps", "maps"),
    "maps-back": Set("maps", "maps", {"data.direction": "map -> satellite"}),
    "edges2shoes": Set(
        "edges2shoes",
        "edges2shoes",
        {"data.direction": "b_to_a", "augment.mirror": True},
        on_paper=True,
    ),
    "edges2handbags": Set(
        "edges2handbags",
        "edges2handbags",
        {"data.direction": "b_to_a", "augment.mirror": True},
        on_paper=True,
    ),
    "colorize": Set("bsds500", "colorize"),
    "cityscapes": Set("cityscapes", "cityscapes"),
    "restore": Set("bsds500", "restore", scored=("set5", NOISE_12)),
    "earth": Set("earth", "earth"),
    "earth-back": Set("earth", "earth", {"data.direction": "map -> satellite"}),
}

Arm = tuple[str, Mapping[str, Any]]  # a method, and changes of its recipe

TUNED = {
    "generator.base_channels": 32,
    "discriminator.base_channels": 32,
    "train.batch_size": 4,
    "train.learning_rate": 4e-4,
    "train.ema": 0.99,
}

ARMS: dict[str, Arm] = {
    "plain": ("pix2pix", {}),
    "classic": ("pix2pix", TUNED),
    "default": ("diptych", {}),
    # The default without one of its parts, or with the classic one in its place.
    "no-features": ("diptych", {"loss.features": 0}),
    "no-features-l1-100": ("diptych", {"loss.features": 0, "loss.l1": 100}),
    "no-l1": ("diptych", {"loss.l1": 0}),
    "no-d": ("diptych", {"loss.adversarial": "none"}),
    "d-from-start": ("diptych", {"loss.adversarial_from": 0}),
    "patchgan": ("diptych", {"discriminator.name": "patchgan", "discriminator.base_channels": 32}),
    "unet": ("diptych", {"generator.name": "unet", "generator.base_channels": 32}),
    "one-block": ("diptych", {"generator.blocks": 1}),
    "no-average": ("diptych", {"train.ema": 0, "train.ema_share": 0}),
    "no-mirror": ("diptych", {"augment.mirror": False}),
    "batch-1": ("diptych", {"train.batch_size": 1}),
    "no-look": ("diptych", {"generator.look": "none"}),
    "no-other-colours": ("diptych", {"augment.target_colours": 0}),
    "no-frozen-maps": ("diptych", {"generator.frozen_maps": 0}),
    "rate-2e-4": ("diptych", {"train.learning_rate": 2e-4}),
}


@dataclass(frozen=True)
class Job:
    """One run: what learns what, for how long; `pairs` 0 for all there are."""

    set: str
    arm: str
    changes: Arm = field(compare=False)
    minutes: float
    size: int
    pairs: int
    precision: str
    seed: int

    @property
    def key(self) -> str:
        """Its name among the results, and that of its folder."""
        pairs = f"{self.pairs}pairs/" if self.pairs else ""
        precision = "" if self.precision == "fp32" else f"{self.precision}/"
        what = f"{self.set}/{self.size}px/{pairs}{precision}{self.minutes:g}min"
        return f"{what}/{self.arm}/seed{self.seed}"


def settled(job: Job) -> Recipe:
    """The recipe of a run; raises DiptychError where the arm does not fit the set."""
    of, (method, changes) = SETS[job.set], job.changes
    common: dict[str, Any] = {"data.crop_size": job.size}
    if of.scored is None:
        common["data.load_size"] = jittered(job.size)
    budget = {
        "train.minutes": job.minutes,
        "train.precision": job.precision,
        "train.seed": job.seed,
    }
    return load_recipe(f"{method}/{of.task}", common | dict(of.changes) | budget | dict(changes))


def stated(recipe: Recipe) -> dict[str, Any]:
    """What differs from the defaults."""
    usual = flat(Recipe())
    return {key: value for key, value in flat(recipe).items() if usual.get(key) != value}


def run(job: Job, data: Path, out: Path) -> dict[str, Any]:
    """Train and translate, in a process that does nothing else; pictures go to `out`."""
    import diptych
    from diptych.config import with_overrides
    from diptych.evaluation.baselines import baselines
    from diptych.evaluation.results import results_of
    from diptych.images.display import displayed
    from diptych.training import train as training
    from diptych.training.run_directory import RunDirectory
    from diptych.training.schedule import Schedule

    class ByProcessorTime(Schedule):
        """Minutes are the processor's, and all of them go into training: scores choose nothing."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **(named | {"clock": time.process_time}))

        def validation_due(self, step: int) -> bool:  # noqa: ARG002
            """Only the one that comes at the end in any case, which writes the model."""
            return False

    training.Schedule = ByProcessorTime  # type: ignore[misc]
    of, folder, recipe = SETS[job.set], out / job.key, settled(job)
    shutil.rmtree(folder, ignore_errors=True)
    pairs = data / of.folder
    if job.pairs:
        pairs = few_pairs(pairs, job.pairs, folder / "pairs")
    begun = time.monotonic()
    trained = diptych.train(recipe, data=pairs, out=folder / "run", device="cpu", threads=1)
    wall = time.monotonic() - begun
    place = RunDirectory(trained.path)
    shutil.rmtree(place.checkpoints)  # the largest part by far
    if of.scored is not None:
        scored, split = data / of.scored[0], "all"
        judged_by = with_overrides(recipe, of.scored[1])
    else:
        scored, split, judged_by = pairs, "test", recipe
    translator = diptych.load(place.latest)
    results = results_of(translator, scored, split, recipe=judged_by)
    source, target = results.domains
    bicubic = baselines(judged_by, results.domains, []).get("bicubic")
    pictures = {}
    for number, result in enumerate(results):
        name, arrays = result.name, (result.source, result.translated, result.target)
        shown = zip(arrays, (source, target, target), strict=True)
        pictured = [displayed(array, domain)[..., :3] for array, domain in shown]
        row = dict(zip(("source", "result", "target"), pictured, strict=True))
        if bicubic is not None:
            row["bicubic"] = bicubic(arrays[0], arrays[2].shape[:2])
        if translator.header.look is not None:
            for kind, other in other_looks(translator, arrays[0], arrays[2], number).items():
                row[kind] = displayed(other, target)[..., :3]
        for kind, picture in row.items():
            pictures[f"{kind}:{name}"] = picture
    with (folder / "pictures.npz").open("wb") as file:
        np.savez_compressed(file, **pictures)
    return {
        "steps": trained.step,
        "cpu_minutes": round(trained.seconds / 60, 3),
        "wall_minutes": round(wall / 60, 2),
        "pictures_per_cpu_second": round(
            trained.step * recipe.train.batch_size / trained.seconds, 2
        ),
        "torch": torch.__version__,
    }


def other_looks(
    translator: Any, source: np.ndarray, target: np.ndarray, number: int
) -> dict[str, np.ndarray]:
    """What is made of a source in the mean look of training targets, a drawn one, the target's own.

    The last is a bound, and no score of the model.
    """
    mean = np.mean(translator.header.look.examples, axis=0)
    return {
        "mean-look": translator.told(look=mean).apply(source),
        "drawn-look": translator.samples(source, 1, number)[0],
        "own-look": translator.told(look=translator.own_look(target)).apply(source),
    }


def few_pairs(folder: Path, count: int, out: Path) -> Path:
    """A folder with links to the first training pairs, and to all other splits.

    Pairs are pictures side by side, or of one place in the order of several folders.
    """
    out.mkdir(parents=True)
    for split in folder.iterdir():
        if split.is_dir() and split.name != "train":
            (out / split.name).symlink_to(split.resolve(), target_is_directory=True)
    train = folder / "train"
    for side in [path for path in train.iterdir() if path.is_dir()] or [train]:
        files = sorted(path for path in side.iterdir() if path.is_file())
        if len(files) < count:
            raise DiptychError(f"{side}: {len(files)} pictures, fewer than {count}")
        few = out / side.relative_to(folder)
        few.mkdir(parents=True)
        for path in files[:count]:
            (few / path.name).symlink_to(path.resolve())
    return out


def pictures_of(job: Job, out: Path) -> dict[str, list[np.ndarray]]:
    """Sources, results and targets of a run, in the order of their names; bicubic where it has."""
    kinds: dict[str, list[np.ndarray]] = {}
    with np.load(out / job.key / "pictures.npz") as stored:
        for key in stored.files:
            kinds.setdefault(key.partition(":")[0], []).append(stored[key])
    return kinds


def judged(job: Job, out: Path, judge: Judge, looks: bool) -> dict[str, Any]:
    """The scores of a run, if asked of it in other looks, and of bicubic where that is a rival."""
    pictures, of = pictures_of(job, out), SETS[job.set]
    apart = {"source", "target", *(() if looks else LOOKS)}
    name = f"{job.set}/{job.size}"
    target = pictures["target"]
    return {
        "scores" if kind == "result" else kind: judge(results, target, name, of.on_paper)
        for kind, results in pictures.items()
        if kind not in apart
    }


def hardware() -> dict[str, Any]:
    """The processor, what it can do, and what it is limited to by the environment."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("utf-8").split())
    except OSError:  # not Linux
        flags = set()
    limits = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
    return {
        **side_by_side.hardware(),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        **{name: os.environ[name] for name in limits if name in os.environ},
    }


def kept(file: Path | None) -> dict[str, Any]:
    """The results in a file, by their keys."""
    if file is None or not file.is_file():
        return {}
    results: dict[str, Any] = json.loads(file.read_text("utf-8"))["results"]
    return results


def keep(file: Path, results: Mapping[str, Any]) -> None:
    """Add results to those in a file, which another run may have changed meanwhile."""
    content = {"benchmark": "quality", "results": dict(sorted((kept(file) | results).items()))}
    write_whole(file, json.dumps(content, indent=1) + "\n")


COLUMNS = {
    "lpips_alex": ("LPIPS-Alex", 3),
    "lpips_vgg": ("LPIPS-VGG", 3),
    "ssim": ("SSIM", 3),
    "psnr": ("PSNR", 2),
    "kid_x1000": ("KID x1000", 0),
}


def mean_scores(results: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Means over seeds, the spread of each colour among them."""
    rows = [
        {key: scores[key]["mean"] for key in COLUMNS if key in scores} | scores.get("spread", {})
        for scores in (result["scores"] for result in results)
    ]
    return {key: fmean(row[key] for row in rows) for key in rows[0]}


def table(of: str, minutes: float, arms: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """One table in Markdown: an arm a line, means over its seeds, intervals of a single one."""
    labels = [label for label, _ in COLUMNS.values()]
    head = [f"{of}, {minutes:g} min", *labels, "spread of colour", "pictures", "seeds"]
    rows = []
    for arm, results in arms.items():
        means = mean_scores(results)
        cells = [
            f"{means[key]:.{digits}f}" if key in means else ""
            for key, (_, digits) in COLUMNS.items()
        ]
        shares = [f"{means[colour]:.2f}" for colour in COLOURS if colour in means]
        seen = fmean(r["steps"] * r["recipe"].get("train.batch_size", 1) for r in results)
        rows.append([arm, *cells, " / ".join(shares), f"{seen:,.0f}", str(len(results))])
    return side_by_side.markdown(head, rows)


LOOKS = ("mean-look", "drawn-look", "own-look")


def with_looks(arms: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Behind each arm that takes looks itself in others."""
    rows: dict[str, list[Any]] = {}
    for arm, results in arms.items():
        rows[arm] = results
        for look in LOOKS:
            if all(look in result for result in results):
                rows[f"{arm}, {look}"] = [{**result, "scores": result[look]} for result in results]
    return rows


def with_bicubic(arms: dict[str, list[Any]]) -> None:
    """Add bicubic enlargement to the arms that it is a rival of: it learns nothing."""
    for result in arms[next(iter(arms))][:1]:
        if "bicubic" in result:
            arms["bicubic"] = [{"scores": result["bicubic"], "recipe": {}, "steps": 0}]


def ratios(arms: Mapping[str, Sequence[Mapping[str, Any]]], base: str) -> list[str]:
    """LPIPS and KID of each arm as shares of those of `base`, over the same seeds' means."""
    if base not in arms:
        return []
    against, lines = mean_scores(arms[base]), []
    for arm, results in arms.items():
        if arm != base:
            means = mean_scores(results)
            shares = [
                f"{COLUMNS[key][0]} {means[key] / against[key]:.2f}"
                for key in ("lpips_alex", "kid_x1000")
                if key in means and key in against
            ]
            lines.append(f"{arm} / {base}: {', '.join(shares)}")
    return lines


def first_to_reach(lpips: Mapping[float, float], goal: float) -> float | None:
    """The shortest of the budgets, in minutes, that came to a score; None where none did."""
    return min((minutes for minutes, score in lpips.items() if score <= goal), default=None)


def draw_sheet(jobs: Sequence[Job], out: Path, file: Path) -> None:
    """Pairs of a set in rows: source, what each arm made of it, target; the first seed's."""
    from diptych.data.pairs import evenly_spread
    from diptych.images.sheet import as_large, sheet
    from diptych.images.writing import save_image

    stored = {}
    for job in jobs:
        if (out / job.key / "pictures.npz").is_file():
            stored.setdefault(job.arm, pictures_of(job, out))
    if not stored:
        return
    one = next(iter(stored.values()))
    chosen = evenly_spread(range(len(one["target"])), SHOWN)
    height, width = (min(one["target"][i].shape[axis] for i in chosen) for axis in (0, 1))

    def column(pictures: Sequence[np.ndarray]) -> np.ndarray:
        rows = []
        for i in chosen:
            picture, target = pictures[i], one["target"][i]
            large = as_large(picture[None], target[None])[0]
            top, left = (
                (full - part) // 2
                for full, part in zip(large.shape[:2], (height, width), strict=True)
            )
            rows.append(large[top : top + height, left : left + width])
        return np.stack(rows)

    columns = [("source", column(one["source"]))]
    columns += [(arm, column(pictures["result"])) for arm, pictures in stored.items()]
    columns.append(("target", column(one["target"])))
    file.parent.mkdir(parents=True, exist_ok=True)
    save_image(sheet(columns), file)
    print(file, flush=True)


def tell(results: Iterable[Mapping[str, Any]], base: str) -> None:
    """Print a table for each set and budget, and when arms came to the base's score."""
    grouped: dict[str, dict[float, dict[str, list[Any]]]] = {}
    for result in results:
        arms = grouped.setdefault(result["set"], {}).setdefault(result["minutes"], {})
        arms.setdefault(result["arm"], []).append(result)
    for of, budgets in grouped.items():
        lpips: dict[str, dict[float, float]] = {}
        for minutes, arms in budgets.items():
            with_bicubic(arms)
            print(f"\n{table(of, minutes, with_looks(arms))}\n")
            print(*ratios(arms, base), sep="\n")
            for arm, each in arms.items():
                lpips.setdefault(arm, {})[minutes] = mean_scores(each)["lpips_alex"]
        goals = lpips.pop(base, {})
        for longest in [max(goals)] if goals else []:
            for arm, scores in lpips.items():
                reached = first_to_reach(scores, goals[longest])
                when = "not yet" if reached is None else f"after {reached:g} min or less"
                print(f"{of}: LPIPS of {base} after {longest:g} min: {arm} {when}")


def alike(
    results: Iterable[Mapping[str, Any]], jobs: Sequence[Job], arms: Mapping[str, Arm]
) -> list[Mapping[str, Any]]:
    """The results of jobs that differ from these in their arms and minutes alone, in their order.

    Those whose arm has another recipe by now are left out.
    """
    names = [name for name in Job.__dataclass_fields__ if name != "changes"]
    asked = [replace(job, arm="", minutes=0) for job in jobs]
    found = []
    for result in results:
        if result["arm"] in arms:
            job = Job(**{name: result[name] for name in names}, changes=arms[result["arm"]])
            one = replace(job, arm="", minutes=0)
            if one in asked and stated(settled(job)) == result["recipe"]:
                order = asked.index(one), job.minutes, list(arms).index(job.arm)
                found.append((order, result))
    return [result for _, result in sorted(found, key=lambda each: each[0])]


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="folder for runs and their pictures")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["facades"])
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=["classic", "default"])
    parser.add_argument(
        "--try",
        nargs="+",
        action="append",
        default=[],
        dest="tries",
        metavar=("NAME", "ARM"),
        help="another arm: its name, the arm it is like, and the keys that differ, KEY=VALUE each",
    )
    parser.add_argument(
        "--base", default="classic", help="the arm, or bicubic, that others are held against"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", nargs="+", type=float, default=[8], help="of one core")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=0, help="the first so many; 0: all")
    parser.add_argument("--precision", choices=("fp32", "bf16", "auto"), default="fp32")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument(
        "--looks", action="store_true", help="score other looks too, each as long as the one used"
    )
    parser.add_argument("--json", type=Path, help="the file of results, default: OUT/quality.json")
    parser.add_argument("--sheet", type=Path, help="folder for pictures side by side")
    given = parser.parse_args()
    given.json = given.json or given.out / "quality.json"
    return given


def arms_of(names: Iterable[str], tries: Iterable[Sequence[str]]) -> dict[str, Arm]:
    """The arms by their names, and those that are tried."""
    arms = {name: ARMS[name] for name in names}
    for name, like, *changes in tries:
        if like not in ARMS or name in ARMS or not all("=" in change for change in changes):
            raise DiptychError(
                "--try takes a name that is free, the name of an arm, and KEY=VALUE for each change"
            )
        method, usual = ARMS[like]
        arms[name] = method, {**usual, **dict(parsed_override(change) for change in changes)}
    return arms


def main() -> None:
    """Train, score and collect."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of processes that are started
    torch.set_num_threads(1)
    given = options()
    arms = arms_of(given.arms, given.tries)
    jobs = [
        Job(of, arm, changes, minutes, given.size, given.pairs, given.precision, seed)
        for seed in given.seeds
        for minutes in given.minutes
        for of in given.sets
        for arm, changes in arms.items()  # one after the other: a machine that drifts slows all
    ]
    results, judge = kept(given.json), Judge()
    recipes = {job: stated(settled(job)) for job in jobs}  # before anything runs
    due = [job for job in jobs if results.get(job.key, {}).get("recipe") != recipes[job]]
    print(f"{len(due)} runs, {len(jobs) - len(due)} kept", flush=True)
    machine = hardware()

    def work(job: Job) -> dict[str, Any]:
        about = {name: value for name, value in asdict(job).items() if name != "changes"}
        about |= {"recipe": recipes[job], "hardware": machine}
        return (
            about
            | alone(run, job, given.data, given.out)
            | judged(job, given.out, judge, given.looks)
        )

    # In threads, so that nothing is scored beside a run unless there are several jobs.
    threads = ThreadPoolExecutor(given.jobs)
    working = {threads.submit(work, job): job for job in due}
    try:
        for future in as_completed(working):
            job = working[future]
            try:
                results[job.key] = future.result()
            except DiptychError as error:
                print(f"{job.key}: {error}", flush=True)
                continue
            keep(given.json, {job.key: results[job.key]})
            print(job.key, json.dumps(mean_scores([results[job.key]])), flush=True)
    finally:
        threads.shutdown(cancel_futures=True)  # where it was stopped
    tell(alike(results.values(), jobs, ARMS | arms), given.base)
    for of in given.sets if given.sheet else []:
        for minutes in given.minutes:
            chosen = [job for job in jobs if (job.set, job.minutes) == (of, minutes)]
            draw_sheet(chosen, given.out, given.sheet / f"{of}-{minutes:g}min.png")


if __name__ == "__main__":
    try:
        main()
    except DiptychError as error:
        raise SystemExit(str(error)) from None
