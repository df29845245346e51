"""`Remote`: an MCP server behind HTTP, as frames. What a stdio client needs of one, and no more.

Frames go out in order: a request is under way from its POST until its answer; notifications and answers are handed over
one at a time; while ``initialize`` waits for its first headers, everything waits. From ``notifications/initialized`` on
a legacy session listens on the standalone stream, where the server offers it.

Invariants: each request gets one answer: the server's, or an error that says why there is none. On 2026-07-28 a
cancellation closes the response stream and is not sent (basic/transports, "Cancellation"); before, it is sent. A stream
that breaks is taken up again only where events have ids, and never on 2026-07-28.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import UNSET

from upcall.errors import INTERNAL_ERROR, ServerUnavailable
from upcall.gateway.frames import Envelope, Id, changed, elements, error, members, peek, raw_id
from upcall.gateway.http.headers import HEADER_MISMATCH, ToolHeaders, encoded, is_modern, repeated, said
from upcall.gateway.http.sse import EventTooLarge, Parser
from upcall.gateway.http.upstream import Reply, Upstream
from upcall.gateway.session.actions import Lane

__all__ = ["Remote"]

BODY_BYTES = 1 << 30
"""Longest JSON answer."""
CLOSED = -32000
"""The connection is lost; the SDKs' code for it."""
RETRY_SECONDS = 1.0
RETRY_MOST = 30.0
ATTEMPTS = 3
"""How often a broken stream is taken up again without anything having come of it."""
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
        self._upstream, self._received, self._on_full, self._lost_lane = upstream, received, on_full, lost
        self._tools = ToolHeaders()
        self._session: str | None = None
        self._version: str | None = None
        self._requests: dict[Id, tuple[asyncio.Task[None], bool]] = {}  # and whether modern
        self._queue: deque[tuple[bytes, Envelope | None, Lane]] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._full = False
        self._room = asyncio.Event()
        self._room.set()

    @property
    def under_way(self) -> int:
        """Requests without an answer, and frames that were not handed over."""
        return len(self._requests) + len(self._queue) + (self._pump is not None)

    def pause(self) -> None:
        """Take nothing from the server for now."""
        self._room.clear()

    def resume(self) -> None:
        """Take on."""
        self._room.set()

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
        if self._session is not None:
            with suppress(ServerUnavailable, TimeoutError):
                async with asyncio.timeout(FAREWELL), await self._upstream.request("DELETE", self._headers()):
                    pass
        await self._upstream.aclose()

    def _start(self, frame: bytes, message: Envelope, lane: Lane, begun: asyncio.Event | None = None) -> None:
        id: Id = message.id  # type: ignore[assignment]
        about = said(str(message.method), message.params or None)
        if is_modern(about.version) and self._session is None:
            self._version = about.version
        exchange = _Exchange(self, frame, message, lane, about.version, begun)
        task = asyncio.create_task(exchange.run(), name=f"upcall request {id!r}")
        self._requests[id] = task, is_modern(about.version)

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
                        self._session = self._version = None
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
            self._received(part, lane)

        why = "The server ended its answer before it was complete."
        try:
            reply = await asyncio.wait_for(self._upstream.request("POST", self._headers(), frame), _TELLING)
            async with reply:
                if reply.status == 200 and open:
                    await self._each(reply, take)
                elif reply.status not in (200, 202, 204):
                    why = f"The server did not take a message (HTTP {reply.status})."
                    _log.warning(why)
                    self._lost(reply.status)
        except (ServerUnavailable, TimeoutError) as lost:
            why = "A message was not delivered."
            _log.warning("%s %s", why, lost)
        for id in open:
            self._received(error(id, {"code": CLOSED, "message": why}), lane)
        if open:
            self._lost_lane(lane)
        begun = message is not None and message.method == "notifications/initialized"
        if begun and self._session is not None and (self._listening is None or self._listening.done()):
            self._listening = asyncio.create_task(self._listen(self._session), name="upcall listen")

    async def _listen(self, session: str) -> None:
        """The standalone stream, as long as the session lives."""
        position, wait, failures = _Position(), RETRY_SECONDS, 0
        while self._session == session:
            try:
                async with await self._upstream.request("GET", self._headers(position.last)) as reply:
                    if reply.status in (400, 401, 403, 404, 405, 501) or reply.media_type != "text/event-stream":
                        return  # a server may have none
                    failures = 0
                    await self._each(reply, lambda frame: self._received(frame, None), position)
                wait = position.retry
            except ServerUnavailable:
                failures += 1
                wait = min(position.retry * 2**failures, RETRY_MOST)
            await asyncio.sleep(wait)

    async def _each(self, reply: Reply, take: Callable[[bytes], object], position: _Position | None = None) -> None:
        """Every message of a reply, until its end or until ``take`` says ``False``."""
        if reply.media_type != "text/event-stream":
            body = await reply.read(BODY_BYTES)
            await self._room.wait()
            take(body)
            return
        parser = Parser()
        try:
            async for chunk in reply.chunks():
                for event in parser.feed(chunk):
                    if position is not None:
                        position.saw(event.id, event.retry)
                    if event.data and event.kind in (None, b"", b"message"):
                        await self._room.wait()
                        if take(event.data) is False:
                            await _run_out(reply)
                            return
        except EventTooLarge as error:
            raise ServerUnavailable("The server's answer is too long.") from error

    def _headers(self, last_event: str | None = None) -> list[tuple[str, str]]:
        """Of a request that is not of 2026-07-28."""
        headers = list(_CONTENT if last_event is None else _EVENTS)
        if self._session is not None:
            headers.append(("Mcp-Session-Id", self._session))
        if self._version is not None:
            headers.append(("MCP-Protocol-Version", encoded(self._version)))
        if last_event:
            headers.append(("Last-Event-ID", last_event))
        return headers

    def _close_stream(self, message: Envelope) -> bool:
        found = members(message.params) if message.params else None
        with suppress(msgspec.DecodeError):
            id = msgspec.json.decode(found["requestId"], type=Id) if found and "requestId" in found else None
            if id in self._requests:
                task, modern = self._requests[id]
                if modern:
                    task.cancel()
                return modern
        return is_modern(self._version)

    def _lost(self, status: int) -> None:
        """404: the session is over, and with it everything that waits in it (basic/transports)."""
        if status == 404 and self._session is not None:
            self._session = None
            for task, modern in list(self._requests.values()):
                if not modern and task is not asyncio.current_task():
                    task.cancel(_SESSION_OVER)

    def _level(self) -> None:
        full = len(self._queue) > _QUEUED
        if full != self._full:
            self._full = full
            self._on_full(full)


class _Position:
    """Where we are in a stream."""

    def __init__(self) -> None:
        self.last: str | None = None
        self.retry = RETRY_SECONDS

    def saw(self, id: bytes | None, retry: bytes | None) -> None:
        if id is not None and b"\0" not in id:
            self.last = id.decode("latin-1")
        if retry is not None and retry.isdigit():
            self.retry = min(int(retry) / 1000, RETRY_MOST)


class _Exchange:
    """One request."""

    def __init__(
        self,
        remote: Remote,
        frame: bytes,
        message: Envelope,
        lane: Lane,
        version: str | None,
        begun: asyncio.Event | None,
    ) -> None:
        self._remote, self._frame, self._message, self._lane, self._begun = remote, frame, message, lane, begun
        self._modern = is_modern(version)
        self._position = _Position()
        self._answered = False

    async def run(self) -> None:
        try:
            await self._post()
            if not self._answered and not self._modern:
                await self._resume()
            if not self._answered:
                self._fail(CLOSED, "The server ended its answer before it was complete.")
        except ServerUnavailable as lost:
            _log.warning("%s %s", lost.message, lost.detail)
            self._fail(CLOSED, lost.message)
        except asyncio.CancelledError as cancelled:
            if _SESSION_OVER not in cancelled.args:
                raise
            self._fail(CLOSED, _SESSION_OVER)
        except Exception:
            _log.exception("A request of the client failed.")
            self._fail(INTERNAL_ERROR, "The gateway failed to pass this request on.")

    async def _post(self, again: bool = True) -> None:
        remote = self._remote
        about = said(str(self._message.method), self._message.params or None)
        mine = [*_CONTENT, *repeated(about, remote._tools).items()] if self._modern else remote._headers()
        async with await remote._upstream.request("POST", mine, self._frame) as reply:
            if self._begun is not None:
                remote._session = reply.header("Mcp-Session-Id") if reply.status == 200 else None
                self._begun_when(reply)
            if reply.status == 200 and reply.media_type in ("application/json", "text/event-stream"):
                try:
                    await remote._each(reply, self._take, self._position)
                except ServerUnavailable:
                    if self._modern or self._position.last is None:
                        raise
                return
            body = await reply.read(BODY_BYTES) if reply.media_type == "application/json" else b""
            mismatched = self._modern and about.method == "tools/call" and _code(body) == HEADER_MISMATCH
            if again and mismatched and await self._learn_tools():
                await self._post(again=False)
            else:
                self._refused(reply, body)

    def _begun_when(self, reply: Reply) -> None:
        # What waits may go on as soon as the session has its name; with JSON, when the version is known, too.
        if self._begun is not None and reply.media_type == "text/event-stream":
            self._begun.set()

    async def _resume(self) -> None:
        """Take up a stream that ended early (2025-11-25, basic/transports, "Resumability and Redelivery")."""
        remote, attempts = self._remote, 0
        while not self._answered and self._position.last is not None and attempts < ATTEMPTS:
            await asyncio.sleep(self._position.retry)
            before = self._position.last
            try:
                async with await remote._upstream.request("GET", remote._headers(before)) as reply:
                    if reply.status != 200 or reply.media_type != "text/event-stream":
                        self._refused(reply, b"")
                        return
                    await remote._each(reply, self._take, self._position)
            except ServerUnavailable:
                pass
            attempts = 0 if self._position.last != before else attempts + 1

    def _take(self, frame: bytes) -> bool:
        """A message of the response; ``False`` when it was the answer."""
        message = peek(frame)
        if message is not None and message.method is UNSET and message.id == self._message.id:
            self._answered = True
            if message.result:
                self._learn(message.result)
        elif message is not None and message.method is UNSET and message.id is None and message.error:
            frame = changed(frame, {"id": raw_id(self._frame)}) or frame  # the server could not read the id
            self._answered = True
        self._remote._received(frame, self._lane)
        return not self._answered

    def _learn(self, result: msgspec.Raw) -> None:
        if self._message.method == "tools/list" and self._modern:
            self._remote._tools.learn(result)
        elif self._message.method == "initialize":
            with suppress(msgspec.DecodeError, KeyError, TypeError):
                self._remote._version = msgspec.json.decode((members(result) or {})["protocolVersion"], type=str)

    async def _learn_tools(self) -> bool:
        """Ask for the tools, whose schemas say which arguments go into headers. Says whether that taught us any."""
        remote, cursor = self._remote, None
        meta = (members(self._message.params or None) or {}).get("_meta")
        about = said("tools/call", self._message.params or None)
        before = remote._tools.repeated(about)
        for _ in range(_PAGES):
            params = {"_meta": meta, **({} if cursor is None else {"cursor": cursor})}
            listing = {"jsonrpc": "2.0", "id": "upcall-tools", "method": "tools/list", "params": params}
            body = msgspec.json.encode(listing)
            headers = [*_CONTENT, *repeated(said("tools/list", msgspec.json.encode(params)), remote._tools).items()]
            results: list[msgspec.Raw] = []

            def take(frame: bytes, results: list[msgspec.Raw] = results) -> bool:
                message = peek(frame)
                if message is not None and message.id == "upcall-tools" and message.result:
                    results.append(message.result)
                return not results

            async with await remote._upstream.request("POST", headers, body) as reply:
                await remote._each(reply, take)
            if not results:
                break
            remote._tools.learn(results[0])
            cursor = (members(results[0]) or {}).get("nextCursor")
            if cursor is None or cursor == b"null":
                break
        return remote._tools.repeated(about) != before

    def _refused(self, reply: Reply, body: bytes) -> None:
        message = peek(body) if body else None
        if message is not None and message.error:
            if not self._modern:
                self._remote._lost(reply.status)
            self._answered = True
            self._remote._received(changed(body, {"id": raw_id(self._frame)}) or body, self._lane)
            self._remote._lost_lane(self._lane)
            return
        status = reply.status
        if status in (401, 403):
            why = f"The server asks for other credentials (HTTP {status}). {_CREDENTIALS}"
        elif status == 404 and not self._modern and self._remote._session is not None:
            why = _SESSION_OVER
        elif 300 <= status < 400:
            why = f"The server redirects (HTTP {status}), which is not followed: give its final address."
        elif status == 202:
            why = "The server took the request and will not answer it (HTTP 202)."
        else:
            why = f"The server answered with HTTP status {status} and no message."
        if not self._modern:
            self._remote._lost(status)
        self._fail(CLOSED if status == 404 else INTERNAL_ERROR, why)

    def _fail(self, code: int, why: str) -> None:
        if not self._answered:
            self._answered = True
            self._remote._received(error(raw_id(self._frame), {"code": code, "message": why}), self._lane)
            self._remote._lost_lane(self._lane)


_EVENTS = (("Accept", "text/event-stream"),)
_CONTENT = (("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json"))
_SESSION_OVER = "The server has ended this session; the client has to initialize again."
_CREDENTIALS = "Whoever runs the gateway gives them with --header-env VAR, where VAR holds 'Authorization: Bearer …'."
_QUEUED = 100
_PAGES = 100
_ENDING = 0.2
_TELLING = 60.0


def _asks(message: Envelope) -> bool:
    return isinstance(message.method, str) and isinstance(message.id, str | int | float)


async def _run_out(reply: Reply) -> None:
    """A stream ends after the answer; read to its end, its connection serves the next request."""
    with suppress(ServerUnavailable, TimeoutError):
        async with asyncio.timeout(_ENDING):
            async for _ in reply.chunks():
                pass


def _code(body: bytes) -> Any:
    message = peek(body) if body else None
    found = members(message.error) if message is not None and message.error else None
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(found["code"]) if found and "code" in found else None
    return None
