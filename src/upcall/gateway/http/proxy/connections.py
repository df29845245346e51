"""What the gateway knows of each connection: its session, what runs for it, and who has it open.

A `Connection` is *single* (of one POST: 2026-07-28, or a server without sessions) or *kept* under its
``Mcp-Session-Id``, from the response that names that until a DELETE, a 404, or a long time without use. A kept one that
was forgotten meanwhile, or was begun at another replica, is made anew as soon as somebody uses it.

Invariants: a kept connection is its principal's alone. What the session says for an exchange that is open goes there;
what it says for one that has ended goes to the standalone stream, or to another that is open; nothing goes to an
exchange of another connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

from msgspec.structs import replace

from upcall.errors import ServerUnavailable
from upcall.gateway.frames import joined, peek
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.headers import ToolHeaders, is_modern, repeated, said
from upcall.gateway.http.proxy.forwarding import VERSION, answering_headers
from upcall.gateway.http.responding import Header
from upcall.gateway.performing import Answers, Performer
from upcall.gateway.session.actions import Lane, ToClient, ToServer
from upcall.gateway.session.handshake import Handshake
from upcall.gateway.session.session import Session

__all__ = ["Carrier", "Connect", "Connection", "Connections"]

_log = logging.getLogger("upcall.gateway")
_ANSWER_BYTES: Final = 64 * 1024
_ANSWER_SECONDS: Final = 60.0
_OPENING_SECONDS: Final = 1.0


Connect: TypeAlias = Callable[[str], tuple[Session, Answers]]
"""Makes the session of a new connection, for a principal, and what answers its samples."""


class Carrier(Hashable, Protocol):
    """One request of a client and its response, which carry the frames of a connection: the lane of what they carry."""

    @property
    def standalone(self) -> bool:
        """Whether it is the stream for what belongs to no request."""
        ...

    def upstream_frame(self, frame: bytes) -> None:
        """To be sent to the server as a request of this one."""
        ...

    def push(self, frame: bytes, *, sought: bool) -> bool:
        """A frame for the client that answers nothing which came in just now.

        Args:
            frame: One message.
            sought: It belongs here; else it goes only where events are open. ``False`` when it cannot go here.
        """
        ...


class Connection:
    """One session, and the exchanges that are open in it."""

    def __init__(self, connect: Connect, upstream: Upstream, principal: str) -> None:
        self.principal = principal
        self.id: str | None = None
        """Its ``Mcp-Session-Id``, once there is one."""
        self.headers: list[Header] = []
        """Of its last request."""
        self.used = 0.0
        self.opening: asyncio.Event | None = None
        """Set once the server has answered the last GET."""
        self.exchanges: set[Carrier] = set()
        self._session, answering = connect(principal)
        self._performer = Performer(self._session, answering, self._send)
        self._upstream = upstream
        self._at: Carrier | None = None
        self._frame: bytes | None = None
        self._got: list[bytes] | None = None
        self._posts: set[asyncio.Task[None]] = set()
        self._muted = False
        self._unsaid: bytes | None = None
        """A frame of ours that the session is told and the server is not."""

    @property
    def under_way(self) -> int:
        """Samples that are being answered."""
        return self._performer.under_way

    @property
    def idle(self) -> bool:
        """Whether nobody uses it, and nothing runs for it."""
        return not self.exchanges and not self._performer.under_way and not self._posts

    async def heard(self) -> None:
        """Wait until a stream that the client asked for before is open at the server, or the server takes its time.

        What servers ask on that stream while it is not open is lost to them, and clients send the next request at once.
        """
        if self.opening is not None and not self.opening.is_set():
            opening = self.opening
            with suppress(TimeoutError):
                async with asyncio.timeout(_OPENING_SECONDS):
                    await opening.wait()
            opening.set()

    def from_client(self, frame: bytes, exchange: Carrier) -> None:
        """A body came. What it becomes is with the exchange, or on its way."""
        self._at = exchange
        try:
            self._performer.from_client(frame, exchange)
        finally:
            self._at = None

    def from_server(self, frame: bytes, exchange: Carrier) -> list[bytes]:
        """A frame came upstream; gives what of it goes to the client, at its place."""
        return self._collect(exchange, frame, lambda: self._performer.from_server(frame, exchange))

    def server_gone(self, reason: str, exchange: Carrier) -> list[bytes]:
        """Nothing more comes for this exchange; gives what the client is told of it."""
        return self._collect(exchange, None, lambda: self._performer.server_gone(reason, exchange))

    def client_gone(self, exchange: Carrier, unanswered: list[str | int | float]) -> None:
        """The client closed the exchange for good, with these legacy requests open.

        What ran for them stops, as if the client had cancelled them. The server is not told that it has, for it may not
        have (2025-11-25, basic/transports): it sees its own stream close, and gets an answer to what it had asked here.
        """
        self._muted = not unanswered  # on 2026-07-28 closing the upstream's stream says it
        try:
            self._performer.client_gone(exchange)
            for id in unanswered:
                self._unsaid = joined(
                    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}
                )
                self._performer.from_client(self._unsaid, exchange)
        finally:
            self._muted, self._unsaid = False, None

    @property
    def handshake(self) -> Handshake | None:
        """What ``initialize`` has settled."""
        return self._session.handshake

    def resume(self, version: str | None, handshake: Handshake | None) -> None:
        """Begin in the middle of a session.

        Args:
            version: As the client says with each request from 2025-06-18 on.
            handshake: What its ``initialize`` settled elsewhere, where that is known.
        """
        if handshake is None:
            self.assume(version)
        else:
            self._session.resume(replace(handshake, version=version or handshake.version))

    def assume(self, version: str | None) -> None:
        """Begin in the middle: with a client that has said elsewhere what it can, so that we cannot know."""
        params = {"protocolVersion": version or "2025-03-26", "capabilities": {}, "clientInfo": {}}
        begin = {"jsonrpc": "2.0", "id": "upcall-assumed", "method": "initialize", "params": params}
        self._session.from_client(joined(begin), None)
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {}, "serverInfo": {}}
        self._session.from_server(joined({"jsonrpc": "2.0", "id": "upcall-assumed", "result": result}), None)

    @property
    def apart(self) -> bool:
        """Whether samples run for it that no exchange waits for: those of tasks."""
        return self._performer.apart

    @property
    def posting(self) -> bool:
        """Whether frames of no exchange are on their way to the server."""
        return bool(self._posts)

    async def leave(self) -> None:
        """The exchange is over: wait until the samples of tasks are through and the server has been told."""
        try:
            await self._performer.leave()
            while self._posts:
                await asyncio.wait(self._posts)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop what runs for it."""
        self._muted = True
        await self._performer.aclose()
        for task in list(self._posts):
            task.cancel()
        while self._posts:
            await asyncio.wait(self._posts)

    def _collect(self, exchange: Carrier, frame: bytes | None, run: Callable[[], None]) -> list[bytes]:
        got: list[bytes] = []
        self._at, self._frame, self._got = exchange, frame, got
        try:
            run()
        finally:
            self._at = self._frame = self._got = None
        return got

    def _send(self, action: ToServer | ToClient) -> None:
        lane, frame = action.lane, action.frame
        if self._muted or frame is self._unsaid:
            return
        if type(action) is ToServer:
            if lane is not None and lane in self.exchanges and (lane is self._at or _is_request(frame)):
                lane.upstream_frame(frame)
            elif self._at is not None and lane is None:
                self._at.upstream_frame(frame)
            else:
                self._post(frame)
        elif self._got is not None and (lane is self._at or frame is self._frame):
            self._got.append(frame)
        else:
            self._route(frame, lane)

    def _route(self, frame: bytes, lane: Lane) -> None:
        open_ones = sorted(self.exchanges, key=lambda one: not one.standalone)
        for exchange in (lane, *open_ones):
            if exchange in self.exchanges and exchange.push(frame, sought=exchange is lane):
                return
        _log.debug("Nobody is there to hear a frame for the client: dropped.")

    def _post(self, frame: bytes) -> None:
        task = asyncio.create_task(self._posted(frame), name="upcall answer")
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _posted(self, frame: bytes) -> None:
        version = self._session.version
        message = peek(frame)
        headers = answering_headers(self.headers, version)
        if message is not None and isinstance(message.method, str) and is_modern(version):
            about = repeated(said(message.method, message.params or None), ToolHeaders())
            headers = [*(one for one in headers if one[0] != VERSION), *about.items()]
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), await self._upstream.request("POST", headers, frame) as reply:
                if reply.status >= 400:
                    _log.warning("The server takes no answer: HTTP status %s.", reply.status)
                else:
                    await reply.read(_ANSWER_BYTES)
        except TimeoutError:
            _log.warning("The server does not say whether it takes an answer.")
        except ServerUnavailable as error:
            _log.warning("An answer does not reach the server: %s", error.detail or error)


class Connections:
    """The kept ones, by ``Mcp-Session-Id``.

    Args:
        make: Makes one for a principal.
        idle_seconds: Without use, after which one is forgotten.
        cap: How many are kept; then the one that was not used for the longest time goes, if nobody has it open.
        now: The time, in seconds.
    """

    def __init__(
        self, make: Callable[[str], Connection], *, idle_seconds: float, cap: int, now: Callable[[], float]
    ) -> None:
        self._make = make
        self._idle_seconds = idle_seconds
        self._cap = cap
        self._now = now
        self._kept: OrderedDict[str, Connection] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self, id: str, principal: str, version: str | None, handshake: Handshake | None = None
    ) -> Connection | None:
        """The connection of this id, made anew where it is not known; ``None`` when it is somebody else's. The rest is
        as `Connection.resume` has it."""
        found = self._kept.get(id)
        if found is None:
            found = self._make(principal)
            found.resume(version, handshake)
            self.keep(id, found)
        elif found.principal != principal:
            return None
        found.used = self._now()
        self._kept.move_to_end(id)
        return found

    def keep(self, id: str, connection: Connection) -> None:
        """The server has given it this id."""
        before = self._kept.get(id)
        if before is connection or (before is not None and before.principal != connection.principal):
            return
        if before is not None:
            self.forget(id)
        connection.id, connection.used = id, self._now()
        self._kept[id] = connection
        self._sweep()

    def forget(self, id: str) -> None:
        """It is over."""
        connection = self._kept.pop(id, None)
        if connection is not None:
            task = asyncio.create_task(connection.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def release(self, connection: Connection) -> None:
        """One that is not kept is over. What runs in it for tasks goes on."""
        if not (connection.apart or connection.posting):
            await connection.aclose()
            return
        task = asyncio.create_task(connection.leave(), name="upcall tasks")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _sweep(self) -> None:
        oldest = self._now() - self._idle_seconds
        for id, connection in list(self._kept.items())[: max(2, len(self._kept) - self._cap)]:
            if connection.idle and (connection.used < oldest or len(self._kept) > self._cap):
                self.forget(id)

    async def aclose(self) -> None:
        """Stop what runs for all of them."""
        for id in list(self._kept):
            self.forget(id)
        for task in self._leaving:
            task.cancel()
        while ending := self._closing | self._leaving:
            await asyncio.wait(ending)


def _is_request(frame: bytes) -> bool:
    message = peek(frame)
    return message is not None and isinstance(message.method, str) and message.id is not None
