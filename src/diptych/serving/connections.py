"""Connections that end by themselves: those on which nothing comes, or nothing is taken away."""

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0  # from the beginning, or the last answer, to the end of a request's head
EXCHANGE_SECONDS = 300.0  # from there to the end of its answer, whatever the server allows it
MOST = 400  # connections; of more, the one that has been silent longest goes


class Connection(H11Protocol):
    """As the library's, with deadlines: it has none for heads, and none for slow readers."""

    timer: asyncio.TimerHandle | None = None
    since = 0.0  # when it was last heard of

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for it, where there are too many."""
        silent = [one for one in self.connections if one.asks_nothing]  # type: ignore[union-attr]
        if len(self.connections) >= MOST:
            # Not the newest: it may be somebody who waits.
            (min(silent, key=lambda one: one.since) if silent else self)._end(transport)  # type: ignore[union-attr]
        super().connection_made(transport)
        self._watch(HEAD_SECONDS)

    @property
    def asks_nothing(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def handle_events(self) -> None:
        """Where a head is whole, its answer has a time."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.asks_nothing:
            self._watch(EXCHANGE_SECONDS)

    def on_response_complete(self) -> None:
        """The next head has a time again."""
        super().on_response_complete()
        self._watch(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to watch."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self.since = time.monotonic()
        self.timer = self.loop.call_later(seconds, self._end, None)

    def _unwatch(self) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def _end(self, transport: Any) -> None:
        (self.transport or transport).abort()
