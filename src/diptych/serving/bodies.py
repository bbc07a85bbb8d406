"""The bodies of requests: received whole before a place in the line is taken, bounded in all."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from diptych.errors import DiptychError
from diptych.serving.spans import span
from diptych.serving.waiting_line import BusyError

SECONDS = 60.0  # in which a body has to be here
SILENCE = 10.0  # seconds without a byte of it
SLOWEST = 16_384  # bytes a second on average, once it has been coming for as long as that


class SlowError(DiptychError):
    """It comes too slowly."""


class Bodies:
    """What has arrived and is not answered yet, at most `room` bytes of all requests together."""

    def __init__(self, room: int) -> None:
        self.room, self.held = room, 0

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, which counts until the block is left.

        What is not here yet takes no room, so that who sends slowly or never keeps nobody else out.
        Raises SlowError where it does not come, BusyError where there is no room.
        """
        body = bytearray()
        try:
            with span("receive"):
                await self._receive(request, body)
            if not body:
                raise DiptychError("nothing was sent: the body of the request is the picture")
            yield bytes(body)
        finally:
            self.held -= len(body)

    async def _receive(self, request: Request, body: bytearray) -> None:
        """Have all of it in `body`, as much of which counts as has come."""
        begun = time.monotonic()
        arriving = aiter(request.stream())
        while True:
            left = min(SILENCE, SECONDS - (time.monotonic() - begun))
            try:
                async with asyncio.timeout(max(0.0, left)):
                    chunk = await anext(arriving, None)
            except TimeoutError:
                raise _slow() from None
            except ClientDisconnect:
                raise DiptychError("the sender went away") from None
            if chunk is None:
                return
            if self.held + len(chunk) > self.room:
                raise BusyError("too much is being sent at once; try again in a moment")
            self.held += len(chunk)
            body += chunk
            spent = time.monotonic() - begun
            if spent > SILENCE and len(body) < SLOWEST * spent:
                raise _slow()


def _slow() -> SlowError:
    return SlowError(f"the picture came too slowly: {SECONDS:g} seconds are the most")
