"""The next batch is made while the one before is learned from."""

from concurrent.futures import Future, ThreadPoolExecutor

from diptych.data.batches import Batch, Batches


class Ahead:
    """Gives what `batches` give; asked for the step that follows, has it ready.

    For a device that works by itself: on a CPU the networks use every core already. All batches are
    made in one thread, so that it makes no difference where a run was resumed.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._coming: tuple[int, Future[Batch]] | None = None

    def at(self, step: int) -> Batch:
        """As `Batches.at`; the first of a run, or one out of turn, is waited for."""
        if self._coming is None or self._coming[0] != step:
            self._coming = step, self._thread.submit(self.batches.at, step)
        batch = self._coming[1].result()
        self._coming = step + 1, self._thread.submit(self.batches.at, step + 1)
        return batch
