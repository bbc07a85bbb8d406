"""What others start two processes by: torchrun, and the variables that SLURM sets."""

import os
import sys

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--no-python"]


def slurm_tasks() -> list[dict[str, str]]:
    """The variables of each of two tasks on one machine."""
    job = {"SLURM_JOB_ID": f"{os.getpid() % 9000 + 1000}", "SLURM_JOB_NAME": "pairs"}
    job |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1"}
    job |= {"SLURM_NODELIST": "127.0.0.1", "SLURM_NODEID": "0"}
    return [job | {"SLURM_PROCID": n, "SLURM_LOCALID": n} for n in "01"]
