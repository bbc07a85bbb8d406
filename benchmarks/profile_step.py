"""Where a training step's time goes, by kind of operation: the plain loop's and diptych's.

    python benchmarks/profile_step.py [--data FOLDER] [--json FILE]

Classic nets, 256x256, batch 1, without the data path. Milliseconds of a step, as the profiler has
them, each in a process of its own; the profiler itself slows the many small operations a little.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

import plain_loop
import side_by_side
import step
from diptych.data.batches import Batch
from made_strips import make_strips

WARM, STEPS = 12, 5
KINDS = {
    "convolution, backward": ("convolution_backward",),
    "convolution": ("convolution",),
    "matrix product": ("mm", "addmm"),
    "Adam": ("adam", "addcdiv", "addcmul", "lerp", "_foreach", "sqrt"),
    "normalisation": ("batch_norm",),
    "copies and casts": ("copy_", "cat", "zero_", "fill_"),
}


def kind_of(name: str) -> str:
    """Which of `KINDS` an operation is."""
    for kind, parts in KINDS.items():
        if any(part in name for part in parts):
            return kind
    return "other"


def profiled(work: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of a step for each kind of operation."""
    plan = schedule(wait=0, warmup=WARM, active=STEPS, repeat=1)
    with profile(activities=[ProfilerActivity.CPU], schedule=plan) as profiler:
        for _ in range(WARM + STEPS):
            work()
            profiler.step()
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        if not event.key.startswith("ProfilerStep"):
            spent[kind_of(event.key)] += event.self_cpu_time_total / STEPS / 1e3
    found = {kind: round(spent[kind], 1) for kind in [*KINDS, "other"]}
    return found | {"in all": round(sum(spent.values()), 1)}


def plain(_: Path) -> dict[str, float]:
    """The plain loop's step."""
    g, d = plain_loop.generator(), plain_loop.discriminator()
    model = plain_loop.Pix2Pix(g, d)
    source, target = torch.rand(2, 1, 3, 256, 256) * 2 - 1
    return profiled(lambda: model.step(source, target))


def diptych(data: Path) -> dict[str, float]:
    """That of `diptych train`."""
    state, _ = step.ours(data, "cpu", 1, "auto")
    batch = Batch(*(torch.rand(2, 1, 3, 256, 256) * 2 - 1))
    return profiled(lambda: state.learn(batch))


def main() -> None:
    """Profile both and print."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = given.data or make_strips(Path(folder), 16)
        found = {arm.__name__: side_by_side.alone(arm, data) for arm in (plain, diptych)}
    side_by_side.tell("profile_step", {"milliseconds": found}, given.json)


if __name__ == "__main__":
    main()
