"""The HTTP client's end of the gateway: requests to one MCP server, answered as they stream in.

An `Upstream` is *open* until `aclose`. Invariants: it follows no redirect, keeps no cookies, takes nothing from the
environment (no proxy, no ``.netrc``), and neither decodes nor buffers a body that nobody reads. A connection whose
answer has come to its end is kept for a moment; it belongs to no request then, and holds nothing of one. There is no
limit to how long a server may think: only connecting has a deadline.

It is our own for its cost: a request takes a quarter of the processor time that it takes in the client libraries, which
is most of what a gateway adds to a call (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.address import Address
from upcall.gateway.http.client.connection import Connection, Unanswered
from upcall.gateway.http.client.reply import Reply
from upcall.gateway.http.responding import Header

__all__ = ["Upstream"]

CONNECT_SECONDS: Final = 10.0
KEEP_SECONDS: Final = 2.0
"""How long an idle connection is kept: well below the 5 s of uvicorn and Node, which count from earlier on when this
process is behind. A request must not meet the connection's end, for a POST cannot be sent again."""
_CLOSING_SECONDS: Final = 1.0
"""For connections that are just being made when all are closed."""
_EYEBALLS_SECONDS: Final = 0.25
"""Before the next address of a name is tried as well (RFC 8305, section 5)."""
_REPEATABLE: Final = ("GET", "DELETE")
"""Methods that may be sent again when a kept connection turns out to be closed (RFC 9110, section 9.2.2)."""
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class Upstream:
    """One MCP server's endpoint.

    Args:
        url: Of the endpoint, ``http`` or ``https``.
        headers: Sent with every request, such as credentials. They stand in for any that a request brings itself.
        connect_seconds: For connecting, in seconds.

    Raises:
        ValueError: ``url`` is none of an HTTP server, or a header cannot be sent.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, connect_seconds: float = CONNECT_SECONDS
    ) -> None:
        self._address = Address.of(url)
        self._connect_seconds = connect_seconds
        own = {name.lower().encode(): value.strip().encode() for name, value in (headers or {}).items()}
        if not all(_NAME.fullmatch(name) for name in own):
            raise ValueError("what a header is called has no spaces and no colon")
        if self._address.authorization is not None:
            own.setdefault(b"authorization", self._address.authorization)
        own.setdefault(b"host", self._address.authority)
        self._own = frozenset(own)
        self._lines = _lines(own.items())
        self._idle: list[Connection] = []  # the one that was used last stands last
        self._open: set[Connection] = set()
        self._connecting: set[asyncio.Task[Connection]] = set()
        self._tls: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._emptied = asyncio.Event()

    @property
    def url(self) -> str:
        """Of the endpoint, without what it may carry of a user, a password and a query."""
        return self._address.shown

    async def request(self, method: str, headers: Iterable[Header] = (), body: bytes | None = None) -> Reply:
        """Send one request, and wait for status and headers of its answer.

        Args:
            method: In upper case.
            headers: Names in lower case.
            body: ``None`` for none.

        Raises:
            ServerUnavailable: The server cannot be reached, or did not answer in HTTP.
        """
        head = self._head(method, headers, body)
        while (kept := self._kept()) is not None:
            try:
                return await kept.ask(head, body or b"")
            except Unanswered:
                if method not in _REPEATABLE:
                    raise
        connection = await self._connected()
        return await connection.ask(head, body or b"")

    async def aclose(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        if self._connecting:
            _, late = await asyncio.wait(self._connecting, timeout=_CLOSING_SECONDS)
            for task in late:
                task.cancel()
        self._emptied = asyncio.Event()
        for connection in list(self._open):
            connection.abort()
        if self._open:
            await self._emptied.wait()

    def _head(self, method: str, headers: Iterable[Header], body: bytes | None) -> bytes:
        try:
            theirs = _lines((name, value) for name, value in headers if name not in self._own)
        except ValueError as error:
            raise ServerUnavailable("The server cannot be reached.", detail=str(error)) from None
        length = b"" if body is None and method != "POST" else b"content-length: %d\r\n" % len(body or b"")
        start = method.encode("ascii"), self._address.target
        return b"%b %b HTTP/1.1\r\n%b%b%b\r\n" % (*start, self._lines, theirs, length)

    def _kept(self) -> Connection | None:
        """An idle connection that the server will hardly close just now."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and self._now() - connection.idle_since < KEEP_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connected(self) -> Connection:
        # In a context of its own: a connection outlives the request that it is made for.
        task = asyncio.get_running_loop().create_task(self._connect(), context=contextvars.Context())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        try:
            return await asyncio.shield(task)  # one that is cancelled may lose a socket that is connected just then
        except asyncio.CancelledError:
            task.add_done_callback(_abandoned)
            raise
        except (OSError, UnicodeError) as error:  # TimeoutError and those of TLS are among them
            why = f"{type(error).__name__}: {error}"
            raise ServerUnavailable("The server cannot be reached.", detail=why) from error

    async def _connect(self) -> Connection:
        address, loop = self._address, asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_seconds):
            _, connection = await loop.create_connection(
                lambda: Connection(self._freed, self._lost),
                address.host,
                address.port,
                ssl=self._security() if address.secure else None,
                # asyncio may go on with a handshake that nobody waits for
                ssl_handshake_timeout=self._connect_seconds if address.secure else None,
                happy_eyeballs_delay=_EYEBALLS_SECONDS,
            )
        self._open.add(connection)
        return connection

    def _security(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _freed(self, connection: Connection) -> None:
        connection.idle_since = self._now()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweep_later()

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._emptied.set()
        if connection in self._idle:
            self._idle.remove(connection)

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(KEEP_SECONDS, self._sweep, context=contextvars.Context())

    def _sweep(self) -> None:
        """Close what nobody has used for a while."""
        self._sweeping = None
        oldest = self._now() - KEEP_SECONDS
        for connection in [one for one in self._idle if one.idle_since <= oldest]:
            connection.abort()
        if self._idle:
            self._sweep_later()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _abandoned(task: asyncio.Task[Connection]) -> None:
    """It came to a connection just when nobody waited for it any more."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


def _lines(headers: Iterable[Header]) -> bytes:
    """As they stand in a head.

    Raises:
        ValueError: One cannot stand there.
    """
    found = [b"%b: %b\r\n" % header for header in headers]
    lines = b"".join(found)
    if lines.count(b"\n") != len(found) or lines.count(b"\r") != len(found) or b"\0" in lines:
        raise ValueError("a header holds an end of line")
    return lines
