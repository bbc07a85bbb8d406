"""Whether scores rank translated pictures, and the methods that made them, as LPIPS does.

    python benchmarks/ranking.py FOLDER ... [--targets FOLDER] [--json FILE]

FOLDER holds what `quality.py` leaves: a `pictures.npz` for each run, at any depth. With `--targets`
each FOLDER is one method's pictures instead, and the targets have the same names. Runs with the
same targets are ranked against each other by the feature distance, SSIM and L1, and these ranks
held against those of LPIPS-Alex, as Spearman's correlation:

- pictures: of all pictures of all runs at once;
- of one target: of the runs' pictures of the same target, as a mean over targets;
- runs: of the runs' means, which is what a choice between them rests on; and the share of all twos
  of runs that it orders alike.

`regret` is the mean LPIPS of the run that a score would choose, less that of the best.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

import side_by_side
from diptych.errors import DiptychError
from diptych.evaluation.scores import Scorer
from diptych.evaluation.summary import METRICS
from diptych.images.rgb import as_array, read_image
from diptych.losses.perceptual import LPIPS
from diptych.weights import GET_HINT, find_lpips
from diptych.whole_file import write_whole

COMPARED = ("features", "ssim", "l1")
LEAST = 3  # runs on the same targets; two are in order or not
ENDINGS = {".png", ".jpg", ".jpeg", ".webp"}

Pictures = Mapping[str, np.ndarray]  # uint8 (H, W, 3) by their names
Run = tuple[str, Pictures, Pictures]  # its name, results and targets
Ranks = Mapping[str, np.ndarray]  # (runs, pictures) of each score


def stored_runs(folders: Sequence[Path]) -> Iterator[Run]:
    """Those that `quality.py` left."""
    for folder in folders:
        for file in sorted(folder.rglob("pictures.npz")):
            with np.load(file) as stored:
                kinds: dict[str, dict[str, np.ndarray]] = {"result": {}, "target": {}}
                for key in stored.files:
                    kind, _, name = key.partition(":")
                    if kind in kinds:
                        kinds[kind][name] = stored[key]
            yield str(file.parent.relative_to(folder)), kinds["result"], kinds["target"]


def folder_runs(folders: Sequence[Path], targets: Path) -> Iterator[Run]:
    """A folder of results each; raises DiptychError where a target has none in one of them."""
    right = read_folder(targets)
    for folder in folders:
        results = read_folder(folder)
        if missing := sorted(right.keys() - results.keys()):
            raise DiptychError(f"{folder}: nothing for the target {missing[0]}")
        yield folder.name, results, right


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """Its pictures in colours, by their names without an ending."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    return {path.stem: as_array(read_image(path).convert("RGB")) for path in files}


def scored(runs: Iterator[Run], scorer: Scorer) -> dict[str, dict[str, Any]]:
    """By a digest of the targets: an example's name, and the scores of each run there."""
    groups: dict[str, dict[str, Any]] = {}
    for name, results, targets in runs:
        digest = hashlib.sha256()
        for key in sorted(targets):
            digest.update(key.encode() + targets[key].tobytes())
        group = groups.setdefault(digest.hexdigest(), {"targets": len(targets), "runs": {}})
        rows = [scorer(results[key][None], targets[key][None])[0] for key in sorted(targets)]
        group["runs"][name] = {key: [row[key] for row in rows] for key in (*COMPARED, "lpips")}
        print(f"scored {name}", flush=True)
    return groups


def agreement(ranks: Ranks, name: str) -> dict[str, float]:
    """How one score's ranks agree with those of LPIPS."""
    sign = 1 if METRICS[name].better == "lower" else -1
    ours, lpips = sign * ranks[name], ranks["lpips"]
    means, lpips_means = ours.mean(axis=1), lpips.mean(axis=1)
    twos = list(combinations(range(len(means)), 2))
    alike = [(means[a] < means[b]) == (lpips_means[a] < lpips_means[b]) for a, b in twos]
    columns = zip(ours.T, lpips.T, strict=True)
    of_one_target = [spearman(x, y) for x, y in columns if np.ptp(x) and np.ptp(y)]
    return {
        "pictures": spearman(ours.ravel(), lpips.ravel()),
        "of_one_target": round(fmean(of_one_target), 3) if of_one_target else math.nan,
        "runs": spearman(means, lpips_means),
        "twos_alike": round(fmean(alike), 3),
        "regret": round(float(lpips_means[means.argmin()] - lpips_means.min()), 4),
    }


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Nan where one of them is the same everywhere."""
    if not np.ptp(x) or not np.ptp(y):
        return math.nan
    from torchmetrics.functional import spearman_corrcoef

    pair = (torch.from_numpy(numbers.astype(np.float64)) for numbers in (x, y))
    return round(float(spearman_corrcoef(*pair)), 3)


COLUMNS = {
    "pictures": ("pictures", 2),
    "of_one_target": ("of one target", 2),
    "runs": ("runs", 2),
    "twos_alike": ("twos alike", 2),
    "regret": ("regret", 4),
}


def table(name: str, group: Mapping[str, Any]) -> str:
    """One table in Markdown."""
    about = f"{name}: {len(group['means'])} runs, {group['targets']} targets"
    rows = [
        [METRICS[metric].label]
        + [f"{found[key]:.{digits}f}" for key, (_, digits) in COLUMNS.items()]
        for metric, found in group["agreement"].items()
    ]
    return side_by_side.markdown([about, *(label for label, _ in COLUMNS.values())], rows)


def main() -> None:
    """Score every run, and say how ranks agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--targets", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    weights = find_lpips("alex")
    if weights is None:
        raise DiptychError(GET_HINT)
    runs = (
        folder_runs(asked.folders, asked.targets) if asked.targets else stored_runs(asked.folders)
    )
    sets = {}
    for group in scored(runs, Scorer(LPIPS("alex", *weights))).values():
        each = group.pop("runs")
        first = min(each)
        if len(each) < LEAST:
            print(f"left out, fewer than {LEAST} runs with the same targets: {', '.join(each)}")
            continue
        ranks = {key: np.array([run[key] for run in each.values()]) for key in (*COMPARED, "lpips")}
        group["means"] = {
            run: {key: round(fmean(values), 4) for key, values in scores.items()}
            for run, scores in each.items()
        }
        group["agreement"] = {key: agreement(ranks, key) for key in COMPARED}
        name = first.partition("/")[0] if not asked.targets else asked.targets.name
        name = name if name not in sets else f"{name} {len(sets)}"
        sets[name] = group
        print(f"\n{table(name, group)}\n")
    if asked.json:
        content = {"benchmark": "ranking", "sets": sets}
        write_whole(asked.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except DiptychError as error:
        raise SystemExit(f"ranking: {error}") from None
