"""Connections that end by themselves: those on which nothing comes, or nothing is taken away."""

import asyncio
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0  # from the beginning, or the last answer, to the end of a request's head
TAKE_SECONDS = 30.0  # in which some of an answer has to be taken
AHEAD = 2**18  # bytes of further requests on one connection
MOST = 400  # connections; of more, the one that has been waited for longest goes


class Connection(H11Protocol):
    """As the library's, with deadlines: it has none for heads, and none for slow readers.

    Bodies have theirs in `bodies`, and the work in the waiting line.
    """

    timer: asyncio.TimerHandle | None = None
    since = 0.0  # when it began to be waited for
    was_heard = False  # whether what it sent at once was read: of many that come together none was

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """What it sent at once lies ready, and is read in the next round of the loop."""
        super().connection_made(transport)
        self._watch(HEAD_SECONDS)
        self.loop.call_soon(self.loop.call_soon, self._make_room)

    def _make_room(self) -> None:
        """End one, where there are too many; not before all had a chance to ask something."""
        self.was_heard = True
        others = (one for one in self.connections if isinstance(one, Connection))
        living = [one for one in others if not one.transport.is_closing()]
        if len(living) > MOST:
            silent = [one for one in living if one.awaited]
            ends = min(silent, key=lambda one: one.since) if silent else self
            ends.transport.abort()

    @property
    def asks_nothing(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def awaited(self) -> bool:
        """Whether it has its turn to send: a request, or the rest of a body."""
        return self.was_heard and (self.asks_nothing or self.cycle.more_body)

    def data_received(self, data: bytes) -> None:
        """What is asked before the last answer has gone is kept, but not without end."""
        super().data_received(data)
        if len(self.conn.trailing_data[0]) > AHEAD:
            self.transport.abort()

    def handle_events(self) -> None:
        """A head that is whole has kept its time."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.asks_nothing:
            self._unwatch()

    def send_400_response(self, msg: str) -> None:
        """What stops being HTTP half-way gets this answer alone, or where it has one, no other."""
        if not self.asks_nothing:  # whoever works at the answer hears so
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def on_response_complete(self) -> None:
        """The next head has a time again."""
        super().on_response_complete()
        self._watch(HEAD_SECONDS)

    def pause_writing(self) -> None:
        """What lies ready has a time in which to be taken."""
        super().pause_writing()
        self._watch(TAKE_SECONDS)

    def resume_writing(self) -> None:
        """It was."""
        super().resume_writing()
        self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to watch."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self.since = time.monotonic()
        self.timer = self.loop.call_later(seconds, self.transport.abort)

    def _unwatch(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
