"""Training images per second at 256x256 with the classic nets, data path included.

    python benchmarks/step.py [--data FOLDER] [--batches 1 4 8 16] [--rounds 5] [--json FILE]

`plain` is the plain loop at batch 1 (`plain_loop.py`), its pairs decoded by two workers; the others
are what `diptych train facades` does, at batch 1 in fp32 and, in the precision that it picks, at
each of `--batches`. `--data` is a folder of strips photo | labels; without it some are made. Beside
the rates it states the share of the processor's measured matrix rate in bf16 that a step reaches,
where the processor has bf16.
"""

import itertools
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

import machine
import plain_loop
import side_by_side
from diptych.config import load_recipe
from diptych.data.batches import Batches
from diptych.data.crops import training_crops
from diptych.training.engine import start_engine
from diptych.training.plan import make_plan
from diptych.training.state import TrainingState
from made_strips import make_strips

STEPS = 6  # in a round, of batch 1; fewer of larger batches
WORKERS = 2


def plain(data: Path, device: str) -> side_by_side.Round:
    """The plain loop, whose loader never stops."""
    torch.manual_seed(0)
    g, d = plain_loop.generator(), plain_loop.discriminator()
    plain_loop.initialise(g)
    plain_loop.initialise(d)
    model = plain_loop.Pix2Pix(g, d, device)
    files = sorted((data / "train").glob("*.jpg"))
    loader = DataLoader(plain_loop.Strips(files), batch_size=1, shuffle=True, num_workers=WORKERS)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(STEPS):
            losses = model.step(*next(batches))
        losses["g_l1"].item()
        return STEPS / (time.perf_counter() - begun)

    return work


def ours(data: Path, device: str, batch: int, precision: str) -> tuple[TrainingState, Batches]:
    """What `diptych train` sets up."""
    recipe = load_recipe("facades", {"train.batch_size": batch, "train.precision": precision})
    plan = make_plan(recipe, data)
    engine, where = start_engine(device, precision)
    print(where)
    crops = training_crops(plan.data.splits["train"], recipe, plan.domains, lambda *_: None)
    batches = Batches(crops, plan.domains, recipe, device=engine.device)
    return TrainingState(recipe, plan.generator_options, engine), batches


def diptych(data: Path, device: str, batch: int, precision: str) -> side_by_side.Round:
    """Steps as `fit` makes them."""
    state, batches = ours(data, device, batch, precision)
    steps = max(1, STEPS // batch)

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(steps):
            state.add_losses(state.learn(batches.at(state.step)))
        state.losses.means()
        return steps * batch / (time.perf_counter() - begun)

    return work


def operations(data: Path, device: str) -> int:
    """Of one step at batch 1: two for each multiply-add, in all passes of both networks."""
    state, batches = ours(data, device, 1, "fp32")
    with FlopCounterMode(display=False) as counter:
        state.learn(batches.at(0))
    return counter.get_total_flops()


def main() -> None:
    """Time the arms in turns."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 4, 8, 16])
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = given.data or make_strips(Path(folder), 64)
        arms = {"plain, batch 1": partial(plain, data, given.device)}
        arms["diptych fp32, batch 1"] = partial(diptych, data, given.device, 1, "fp32")
        for batch in given.batches:
            name = f"diptych, batch {batch}"
            arms[name] = partial(diptych, data, given.device, batch, "auto")
        rates = side_by_side.run(arms, given.rounds)
        count = operations(data, given.device)
    most = machine.rates(given.device)
    bf16 = most["bf16_gigaflops"]
    result = {
        "images_per_second": side_by_side.summary(rates),
        "times_plain": side_by_side.ratios(rates, "plain, batch 1"),
        "gigaflop_per_image": round(count / 1e9, 1),
        "machine": most,
        "share_of_bf16_rate": bf16
        and {
            name: round(count / 1e9 * statistics.median(own) / bf16, 2)
            for name, own in rates.items()
        },
    }
    side_by_side.tell("step", result, given.json)


if __name__ == "__main__":
    main()
