"""`Proxy`: an MCP server that is served over HTTP elsewhere, served here with sampling answered.

What passes: requests to the endpoint itself, with any method that MCP has, and whatever the server says to them. What
does not: OAuth's metadata and all other paths of the server, redirects (they go to the client as they are), and what
`upcall.gateway.http.proxy.forwarding` says of headers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from upcall.gateway.http.client.reply import Reply
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.front.app import Request, problem
from upcall.gateway.http.front.guards import Refusal
from upcall.gateway.http.proxy.connections import Connect, Connection, Connections
from upcall.gateway.http.proxy.exchange import Exchange
from upcall.gateway.http.proxy.forwarding import SESSION, VERSION
from upcall.gateway.http.proxy.owning import Inward, OwnedIds
from upcall.gateway.http.responding import Receive, Send, send_json

__all__ = ["Proxy"]

FRAME_BYTES: Final = 256 * 1024 * 1024
IDLE_SECONDS: Final = 30 * 60.0
CONNECTIONS: Final = 10_000
_METHODS: Final = frozenset({"POST", "GET", "DELETE"})
_UNKNOWN: Final = problem(-32600, "Session not found.")


class Proxy:
    """An `Endpoint` in front of one server.

    Args:
        upstream: The server. The proxy closes it.
        connect: Makes the session of a new connection, and what answers its samples.
        frame_bytes: Longest message of the server.
        idle_seconds: How long a session that nobody uses is remembered.
        connections: How many sessions are remembered.
        ids: Marks ids, where several principals or replicas are; they pass as they are when ``None``.
        now: The time, in seconds.
    """

    def __init__(
        self,
        upstream: Upstream,
        connect: Connect,
        *,
        frame_bytes: int = FRAME_BYTES,
        idle_seconds: float = IDLE_SECONDS,
        connections: int = CONNECTIONS,
        ids: OwnedIds | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream = upstream
        self._connect = connect
        self._frame_bytes = frame_bytes
        self._ids = ids
        self._kept = Connections(self._made, idle_seconds=idle_seconds, cap=connections, now=now)

    @property
    def kept(self) -> int:
        """Sessions that are remembered."""
        return len(self._kept)

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """See `Endpoint`."""
        if request.method not in _METHODS:
            await send_json(send, 405, problem(-32600, "Method not allowed."), [(b"allow", b"GET, POST, DELETE")])
            return
        inward = Inward(request, None) if self._ids is None else self._ids.inward(request)
        if isinstance(inward, Refusal):
            await send_json(send, inward.status, problem(-32600, inward.message))
            return
        id, principal = inward.request.header(SESSION), request.principal
        if id is None:
            connection: Connection | None = self._made(principal)
        else:
            connection = self._kept.get(id, principal, inward.request.header(VERSION), inward.handshake)
        if connection is None:
            await send_json(send, 404, _UNKNOWN)
            return
        event_id = None
        if self._ids is not None:
            event_id = self._ids.event_ids(principal, lambda: connection.id)
            send = self._ids.outward(send, request, inward.request, lambda: connection.handshake)
        await self._served(connection, inward.request, receive, send, event_id)

    async def _served(
        self,
        connection: Connection,
        request: Request,
        receive: Receive,
        send: Send,
        event_id: Callable[[bytes], bytes] | None,
    ) -> None:
        id = request.header(SESSION)
        ended = False
        if request.method == "GET":
            connection.opening = opened = asyncio.Event()
        else:
            opened = None
            if request.method == "POST":
                await connection.heard()

        def on_reply(reply: Reply) -> None:
            nonlocal ended
            if opened is not None:
                opened.set()
            given = reply.header(b"mcp-session-id")
            if id is None and given and reply.status < 300:
                self._kept.keep(given, connection)
            elif reply.status == 404 or (request.method == "DELETE" and reply.status < 300):
                ended = True

        exchange = Exchange(
            connection,
            request,
            receive,
            send,
            upstream=self._upstream,
            frame_bytes=self._frame_bytes,
            on_reply=on_reply,
            event_id=event_id,
        )
        try:
            await exchange.run()
        finally:
            if opened is not None:
                opened.set()
            if connection.id is None:
                await self._kept.release(connection)
            elif ended:  # not before: what the server said to it has to go through its session
                self._kept.forget(connection.id)

    def _made(self, principal: str) -> Connection:
        return Connection(self._connect, self._upstream, principal)

    async def aclose(self) -> None:
        """See `Endpoint`."""
        await self._kept.aclose()
        await self._upstream.aclose()
