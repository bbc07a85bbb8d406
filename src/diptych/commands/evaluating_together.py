"""`diptych evaluate` in several processes: each scores its share, the first tells of all."""

from collections.abc import Callable
from pathlib import Path

from diptych.commands.own_share import begin_share, counting_own
from diptych.commands.terminal.console import bring_pairs
from diptych.evaluation.evaluate import Evaluation, evaluate, joined
from diptych.schema import Recipe
from diptych.training.together import SCORING
from diptych.translation.translator import Translator


def evaluate_together(
    judged: Callable[[int], tuple[Translator | Path, Recipe]],
    data: str,
    split: str,
    *,
    size: str | None,
    device: str,
    devices: int,
    nodes: int,
    threads: int,
) -> Evaluation:
    """Score what `judged` loads, for so many threads, by its recipe; for the first process.

    The others end within.
    """
    import torch

    processes = begin_share(device, devices, nodes, SCORING)
    with processes.taking_part():
        pairs = processes.by_first(lambda: bring_pairs(data))
        own, recipe = processes.in_turn(lambda: judged(threads or torch.get_num_threads()))

        def score() -> Evaluation:
            with counting_own(processes, f"scoring {split}") as counted:
                return evaluate(
                    own,
                    pairs,
                    split,
                    recipe=recipe,
                    size=size,
                    device=device,
                    share=(processes.number, processes.count),
                    on_progress=counted,
                )

        shares = processes.by_each(score)
    return joined(shares)
