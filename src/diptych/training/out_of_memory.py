"""Where memory does not suffice: a line that says what to lower."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from diptych.errors import DiptychError
from diptych.schema import Recipe

# What torch's allocators, and the libraries that it calls, say in a plain RuntimeError.
WORDS = ("allocate memory", "not enough memory", "out of memory", "alloc_failed", "bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that there is not enough memory, on whatever device."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError):
        return any(words in str(error).lower() for words in WORDS)
    return isinstance(error, MemoryError | torch.OutOfMemoryError)


@contextmanager
def memory_in_a_line(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Within it an error for want of memory is a DiptychError: what of the recipe to lower."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise DiptychError(
            f"out of memory on {device.type.upper()}: {_what_helps(recipe)}"
        ) from error


def _what_helps(recipe: Recipe) -> str:
    """What takes less memory, what changes least first."""
    train = recipe.train
    lower = [f"data.crop_size ({recipe.data.crop_size})"]
    if train.batch_size > 1:
        lower.insert(0, f"train.batch_size ({train.batch_size})")
    else:
        lower.append(f"generator.base_channels ({recipe.generator.base_channels})")
    words = f"lower {' or '.join(lower)}"
    sets = []
    of_batch = "batch" in {recipe.generator.statistics, recipe.discriminator.statistics}
    if train.accumulate < train.batch_size and not of_batch:
        sets.append(f"train.accumulate={min(2 * train.accumulate, train.batch_size)}")
    if not train.recompute:
        sets.append("train.recompute=true")
    if not sets:
        return words
    return f"--set {' or '.join(sets)} takes less, and more time; or {words}"
