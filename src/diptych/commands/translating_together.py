"""`diptych translate` in several processes: each has its share, the first tells of all."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

from diptych.commands.own_share import begin_share, counting_own
from diptych.commands.terminal.console import say_note
from diptych.training.together import TRANSLATING, Processes
from diptych.translation.jobs.file_plan import Plan
from diptych.translation.jobs.pipeline import Outcome, settle
from diptych.translation.jobs.shares import shares_of
from diptych.translation.settings import Settings
from diptych.translation.translator import Translator

Panel = tuple[int, int] | None


def translate_together(
    settings: Settings,
    model: Path,
    planned: Callable[[Translator], tuple[Plan, Panel]],
    work: Callable[..., Outcome],
    *,
    overwrite: bool,
    devices: int,
    nodes: int,
) -> tuple[Plan, Outcome]:
    """Share a plan out; the whole plan, and what became of all of it, for the first process.

    The others end within. `work` is `translate_plan` with its options.
    """
    import torch

    processes = begin_share(settings.device, devices, nodes, TRANSLATING)
    settings = replace(settings, threads=settings.threads or torch.get_num_threads())
    own: list[Translator] = []

    def begin() -> tuple[Plan, Panel, list[Plan], int, Settings]:
        own.append(settings.load(model))
        own[0].notice = say_note
        plan, panel = planned(own[0])
        settle(own[0], plan, panel)
        shares, kept = shares_of(
            plan, processes.count, overwrite=overwrite, samples=settings.samples
        )
        return plan, panel, shares, kept, settings.settled(own[0])

    def load(settled: Settings) -> None:
        if not own:
            own.append(settled.load(model))

    with processes.taking_part(), _interrupted_quietly(processes):
        plan, panel, shares, kept, settled = processes.by_first(begin)
        processes.in_turn(lambda: load(settled))
        outcomes = processes.by_each(
            lambda: work(
                own[0],
                shares[processes.number],
                panel=panel,
                counting=partial(counting_own, processes),
            )
        )
    outcome = Outcome(kept=kept)
    for each in outcomes:
        outcome.add(each)
    outcome.failures.sort()
    return plan, outcome


@contextmanager
def _interrupted_quietly(processes: Processes) -> Iterator[None]:
    """Ctrl-C and SIGTERM have what is being written written; the first says that they came."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # once is enough
        signal.default_int_handler(number, frame)

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        if processes.first:
            raise
        raise SystemExit(130) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
