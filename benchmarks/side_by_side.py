"""Arms that take turns in one run, each in a process of its own, and what is said of them.

A machine whose speed drifts slows all arms alike then, and the settings of one (threads, memory)
do not touch another. What counts is the ratio in each round, and its median.
"""

import argparse
import json
import multiprocessing
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

Round = Callable[[], float]  # one round of work; gives its rate, the more the faster
Arm = Callable[[], Round]  # of a module, so that another process can import it
Result = TypeVar("Result")


def run(arms: Mapping[str, Arm], rounds: int) -> dict[str, list[float]]:
    """The rate of every arm in every round, after one round each that does not count."""
    context = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    processes = []
    for name, arm in arms.items():
        ends[name], theirs = context.Pipe()
        processes.append(context.Process(target=_work, args=(arm, theirs)))
        processes[-1].start()
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(-1, rounds):
        for name, end in ends.items():
            end.send("go")
            rate = end.recv()
            if number >= 0:
                rates[name].append(rate)
                print(f"round {number + 1}: {name} {rate:.4g}", flush=True)
    for end, process in zip(ends.values(), processes, strict=True):
        end.close()
        process.join()
    return rates


def _work(arm: Arm, end: Connection) -> None:
    work = arm()
    with suppress(EOFError):
        while end.recv():
            end.send(work())


def alone(work: Callable[..., Result], *given: object) -> Result:
    """What `work` gives in a process that does nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *given).result()


def ratios(rates: Mapping[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """How many times faster than `base` the others are: median, lowest and highest round."""
    found = {}
    for name, own in rates.items():
        if name != base:
            each = [a / b for a, b in zip(own, rates[base], strict=True)]
            found[name] = _three(each)
    return found


def summary(rates: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """Median, lowest and highest rate of every arm."""
    return {name: _three(own) for name, own in rates.items()}


def _three(numbers: list[float]) -> dict[str, float]:
    three = statistics.median(numbers), min(numbers), max(numbers)
    return {
        name: float(f"{number:.4g}")
        for name, number in zip(("median", "min", "max"), three, strict=True)
    }


def hardware() -> dict[str, object]:
    """What the figures were measured on."""
    import torch

    processor = getattr(torch.cpu, "get_capabilities", dict)().get("cpu_name")
    found: dict[str, object] = {
        "processor": processor or platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, a line a row."""
    rule = "|" + "---|" * len(head)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], rule, *lines[1:]])


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all of these programs have."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", type=Path, help="also write the result to this file")
    return options


def tell(name: str, result: Mapping[str, Any], path: Path | None) -> None:
    """Print a result with the hardware, and write it where asked."""
    text = json.dumps({"benchmark": name, "hardware": hardware(), **result}, indent=2)
    print(text)
    if path:
        path.write_text(text + "\n", "utf-8")
