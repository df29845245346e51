"""One request to a server behind HTTP: its POST, and its answer, wherever that comes.

Invariants: the request gets one answer: the server's, or an error that says why there is none. A stream that breaks is
taken up again only where events have ids, and never on 2026-07-28.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from upcall.errors import INTERNAL_ERROR, ServerUnavailable
from upcall.gateway._decoding import decoded
from upcall.gateway.frames import Envelope, changed, error, members, peek, raw_id
from upcall.gateway.http.bridge.link import CONTENT, Link, Position
from upcall.gateway.http.client.reply import Reply
from upcall.gateway.http.headers import HEADER_MISMATCH, is_modern, repeated, said
from upcall.gateway.session.actions import Lane

__all__ = ["CLOSED", "SESSION_OVER", "RoundTrip"]

CLOSED = -32000
"""The connection is lost; the SDKs' code for it."""
SESSION_OVER = "The server has ended this session; the client has to initialize again."
ATTEMPTS = 3
"""How often a broken stream is taken up again without anything having come of it."""
_PAGES = 100
_CREDENTIALS = "Whoever runs the gateway gives them with --header-env VAR, where VAR holds 'Authorization: Bearer …'."

_log = logging.getLogger("upcall.gateway")


class RoundTrip:
    """Made for one request, run once.

    Args:
        link: To the server.
        frame: The request.
        message: Its envelope.
        lane: Where its answer goes.
        on_lost: Told the status of an answer that may mean the session's end.
        begun: For ``initialize``: set as soon as what waits for it may go on.
    """

    def __init__(
        self,
        link: Link,
        frame: bytes,
        message: Envelope,
        lane: Lane,
        *,
        on_lost: Callable[[int], None],
        begun: asyncio.Event | None = None,
    ) -> None:
        self._link, self._frame, self._message, self._lane, self._begun = link, frame, message, lane, begun
        self._on_lost = on_lost
        self._about = said(str(message.method), message.params or None)
        self._position = Position()
        self._answered = False

    @property
    def version(self) -> str | None:
        """What the request says of its version, on 2026-07-28."""
        return self._about.version

    @property
    def modern(self) -> bool:
        """Whether it is of 2026-07-28."""
        return is_modern(self._about.version)

    async def run(self) -> None:
        """Send it, and hand over everything that is said to it. Cancelled with `SESSION_OVER`, it is answered so."""
        try:
            await self._post()
            if not self._answered and not self.modern:
                await self._resume()
            if not self._answered:
                self._fail(CLOSED, "The server ended its answer before it was complete.")
        except ServerUnavailable as lost:
            _log.warning("%s %s", lost.message, lost.detail)
            self._fail(CLOSED, lost.message)
        except asyncio.CancelledError as cancelled:
            if SESSION_OVER not in cancelled.args:
                raise
            self._fail(CLOSED, SESSION_OVER)
        except Exception:
            _log.exception("A request of the client failed.")
            self._fail(INTERNAL_ERROR, "The gateway failed to pass this request on.")

    async def _post(self, again: bool = True) -> None:
        link, about = self._link, self._about
        mine = [*CONTENT, *repeated(about, link.tools).items()] if self.modern else link.headers()
        async with await link.upstream.request("POST", mine, self._frame) as reply:
            if self._begun is not None:
                link.session = reply.header(b"mcp-session-id") if reply.status == 200 else None
                if reply.media_type == "text/event-stream":
                    self._begun.set()  # the session has its name; with JSON, the version is waited for, too
            if reply.status == 200 and reply.media_type in ("application/json", "text/event-stream"):
                try:
                    await link.each(reply, self._take, self._position)
                except ServerUnavailable:
                    if self.modern or self._position.last is None:
                        raise
                return
            body = await link.read(reply) if reply.media_type == "application/json" else b""
            mismatched = self.modern and about.method == "tools/call" and _code_of(body) == HEADER_MISMATCH
            if again and mismatched and await self._learn_tools():
                await self._post(again=False)
            else:
                self._refused(reply, body)

    async def _resume(self) -> None:
        """Take up a stream that ended early (2025-11-25, basic/transports, "Resumability and Redelivery")."""
        link, attempts = self._link, 0
        while not self._answered and self._position.last is not None and attempts < ATTEMPTS:
            await asyncio.sleep(self._position.retry)
            before = self._position.last
            try:
                async with await link.upstream.request("GET", link.headers(before)) as reply:
                    if reply.status != 200 or reply.media_type != "text/event-stream":
                        self._refused(reply, b"")
                        return
                    await link.each(reply, self._take, self._position)
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
        self._link.received(frame, self._lane)
        return not self._answered

    def _learn(self, result: msgspec.Raw) -> None:
        if self._message.method == "tools/list" and self.modern:
            self._link.tools.learn(result)
        elif self._message.method == "initialize":
            version = decoded((members(result) or {}).get("protocolVersion"))
            if isinstance(version, str):
                self._link.version = version

    async def _learn_tools(self) -> bool:
        """Ask for the tools, whose schemas say which arguments go into headers. Says whether that taught us any."""
        link, cursor = self._link, None
        meta = (members(self._message.params or None) or {}).get("_meta")
        before = link.tools.repeated(self._about)
        for _ in range(_PAGES):
            params = {"_meta": meta, **({} if cursor is None else {"cursor": cursor})}
            listing = {"jsonrpc": "2.0", "id": "upcall-tools", "method": "tools/list", "params": params}
            body = msgspec.json.encode(listing)
            headers = [*CONTENT, *repeated(said("tools/list", msgspec.json.encode(params)), link.tools).items()]
            results: list[msgspec.Raw] = []

            def take(frame: bytes, results: list[msgspec.Raw] = results) -> bool:
                message = peek(frame)
                if message is not None and message.id == "upcall-tools" and message.result:
                    results.append(message.result)
                return not results

            async with await link.upstream.request("POST", headers, body) as reply:
                await link.each(reply, take)
            if not results:
                break
            link.tools.learn(results[0])
            cursor = (members(results[0]) or {}).get("nextCursor")
            if cursor is None or cursor == b"null":
                break
        return link.tools.repeated(self._about) != before

    def _refused(self, reply: Reply, body: bytes) -> None:
        message = peek(body) if body else None
        if message is not None and message.error:
            if not self.modern:
                self._on_lost(reply.status)
            self._answered = True
            self._link.received(changed(body, {"id": raw_id(self._frame)}) or body, self._lane)
            self._link.lost(self._lane)
            return
        status = reply.status
        if status in (401, 403):
            why = f"The server asks for other credentials (HTTP {status}). {_CREDENTIALS}"
        elif status == 404 and not self.modern and self._link.session is not None:
            why = SESSION_OVER
        elif 300 <= status < 400:
            why = f"The server redirects (HTTP {status}), which is not followed: give its final address."
        elif status == 202:
            why = "The server took the request and will not answer it (HTTP 202)."
        else:
            why = f"The server answered with HTTP status {status} and no message."
        if not self.modern:
            self._on_lost(status)
        self._fail(CLOSED if status == 404 else INTERNAL_ERROR, why)

    def _fail(self, code: int, why: str) -> None:
        if not self._answered:
            self._answered = True
            self._link.received(error(raw_id(self._frame), {"code": code, "message": why}), self._lane)
            self._link.lost(self._lane)


def _code_of(body: bytes) -> Any:
    message = peek(body) if body else None
    found = members(message.error) if message is not None and message.error else None
    return decoded(found.get("code")) if found else None
