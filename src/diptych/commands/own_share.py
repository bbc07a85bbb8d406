"""What each of several processes begins with, and shows of its share of the work."""

from contextlib import AbstractContextManager, nullcontext

from diptych.commands.terminal.console import Counter
from diptych.training.engine import device_of
from diptych.training.starting import start_processes
from diptych.training.together import Processes, Work
from diptych.translation.translator import Progress


def begin_share(device: str, devices: int, nodes: int, work: Work) -> Processes:
    """The processes, each on the device that is its own."""
    import torch

    where = device_of(device)
    processes = start_processes(where, devices, nodes, work)
    if where.type == "cuda":
        torch.cuda.set_device(processes.place)
    return processes


def counting_own(processes: Processes, what: str) -> AbstractContextManager[Progress]:
    """The first shows its own share's progress, which is that of the others."""
    if processes.first:
        return Counter(f"{what}, one of {processes.count} shares")
    return nullcontext(lambda *_: None)
