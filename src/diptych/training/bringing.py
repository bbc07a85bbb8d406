"""Pairs from elsewhere are brought by all processes that train together, each some of the parts."""

from pathlib import Path

from diptych.batch_share import Share
from diptych.data.kept.keeping import Keeping, keep
from diptych.data.pairs import Progress
from diptych.data.sources import Source, source_of
from diptych.training.together import Processes


def bring(data: Source, processes: Processes, on_progress: Progress | None = None) -> Path:
    """The folder or table of the pairs, as `at_hand` in `data.sources` gives it, for all.

    The parts that are not kept yet are shared out. What has no identity is gone through, and kept,
    by the first process alone. Raises DiptychError as `at_hand`.
    """
    begun: list[Keeping] = []

    def begin() -> Path | list[int]:
        """All that is needed, or the parts that are not there yet."""
        source = source_of(data)
        if isinstance(source, Path) or source.identity is None:
            return source if isinstance(source, Path) else keep(source, on_progress)
        begun.append(Keeping(source))
        return begun[0].table if begun[0].whole else begun[0].begin()

    lacking = processes.by_first(begin)
    if isinstance(lacking, Path):
        return lacking
    share = Share.of_process(len(lacking), processes.number, processes.count)

    def bring_own() -> None:
        """This process's share of them."""
        if not begun:
            begun.append(Keeping(source_of(data)))  # type: ignore[arg-type]
        begun[0].bring(lacking[share.rows] if share.counts else [], on_progress, processes.count)

    def join() -> Path:
        begun[0].join()
        return begun[0].table

    processes.by_each(bring_own)
    return processes.by_first(join)
