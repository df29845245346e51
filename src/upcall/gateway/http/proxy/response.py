"""What a client's request is answered with: once, whole or piece by piece.

A response is *waiting*, then *begun* until it is *over*; one that is whole goes from the first to the last. Invariants:
pieces go in the order in which they were given, one at a time, and none after the end. The head of one that is begun
waits for its first piece, so that both go at once, or until somebody says `show`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from upcall.gateway.http.responding import Header, Send

__all__ = ["Response"]


class Response:
    """Of one request.

    Args:
        send: ASGI's.
    """

    def __init__(self, send: Send) -> None:
        self.begun = False
        """Whether its head is settled, and pieces follow."""
        self.over = False
        self._send = send
        self._head: dict[str, Any] | None = None
        self._writing = asyncio.Lock()
        self._later: deque[bytes] = deque()
        self._flushing: asyncio.Task[None] | None = None

    def begin(self, status: int, headers: list[Header]) -> None:
        """Settle the head."""
        self.begun = True
        self._head = {"type": "http.response.start", "status": status, "headers": headers}

    async def show(self) -> None:
        """Let the client have the head, if that is settled."""
        if self._head is not None:
            await self.write(b"")

    async def write(self, body: bytes) -> None:
        """Send a piece. Returns when the connection has room again."""
        async with self._writing:
            await self._put(body)

    def later(self, body: bytes) -> None:
        """Send a piece, where nobody can wait for it."""
        self._later.append(body)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def whole(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send all of it; without a type it is JSON."""
        self.over = True
        if body and not any(name == b"content-type" for name, _ in headers):
            headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", b"%d" % len(body)))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def end(self) -> None:
        """There are no more pieces."""
        async with self._writing:  # so that nobody who waits for it writes after the end
            await self._catch_up()
            self.over = True
            await self._put(b"", more=False)

    def leave(self) -> None:
        """Be done with it as it is."""
        self.over = True
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None  # its traceback leads here: a circle, which would keep the frames for long

    async def _flush(self) -> None:
        async with self._writing:
            await self._catch_up()

    async def _catch_up(self) -> None:
        while self._later:
            await self._put(self._later.popleft())

    async def _put(self, body: bytes, *, more: bool = True) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(head)
        if body or not more:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
