"""`Connection`: one TCP (or TLS) connection to a server, for one request at a time.

It is *idle*, then *asked* (a request is being written, its answer has not begun), then *answering* until the body is
complete, then idle again; or it is *closed*, for good. Invariants: a request is on the wire once. What a server says
without being asked closes the connection, and so does an answer that came before its request was written out, since
what would be read next could belong to either. Bytes that are not of a body are bounded.

The parser is llhttp (`httptools`). What is ambiguous about the length of a body (RFC 9112, section 6.3) is no answer to
it; it is lenient with values of headers alone, since servers send what they may not (see `forwarding`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.reply import Reply
from upcall.gateway.http.reading import Buffered
from upcall.gateway.http.responding import Header

__all__ = ["Connection", "Unanswered"]

HEAD_BYTES: Final = 64 * 1024
"""Longest head of an answer, and longest stretch between two pieces of its body."""
_PIECE: Final = 1 << 16
"""A longer body is written in pieces, and not faster than the server reads it."""
_NO_BODY: Final = (204, 304)


class Unanswered(ServerUnavailable):
    """The connection closed before anything of an answer came."""


class Connection(Buffered):
    """A protocol of asyncio's.

    Args:
        on_free: Told when it is idle again.
        on_lost: Told when it is closed.
    """

    def __init__(self, on_free: Callable[[Connection], None], on_lost: Callable[[Connection], None]) -> None:
        self.idle_since = 0.0
        """For whoever keeps it."""
        self._on_free = on_free
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_headers=True)
        self._asked: asyncio.Future[Reply] | None = None
        self._room: asyncio.Future[None] | None = None
        self._reply: Reply | None = None
        self._headers: list[Header] = []
        self._head = self._between = 0
        self._interim = self._written = self._keeps = self._to_the_end = self._over = False

    @property
    def usable(self) -> bool:
        """Whether it can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes) -> Reply:
        """Send a request and wait for the head of its answer.

        Raises:
            Unanswered: The connection closed first.
            ServerUnavailable: What came is no answer in HTTP.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise _lost("it was closed")
        asked: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked = asked
        self._written = False
        self._head = self._between = 0
        try:
            if len(body) <= _PIECE:
                transport.write(head + body)
                self._written = True
            else:
                transport.write(head)
                await self._write(transport, body, asked)
            return await asked
        except asyncio.CancelledError:
            if self._asked is asked:
                self.abort()
            elif not asked.cancelled() and asked.exception() is None:
                asked.result().close()  # it came just now; the connection may be somebody else's already
            raise

    async def _write(self, transport: asyncio.Transport, body: bytes, asked: asyncio.Future[Reply]) -> None:
        """Write it out, or as much as there is until the server answers."""
        pieces = memoryview(body)
        for start in range(0, len(body), _PIECE):
            transport.write(pieces[start : start + _PIECE])
            if self._room is not None:
                either: set[asyncio.Future[Any]] = {self._room, asked}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return
        self._written = True

    def abort(self) -> None:
        """Close it here and now."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """See `Source`."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """See `Source`."""
        if self._transport is not None:
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`, here and below."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        why = "it closed the connection" if exc is None else f"{type(exc).__name__}: {exc}"
        self._fail(_lost(why) if not self._between else _garbled(why))
        if self._reply is not None:
            if self._to_the_end and exc is None:
                self._reply.complete()
            else:
                self._reply.broken(why)
        self.resume_writing()
        self._transport = self._parser = self._reply = None
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        self._between += len(data)
        wrong = None
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            wrong = "it changed the protocol"
        except HttpParserError as error:
            wrong = str(error.__context__ or error)
        if self._over:
            self._ended(again=wrong is None)
        elif wrong is not None or self._between > HEAD_BYTES:
            self._refuse(wrong or "too much that is no body")

    def on_message_begin(self) -> None:
        """See `httptools.HttpResponseParser`, here and below."""
        if self._asked is None:
            raise HttpParserError("an answer to nothing")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + 4
        if self._head > HEAD_BYTES:
            raise HttpParserError("the head of its answer is too long")
        if self._reply is None:  # what comes after a body is of no use
            # llhttp leaves the whitespace after a value, which is no part of it (RFC 9110, 5.5).
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        assert self._parser is not None  # noqa: S101 - it is what calls
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        if 100 <= status < 200 and status != 101:
            self._interim = True
            return
        if not 200 <= status < 600:  # 101 would turn the client's connection into something else
            raise HttpParserError(f"HTTP status {status}")
        fields = dict(headers)
        chunked = fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        self._to_the_end = not chunked and b"content-length" not in fields and status not in _NO_BODY
        self._keeps = self._parser.should_keep_alive()
        self._reply = Reply(status, headers, self)
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_result(self._reply)

    def on_body(self, chunk: bytes) -> None:
        self._between = self._head = 0
        if self._reply is not None:
            self._reply.came(chunk)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        else:
            self._over = True

    def _ended(self, *, again: bool) -> None:
        """The body is complete, and with ``again`` nothing else came."""
        reply, self._reply, self._over = self._reply, None, False
        again = again and self._keeps and self._written
        if not again:
            self.abort()
        else:
            self.resume()
        if reply is not None:
            reply.complete()
        if again:
            self._on_free(self)

    def _refuse(self, why: str) -> None:
        """What came is none of HTTP."""
        self._fail(_garbled(why))
        if self._reply is not None:
            self._reply.broken(why)
        self.abort()

    def _fail(self, error: ServerUnavailable) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(error)


def _garbled(why: str) -> ServerUnavailable:
    return ServerUnavailable("The server did not answer in HTTP.", detail=why)


def _lost(why: str) -> Unanswered:
    return Unanswered("The server cannot be reached.", detail=why)
