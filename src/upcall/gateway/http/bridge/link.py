"""`Link`: what all requests to one MCP server over HTTP have in common, and how its messages are read off a reply.

A link is in a *session* from the answer to ``initialize`` that names one (``Mcp-Session-Id``) until the server says
that it is over; on 2026-07-28 there is none. Nothing is taken from the server while the client has no room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.reply import Reply
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.headers import ToolHeaders, encoded
from upcall.gateway.http.responding import Header
from upcall.gateway.http.sse import EventTooLarge, Parser
from upcall.gateway.session.actions import Lane

__all__ = ["CONTENT", "RETRY_MOST", "Link", "Position"]

BODY_BYTES = 1 << 30
"""Longest JSON answer."""
RETRY_SECONDS = 1.0
RETRY_LEAST = 0.1
"""A server that wants us back sooner would keep us busy with nothing else."""
RETRY_MOST = 30.0

CONTENT = ((b"accept", b"application/json, text/event-stream"), (b"content-type", b"application/json"))
_EVENTS = ((b"accept", b"text/event-stream"),)
_ENDING = 0.2


class Link:
    """State and no more: whoever sends says what becomes of an answer.

    Args:
        upstream: The endpoint.
        received: Told each frame of the server, and the lane on which it came: that of the frame it came in answer to.
        lost: Told of a lane that came to no answer of the server, after the error that says so.
    """

    def __init__(
        self, upstream: Upstream, received: Callable[[bytes, Lane], None], lost: Callable[[Lane], None]
    ) -> None:
        self.upstream, self.received, self.lost = upstream, received, lost
        self.tools = ToolHeaders()
        self.session: str | None = None
        self.version: str | None = None
        self.room = asyncio.Event()
        self.room.set()

    def headers(self, last_event: bytes | None = None) -> list[Header]:
        """Of a request that is not of 2026-07-28; of a GET where ``last_event`` is given, empty when there was none."""
        headers = list(CONTENT if last_event is None else _EVENTS)
        if self.session is not None:
            headers.append((b"mcp-session-id", self.session.encode("latin-1")))
        if self.version is not None:
            headers.append((b"mcp-protocol-version", encoded(self.version).encode()))
        if last_event:
            headers.append((b"last-event-id", last_event))
        return headers

    async def read(self, reply: Reply) -> bytes:
        """The whole body of a reply.

        Raises:
            ServerUnavailable: It breaks off, or is too long.
        """
        return await reply.read(BODY_BYTES)

    async def each(self, reply: Reply, take: Callable[[bytes], object], position: Position | None = None) -> None:
        """Every message of a reply, until its end or until ``take`` says ``False``.

        Raises:
            ServerUnavailable: It breaks off, or is too long.
        """
        if reply.media_type != "text/event-stream":
            body = await self.read(reply)
            await self.room.wait()
            take(body)
            return
        parser = Parser()
        try:
            while chunk := await reply.chunk():
                for event in parser.feed(chunk):
                    if position is not None:
                        position.saw(event.id, event.retry)
                    if event.data and event.kind in (None, b"", b"message"):
                        await self.room.wait()
                        if take(event.data) is False:
                            await _run_out(reply)
                            return
        except EventTooLarge as error:
            raise ServerUnavailable("The server's answer is too long.") from error


class Position:
    """Where we are in a stream, and how soon the server wants us back when it breaks."""

    def __init__(self) -> None:
        self.last: bytes | None = None
        self.retry = RETRY_SECONDS

    def saw(self, id: bytes | None, retry: bytes | None) -> None:
        """The fields of an event."""
        if id is not None and b"\0" not in id:
            self.last = id
        if retry is not None and retry.isdigit():
            seconds = int(retry[:9]) / 1000 if len(retry) < 10 else RETRY_MOST
            self.retry = min(max(seconds, RETRY_LEAST), RETRY_MOST)


async def _run_out(reply: Reply) -> None:
    """A stream ends after the answer; read to its end, its connection serves the next request."""
    with suppress(ServerUnavailable, TimeoutError):
        async with asyncio.timeout(_ENDING):
            while await reply.chunk():
                pass
