"""Rows of work through actors of a Ray cluster, each of which holds what all rows need.

A Ray Data pipeline. Ray starts an actor again that was lost, and gives it the row that it had; a
row that several were lost on is given up, and the others are done.
"""

import importlib
import logging
import os
import pickle
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from diptych.errors import DiptychError, in_words_of, loses_all, optional, reason_of

STORE = 2**28  # bytes of shared memory that a Ray of our own takes; only the model goes through it
MOST_BLOCKS = 10_000  # that Ray keeps account of
TRIES = 4  # with a row that actors are lost on


class EndsAllError(DiptychError):
    """A mistake that all rows would meet."""


class LostError(EndsAllError):
    """What all rows would meet here and now, as that there is no room on the disk."""


class Common:
    """What is there once for all: what every actor begins with, and how often a row was begun."""

    def __init__(self, stored: bytes) -> None:
        self.stored = stored
        self.begun: Counter[int] = Counter()

    def share(self) -> bytes:
        """What every actor begins with."""
        return self.stored

    def begin(self, number: int) -> int:
        """A row is begun for so many times."""
        self.begun[number] += 1
        return self.begun[number]


class RowActor(ABC):
    """An actor of Ray: `done` is what it makes of a row, `given_up` what is said where it cannot.

    An error that all other rows would meet as well ends all: EndsAllError, and what `loses_all`.
    """

    def __init__(self, common: Any) -> None:
        self.common = common

    def shared(self) -> Any:
        """What every actor begins with."""
        return pickle.loads(_got(self.common.share.remote()))  # noqa: S301 - our own

    @abstractmethod
    def done(self, row: Any) -> Any:
        """The row's work."""

    @abstractmethod
    def given_up(self, row: Any, words: str) -> Any:
        """What became of a row that cannot be done, and why."""

    def __call__(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """What became of a row, as Ray's pipeline hands both on."""
        row = pickle.loads(stored["row"])  # noqa: S301 - our own
        if _got(self.common.begin.remote(int(stored["number"]))) > TRIES:
            became = self.given_up(row, f"{TRIES} processes were lost on it or its neighbours")
        else:
            try:
                became = self.done(row)
            except EndsAllError as error:
                became = error
            except Exception as error:
                words = in_words_of(error)
                became = LostError(words) if loses_all(error) else self.given_up(row, words)
        return {"number": stored["number"], "became": pickle.dumps(became)}


def _got(coming: Any) -> Any:
    return importlib.import_module("ray").get(coming)


@contextmanager
def running_ray(again: str) -> Iterator[Any]:
    """Ray, on the cluster that RAY_ADDRESS names, else of our own, of this machine.

    It tells nobody. What it raises within becomes a DiptychError, which says what the same command
    does `again`, as that it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # else it prints at its end what it held back
    ray = optional("ray", "--ray needs Ray: pip install 'diptych[ray]'")
    begun = not ray.is_initialized()
    own = begun and not os.environ.get("RAY_ADDRESS")
    try:
        if begun:
            ray.init(
                logging_level=logging.ERROR,
                log_to_driver=False,
                **({"include_dashboard": False, "object_store_memory": STORE} if own else {}),
            )
        try:
            yield ray
        finally:
            if begun:
                ray.shutdown()
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise DiptychError(f"--ray: {reason_of(cause)}: the same command {again}") from None
    except LostError as error:
        raise DiptychError(f"{error}: the same command {again}") from None


def common_of(ray: Any, stored: Any) -> Any:
    """An actor that takes no processor, for what is there once for all."""
    return ray.remote(Common).options(num_cpus=0).remote(pickle.dumps(stored))


def needs_of(ray: Any, device: str, threads: int) -> dict[str, float]:
    """What an actor takes of the cluster."""
    gpus = ray.cluster_resources().get("GPU", 0)
    if device == "cuda" or (device == "auto" and gpus):
        return {"num_gpus": 1}
    return {"num_cpus": threads or 1}


def done_rows(
    ray: Any,
    actor: type[RowActor],
    begin: Sequence[Any],
    rows: Sequence[Any],
    actors: int,
    needs: Mapping[str, float],
) -> Iterator[tuple[int, Any]]:
    """What became of every row, with its number, as they come.

    `begin`: what each `actor` is made of. `actors`: so many, else one for each GPU of the cluster,
    or for each core or as many as `needs` says. Raises EndsAllError where what comes next would
    fail as well.
    """
    data = importlib.import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # large pictures take their time
    kind, share = ("GPU", 1.0) if "num_gpus" in needs else ("CPU", needs["num_cpus"])
    actors = actors or max(1, int(ray.cluster_resources().get(kind, 1) // share))
    stored = [{"number": i, "row": pickle.dumps(row)} for i, row in enumerate(rows)]
    pipeline = data.from_items(stored, override_num_blocks=min(len(rows), MOST_BLOCKS)).map(
        actor,
        fn_constructor_args=[*begin],
        compute=data.ActorPoolStrategy(size=min(actors, len(rows))),
        **needs,
    )
    for row in pipeline.iter_rows():
        became = pickle.loads(row["became"])  # noqa: S301 - of our own actors
        if isinstance(became, EndsAllError):
            raise became
        yield int(row["number"]), became
