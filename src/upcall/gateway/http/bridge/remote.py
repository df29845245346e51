"""`Remote`: an MCP server behind HTTP, as frames. What a stdio client needs of one, and no more.

Frames go out in order: a request is under way from its POST until its answer; notifications and answers are handed over
one at a time; while ``initialize`` waits for its first headers, everything waits. From ``notifications/initialized`` on
a legacy session listens on the standalone stream, where the server offers it.

Invariants: each request gets one answer: the server's, or an error that says why there is none. On 2026-07-28 a
cancellation closes the response stream and is not sent (basic/transports, "Cancellation"); before, it is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from upcall.errors import ServerUnavailable
from upcall.gateway.frames import Envelope, Id, elements, error, peek, raw_id, request_id
from upcall.gateway.http.bridge.link import Link
from upcall.gateway.http.bridge.roundtrip import CLOSED, SESSION_OVER, RoundTrip
from upcall.gateway.http.bridge.standalone import listen
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.headers import is_modern
from upcall.gateway.session.actions import Lane

__all__ = ["Remote"]

FAREWELL = 1.0
"""Seconds for DELETE."""

_log = logging.getLogger("upcall.gateway")


class Remote:
    """To be used on a running event loop.

    Args:
        upstream: The endpoint.
        received: Told each frame of the server, and the lane on which it came: that of the frame it came in answer to.
        lost: Told of a lane that came to no answer of the server, after the error that says so.
        on_full: Told ``True`` when too much waits to be sent, ``False`` when that is over.
    """

    def __init__(
        self,
        upstream: Upstream,
        received: Callable[[bytes, Lane], None],
        on_full: Callable[[bool], None] = lambda _: None,
        *,
        lost: Callable[[Lane], None] = lambda _: None,
    ) -> None:
        self._link = Link(upstream, received, lost)
        self._on_full = on_full
        self._requests: dict[Id, tuple[asyncio.Task[None], bool]] = {}  # and whether modern
        self._queue: deque[tuple[bytes, Envelope | None, Lane]] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._full = False

    @property
    def under_way(self) -> int:
        """Requests without an answer, and frames that were not handed over."""
        return len(self._requests) + len(self._queue) + (self._pump is not None)

    def pause(self) -> None:
        """Take nothing from the server for now."""
        self._link.room.clear()

    def resume(self) -> None:
        """Take on."""
        self._link.room.set()

    def send(self, frame: bytes, lane: Lane = None) -> None:
        """Send a frame; what comes in answer to it is on this lane.

        Nothing is raised: a request that cannot be sent is answered with an error.
        """
        message = peek(frame)
        if message is not None and message.method == "notifications/cancelled" and self._close_stream(message):
            return
        if self._pump is None and message is not None and _asks(message) and message.method != "initialize":
            self._start(frame, message, lane)
            return
        self._queue.append((frame, message, lane))
        if self._pump is None:
            self._pump = asyncio.create_task(self._hand_over(), name="upcall hand over")
        self._level()

    async def aclose(self) -> None:
        """End the session (DELETE), close every stream."""
        tasks = [task for task, _ in self._requests.values()]
        tasks += [task for task in (self._pump, self._listening) if task is not None]
        self._queue.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link.session is not None:
            with suppress(ServerUnavailable, TimeoutError):
                async with asyncio.timeout(FAREWELL), await self._link.upstream.request("DELETE", self._link.headers()):
                    pass
        await self._link.upstream.aclose()

    def _start(self, frame: bytes, message: Envelope, lane: Lane, begun: asyncio.Event | None = None) -> None:
        id: Id = message.id  # type: ignore[assignment]
        trip = RoundTrip(self._link, frame, message, lane, on_lost=self._lost, begun=begun)
        if trip.modern and self._link.session is None:
            self._link.version = trip.version
        task = asyncio.create_task(trip.run(), name=f"upcall request {id!r}")
        self._requests[id] = task, trip.modern

        def done(_: object) -> None:
            if self._requests.get(id, (None,))[0] is task:
                del self._requests[id]
            if begun is not None:
                begun.set()

        task.add_done_callback(done)

    async def _hand_over(self) -> None:
        try:
            while self._queue:
                frame, message, lane = self._queue.popleft()
                self._level()
                if message is not None and _asks(message):
                    begun = asyncio.Event() if message.method == "initialize" else None
                    if begun is not None:
                        self._link.session = self._link.version = None
                    self._start(frame, message, lane, begun)
                    if begun is not None:
                        await begun.wait()
                else:
                    await self._tell(frame, message, lane)
        finally:
            self._pump = None

    async def _tell(self, frame: bytes, message: Envelope | None, lane: Lane) -> None:
        """A notification, a response, or a batch."""
        open = {raw_id(bytes(part)) for part in elements(frame) or () if _asks(peek(part) or Envelope())}

        def take(part: bytes) -> None:
            for one in elements(part) or (part,):
                open.discard(raw_id(bytes(one)))
            self._link.received(part, lane)

        why = "The server ended its answer before it was complete."
        try:
            reply = await asyncio.wait_for(self._link.upstream.request("POST", self._link.headers(), frame), _TELLING)
            async with reply:
                if reply.status == 200 and open:
                    await self._link.each(reply, take)
                elif reply.status not in (200, 202, 204):
                    why = f"The server did not take a message (HTTP {reply.status})."
                    _log.warning(why)
                    self._lost(reply.status)
        except (ServerUnavailable, TimeoutError) as lost:
            why = "A message was not delivered."
            _log.warning("%s %s", why, lost)
        for id in open:
            self._link.received(error(id, {"code": CLOSED, "message": why}), lane)
        if open:
            self._link.lost(lane)
        begun = message is not None and message.method == "notifications/initialized"
        if begun and self._link.session is not None and (self._listening is None or self._listening.done()):
            self._listening = asyncio.create_task(listen(self._link), name="upcall listen")

    def _close_stream(self, message: Envelope) -> bool:
        id = request_id(message.params) if message.params else None
        if id in self._requests:
            task, modern = self._requests[id]
            if modern:
                task.cancel()
            return modern
        return is_modern(self._link.version)

    def _lost(self, status: int) -> None:
        """404: the session is over, and with it everything that waits in it (basic/transports)."""
        if status == 404 and self._link.session is not None:
            self._link.session = None
            for task, modern in list(self._requests.values()):
                if not modern and task is not asyncio.current_task():
                    task.cancel(SESSION_OVER)

    def _level(self) -> None:
        full = len(self._queue) > _QUEUED
        if full != self._full:
            self._full = full
            self._on_full(full)


_QUEUED = 100
_TELLING = 60.0


def _asks(message: Envelope) -> bool:
    return isinstance(message.method, str) and isinstance(message.id, str | int | float)
