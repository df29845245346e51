"""`Hosting`: a streamable HTTP endpoint in front of a server that speaks over its standard input and output.

Era by era: ``initialize`` starts a process and a session, which the ``Mcp-Session-Id`` names until DELETE, a while
without use, or the process's end (2025-11-25, basic/transports, "Session Management"). What carries the version in its
``_meta``, or a header that says 2026-07-28, goes to the one process that all requests of its principal share.

Invariants: a session answers its own principal only, and is not found by any other; its id cannot be guessed. There are
never more processes than allowed, those that are starting included; where several principals come, nobody has more than
half of them, and one is left for each who has none. After `aclose` there are none.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import UNSET

from upcall.errors import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, ServerUnavailable
from upcall.gateway.frames import elements, error, peek, raw_id
from upcall.gateway.http.children.hosted import Hosted
from upcall.gateway.http.children.legacy import LegacySession
from upcall.gateway.http.children.shared import SharedServer
from upcall.gateway.http.client.reply import media_type
from upcall.gateway.http.front.app import Request
from upcall.gateway.http.headers import HEADER_MISMATCH, LEGACY_VERSIONS, Said, ToolHeaders, is_modern, mismatch, said
from upcall.gateway.http.responding import Receive, Send, send_json, send_status
from upcall.gateway.http.streams import requests_in
from upcall.gateway.performing import Answers, Frames

__all__ = ["Hosting"]

_H = TypeVar("_H", bound=Hosted)

PARSE_ERROR = -32700
_CLOSING = "The gateway is shutting down."
PRIMED = "2025-11-25"
"""From here on a client understands an event without data (basic/transports, "Sending Messages")."""

_log = logging.getLogger("upcall.gateway")


class _Refusal(Exception):
    """A request that gets this status and a JSON-RPC error, and goes nowhere."""

    def __init__(self, status: int, message: str, *, code: int = INVALID_REQUEST, id: bytes = b"null") -> None:
        super().__init__(message)
        self.status = status
        self.body = error(id, {"code": code, "message": message})


class Hosting:
    """One server program.

    Args:
        argv: How to start it.
        env: Its whole environment; ``None``: ours.
        connect: Makes a gateway session for a principal, and what answers its samples.
        processes: How many may run at once.
        principals: How many may come.
        idle_seconds: After how long without use a process is ended.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        connect: Callable[[str], tuple[Frames, Answers]],
        env: Mapping[str, str] | None = None,
        processes: int = 64,
        principals: int = 1,
        idle_seconds: float = 1800.0,
    ) -> None:
        self._argv, self._env = list(argv), env
        self._connect = connect
        self._processes = processes
        self._principals = principals
        self._idle_seconds = idle_seconds
        self._sessions: dict[str, LegacySession] = {}
        self._shared: dict[str, SharedServer] = {}
        self._running: dict[asyncio.Task[None], str] = {}
        """Each process's principal."""
        self._tools = ToolHeaders()
        self._closed = False

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            if request.method == "POST":
                await self._post(request, receive, send)
            elif request.method not in ("GET", "DELETE"):
                await send_status(send, 405, [(b"allow", b"GET, POST, DELETE")])
            elif is_modern(request.header(b"mcp-protocol-version")):
                await send_status(send, 405, [(b"allow", b"POST")])
            elif request.method == "DELETE":
                self._found(request).over("The client ended the session.")
                await send_status(send, 204)
            else:
                await self._get(request, receive, send)
        except _Refusal as refusal:
            await send_json(send, refusal.status, refusal.body)

    async def aclose(self) -> None:
        """End all sessions and processes."""
        self._closed = True
        for hosted in [*self._sessions.values(), *self._shared.values()]:
            hosted.over(_CLOSING)
        while self._running:
            await asyncio.wait(self._running)

    async def _post(self, request: Request, receive: Receive, send: Send) -> None:
        if media_type(request.header(b"content-type")) != "application/json":
            raise _Refusal(415, "The body must be application/json.")
        if not (_accepts(request, "application/json") and _accepts(request, "text/event-stream")):
            raise _Refusal(406, "The client must accept application/json and text/event-stream.")
        frame = request.body
        message = peek(frame)
        if message is None and not elements(frame):
            raise _Refusal(400, "The body is no JSON-RPC message.", code=PARSE_ERROR)
        version, id = request.header(b"mcp-protocol-version"), request.header(b"mcp-session-id")
        if message is not None and message.method == "initialize" and is_modern(version):
            # SEP-2575 has removed it. It would turn the process that others share into one of the other era.
            raise _Refusal(404, "Method not found", code=METHOD_NOT_FOUND, id=raw_id(frame))
        if message is not None and message.method == "initialize" and id is None:
            await self._initialize(request, receive, send)
            return
        about = None
        if message is not None and message.method and (id is None or is_modern(version)):
            about = said(message.method, message.params or None)
        if is_modern(version) or (about is not None and is_modern(about.version)):
            if message is None or about is None or message.id is None or about.method == "initialize":
                raise _Refusal(400, "The body must be a single JSON-RPC request or notification.")
            if message.id is UNSET:  # a client says nothing here but by closing a response stream
                await send_status(send, 202)
            else:
                await self._modern(frame, about, request, receive, send)
        else:
            await self._legacy(self._found(request), frame, version, receive, send)

    async def _initialize(self, request: Request, receive: Receive, send: Send) -> None:
        id = secrets.token_urlsafe(24)
        session = LegacySession(
            id,
            request.principal,
            *self._connect(request.principal),
            idle_seconds=self._idle_seconds,
        )
        await self._start(session, self._sessions, id, raw_id(request.body))
        try:
            await self._legacy(session, request.body, None, receive, send)
        finally:
            if not session.begun:
                session.over("The session was not begun.")

    async def _legacy(
        self, session: LegacySession, frame: bytes, version: str | None, receive: Receive, send: Send
    ) -> None:
        if not requests_in(frame)[0]:
            await session.tell(frame)
            await send_status(send, 202)
        elif not await session.post(frame, receive, send, primed=version is not None and version >= PRIMED):
            raise _Refusal(400, "A request with this id waits for its answer already.")

    async def _get(self, request: Request, receive: Receive, send: Send) -> None:
        if not _accepts(request, "text/event-stream"):
            raise _Refusal(406, "The client must accept text/event-stream.")
        session = self._found(request)
        if not await session.get(request.header(b"last-event-id"), receive, send):
            raise _Refusal(400, "The events after this one are not kept.")

    def _found(self, request: Request) -> LegacySession:
        id = request.header(b"mcp-session-id")
        if id is None:
            raise _Refusal(400, "The Mcp-Session-Id header is missing.")
        session = self._sessions.get(id)
        if session is None or session.is_over or session.principal != request.principal:
            raise _Refusal(404, "There is no such session.")
        version = request.header(b"mcp-protocol-version")
        if version is not None and version not in LEGACY_VERSIONS:
            raise _Refusal(400, "The MCP-Protocol-Version header names no version that is served here.")
        return session

    async def _modern(self, frame: bytes, about: Said, request: Request, receive: Receive, send: Send) -> None:
        id = raw_id(frame)
        if about.version is None:
            text = "params._meta lacks io.modelcontextprotocol/protocolVersion."
            raise _Refusal(400, text, code=INVALID_PARAMS, id=id)
        wrong = mismatch(about, request.headers, self._tools)
        if wrong is not None:
            raise _Refusal(400, wrong, code=HEADER_MISMATCH, id=id)
        principal = request.principal
        server = self._shared.get(principal)
        if server is None or server.is_over:
            server = SharedServer(
                principal,
                lambda: self._connect(principal),
                self._tools,
                idle_seconds=self._idle_seconds,
            )
            await self._start(server, self._shared, principal, id)
        else:
            await self._ready(server, id)
        await server.post(frame, about.method, receive, send)

    async def _start(self, hosted: _H, among: dict[str, _H], name: str, id: bytes) -> None:
        if self._closed or not self._has_room(hosted.principal):
            raise _Refusal(503, "Too many sessions are open.", code=INTERNAL_ERROR, id=id)

        def done(task: asyncio.Task[None]) -> None:
            del self._running[task]
            if among.get(name) is hosted:
                del among[name]

        among[name] = hosted
        task = asyncio.create_task(hosted.run(self._argv, self._env), name="upcall hosted server")
        self._running[task] = hosted.principal
        task.add_done_callback(done)
        await self._ready(hosted, id)

    def _has_room(self, principal: str) -> bool:
        free = self._processes - len(self._running)
        holders = Counter(self._running.values())
        if self._principals == 1 or principal not in holders:
            return free > 0
        return free > self._principals - len(holders) and holders[principal] < self._processes // 2

    async def _ready(self, hosted: Hosted, id: bytes) -> None:
        try:
            await hosted.ready()
        except ServerUnavailable as failed:
            _log.error("%s %s", failed.message, failed.detail)
            raise _Refusal(502, failed.message, code=INTERNAL_ERROR, id=id) from failed


def _accepts(request: Request, wanted: str) -> bool:
    """Whether the client takes this media type (RFC 9110, 12.5.1; without regard to weights)."""
    values = b",".join(value for name, value in request.headers if name == b"accept").decode("latin-1")
    offered = {media_type(part) for part in values.split(",")}
    return not values or bool(offered & {wanted, "*/*", wanted.split("/")[0] + "/*"})
