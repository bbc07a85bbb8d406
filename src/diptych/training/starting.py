"""How processes that work together come to be: Lightning Fabric starts them on a machine, or finds
those that torchrun or SLURM started.
"""

import logging
import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from diptych.errors import DiptychError, reason_of
from diptych.silenced import silenced
from diptych.training.together import PATIENCE, TRAINING, Processes, Several, Work


def _check_script() -> None:
    """Raise DiptychError where this process cannot be started again: its script is no file."""
    by_torchrun = distributed.is_available() and distributed.is_torchelastic_launched()
    is_module = getattr(sys.modules["__main__"], "__spec__", None) is not None
    by_others = by_torchrun or "SLURM_JOB_ID" in os.environ
    if not (by_others or is_module or Path(sys.argv[0]).is_file()):
        raise DiptychError(
            "several devices: the other processes run the same script, and this one came through "
            "a pipe, -c or a console: put it into a file"
        )


def start_processes(
    device: torch.device, devices: int = 0, nodes: int = 0, work: Work = TRAINING
) -> Processes:
    """Those that work together: so many devices on each of so many nodes; 0: as torchrun says.

    On one machine this process starts the others, by the command that it was started with. Raises
    DiptychError where there are not so many devices, or others were started.
    """
    if distributed.is_available() and distributed.is_torchelastic_launched():
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        there = int(os.environ["WORLD_SIZE"]) // here
        if (devices or here, nodes or there) != (here, there):
            raise DiptychError(
                f"--devices {devices} --nodes {nodes}: torchrun started {here} processes on each "
                f"of {there}; leave both out"
            )
        devices, nodes = here, there
    devices, nodes = devices or 1, nodes or 1
    if devices * nodes == 1:
        return Processes()
    most = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type != "cpu" and devices > most:
        raise DiptychError(f"--devices {devices}: this machine has {most} ({device.type})")
    if devices > 1:
        _check_script()
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    class Quiet(DDPStrategy):
        """Without what versions of torch such as 2.9 print of every connection."""

        def setup_environment(self) -> None:
            with silenced(1):
                super().setup_environment()

    # Of Fabric's lines one is worth reading: that a process was lost, which ends the others.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric.strategies.launchers").setLevel(logging.INFO)
    started: list[subprocess.Popen[bytes]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on srun, ports and threads
            fabric = Fabric(
                accelerator=device.type,
                devices=devices,
                num_nodes=nodes,
                strategy=Quiet(timeout=PATIENCE),
            )
            around: Any = fabric.strategy
            found = around.cluster_environment.creates_processes_externally
            if work.apart and nodes == 1 and not found:
                started = _start_others(devices)
            fabric.launch()
            with silenced(1):
                words = distributed.new_group(backend="gloo", timeout=PATIENCE)
    except (ValueError, RuntimeError, KeyError) as error:
        raise DiptychError(
            f"--devices {devices} --nodes {nodes}: the processes could not be brought together: "
            f"{reason_of(error)}"
        ) from error
    started = started or getattr(fabric.strategy.launcher, "procs", [])
    return Several(fabric, words, work, started)


def _start_others(devices: int) -> list[subprocess.Popen[bytes]]:
    """Start this program anew for each other device, as Fabric does, which would end all for one.

    Fabric then finds them started, as by torchrun.
    """
    import __main__

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    threads = str(max(1, torch.get_num_threads() // devices))
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    os.environ |= {"WORLD_SIZE": str(devices), "LOCAL_RANK": "0", "OMP_NUM_THREADS": threads}
    torch.set_num_threads(int(threads))
    module = __main__.__spec__
    program = [sys.argv[0]] if module is None else ["-m", module.name]
    return [
        subprocess.Popen(  # noqa: S603 - the command that this program was started with
            [sys.executable, *program, *sys.argv[1:]], env=os.environ | {"LOCAL_RANK": str(number)}
        )
        for number in range(1, devices)
    ]
