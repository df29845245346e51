"""`Reply`: what a server answers to one request.

A reply is *coming* until its body is complete or broken off. Invariants: what came is given once, in order, before the
end or the break is told. While nobody takes it, little is read ahead. A connection is the reply's until the body is
complete; a reply that is closed before takes the connection with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Final, Protocol, Self

from upcall.errors import ServerUnavailable
from upcall.gateway.http.responding import Header

__all__ = ["Reply", "Source", "media_type"]

AHEAD: Final = 1 << 16
"""Bytes that are read before somebody takes them."""


class Source(Protocol):
    """Where a body comes from."""

    def abort(self) -> None:
        """Nobody wants the rest."""
        ...

    def pause(self) -> None:
        """Read nothing for now."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...


class Reply:
    """Status and headers at once, the body as it comes. An async context manager.

    Args:
        status: 200 to 599.
        headers: Names in lower case, in order.
        source: Where the body comes from.
    """

    __slots__ = ("_ahead", "_broken", "_came", "_complete", "_fields", "_source", "_waiter", "headers", "status")

    def __init__(self, status: int, headers: list[Header], source: Source) -> None:
        self.status = status
        self.headers = headers
        self._fields: dict[bytes, bytes] = dict(reversed(headers))
        self._source: Source | None = source
        self._came: deque[bytes] = deque()
        self._ahead = 0
        self._complete = False
        self._broken: str | None = None
        self._waiter: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> str | None:
        """The first value of a header, by its name in lower case."""
        value = self._fields.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def media_type(self) -> str:
        """Of the body, lower case, without parameters; empty when the server does not say."""
        return media_type(self.header(b"content-type"))

    @property
    def is_plain(self) -> bool:
        """Whether the body can be read as it is: not compressed."""
        return self._fields.get(b"content-encoding", b"") in (b"", b"identity")

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            ServerUnavailable: It is longer than ``limit`` bytes, or the connection broke.
        """
        parts: list[bytes] = []
        size = 0
        while chunk := await self.chunk():
            size += len(chunk)
            if size > limit:
                self.close()
                raise ServerUnavailable("The server's answer is too long.", detail=f"more than {limit} bytes")
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunk(self) -> bytes:
        """What came since the last time, as soon as there is something; empty at the end.

        Raises:
            ServerUnavailable: The connection broke.
        """
        while not self._came:
            if self._broken is not None:
                raise ServerUnavailable("The server broke off its answer.", detail=self._broken)
            if self._complete:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunk = self._came.popleft() if len(self._came) == 1 else b"".join(self._came)
        self._came.clear()
        if self._ahead > AHEAD and self._source is not None:
            self._source.resume()
        self._ahead = 0
        return chunk

    def close(self) -> None:
        """Be done with it. A body that has not come to its end takes the connection with it."""
        if self._source is not None:
            source, self._source = self._source, None
            self.broken("closed here")
            source.abort()

    def came(self, chunk: bytes) -> None:
        """Something of the body: told by the connection."""
        self._came.append(chunk)
        before = self._ahead
        self._ahead += len(chunk)
        if before <= AHEAD < self._ahead and self._source is not None:
            self._source.pause()
        self._wake()

    def complete(self) -> None:
        """The body has come to its end: told by the connection."""
        self._complete, self._source = True, None
        self._wake()

    def broken(self, why: str) -> None:
        """Nothing more comes: told by the connection."""
        if not self._complete and self._broken is None:
            self._broken, self._source = why, None
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def media_type(content_type: str | None) -> str:
    """``text/event-stream`` of ``Text/Event-Stream; charset=utf-8``."""
    return content_type.partition(";")[0].strip().lower() if content_type else ""
