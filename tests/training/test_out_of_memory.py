"""Not enough memory is one line, which says what to lower."""

import errno
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from diptych.errors import DiptychError
from diptych.evaluation.curves import read_log
from diptych.schema import Recipe
from diptych.training.out_of_memory import is_out_of_memory, memory_in_a_line

CPU = torch.device("cpu")
LARGE = 1 << 55


@pytest.mark.parametrize(
    "take",
    [
        lambda: torch.empty(LARGE, dtype=torch.uint8),
        lambda: np.empty(LARGE, np.uint8),
        lambda: bytearray(LARGE),
    ],
)
def test_whoever_is_asked_for_it(take):
    with (
        pytest.raises(DiptychError, match="out of memory on CPU: ") as end,
        memory_in_a_line(Recipe(), CPU),
    ):
        take()
    assert "\n" not in str(end.value)


def test_what_helps_follows_from_the_recipe():
    def said(**keys) -> str:
        recipe = Recipe.model_validate({"train": keys})
        with pytest.raises(DiptychError) as end, memory_in_a_line(recipe, torch.device("cuda")):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return str(end.value)

    assert said(batch_size=4) == (
        "out of memory on CUDA: --set train.accumulate=2 or train.recompute=true takes less, and "
        "more time; or lower train.batch_size (4) or data.crop_size (256)"
    )
    assert "--set train.recompute=true takes less" in said(batch_size=4, accumulate=4)
    assert said(batch_size=4, recompute=True, accumulate=3).count("--set train.accumulate=4 ") == 1
    assert said(recompute=True) == (
        "out of memory on CUDA: lower data.crop_size (256) or generator.base_channels (64)"
    )


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_is_want_of_memory_and_what_is_not(error, is_so):
    assert is_out_of_memory(error) == is_so


def test_a_training_that_outgrows_its_memory(made_pairs, tmp_path):
    """After its third step the process gets no more, and of what it has nothing is free."""
    code = f"""
    import resource, sys
    from pathlib import Path
    from diptych.commands import app, train_command
    from diptych.commands.terminal import progress

    class Narrow(progress.ConsoleTracker):
        def stepped(self, step, progress, seconds):
            if step == 3:
                pages = int(Path("/proc/self/statm").read_text().split()[0])
                taken = pages * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (taken, taken))
                self.kept = []
                for size in (2**20, 2**18, 2**16):
                    try:
                        while True:
                            self.kept.append(bytearray(size))
                    except MemoryError:
                        pass

    progress.ConsoleTracker = Narrow
    words = "diptych train pix2pix --device cpu --data {made_pairs} --out {tmp_path}/run"
    keys = "data.load_size=256 data.crop_size=256 generator.base_channels=8 train.steps=6"
    sys.argv = words.split() + ["--set=" + key for key in keys.split()]
    app.main()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(
        "diptych: out of memory on CPU: --set train.recompute=true takes"
    )
    assert "lower data.crop_size (256)" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert [entry["step"] for entry in read_log(tmp_path / "run" / "log.jsonl")] == [0]
