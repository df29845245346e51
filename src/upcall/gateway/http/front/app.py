"""The ASGI application: what every endpoint of a gateway has in common, whatever stands behind it.

A request passes the guard, gets its principal, is held to the limits and read to its end; then its endpoint has it.
Only the paths that are served exist; everything else, such as OAuth's metadata of the servers behind, is 404.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Final, Protocol

import msgspec

from upcall.gateway import frames
from upcall.gateway.http.front.guards import HEADER_BYTES, Guard, Refusal
from upcall.gateway.http.responding import Header, Receive, Send, send_json, send_status

__all__ = ["App", "Endpoint", "Request", "problem"]

_METHODS: Final = b"GET, POST, DELETE, OPTIONS"
_ONCE: Final = (b"host", b"origin", b"authorization", b"content-length", b"mcp-session-id")
_EXPOSED: Final = b"Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate"

_log = logging.getLogger("upcall.gateway")


class Request(msgspec.Struct, frozen=True):
    """One request, read to its end."""

    method: str
    headers: list[Header]
    """Names in lower case, in order."""
    fields: Mapping[bytes, bytes]
    """The same by name, the last value of each."""
    principal: str
    """Who asks; empty where no token is asked for."""
    body: bytes

    def header(self, name: bytes) -> str | None:
        """The value of a header, by its name in lower case."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")


class Endpoint(Protocol):
    """What is served at a path."""

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer. ``receive`` gives nothing any more but ``http.disconnect``."""
        ...

    async def aclose(self) -> None:
        """Stop everything that runs for clients, and free it."""
        ...


class App:
    """ASGI.

    Args:
        guard: Who may come in.
        endpoints: By path.
        body_bytes: Longest body of a request.
    """

    def __init__(self, guard: Guard, endpoints: Mapping[str, Endpoint], *, body_bytes: int) -> None:
        self._guard = guard
        self._endpoints = dict(endpoints)
        self._body_bytes = body_bytes
        self._open: dict[asyncio.Task[Any], str] = {}
        self._left: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"nothing here speaks {scope['type']}")
        headers: list[Header] = scope["headers"]
        fields = dict(headers)
        refusal = self._refusal(headers, fields)
        if refusal is not None:
            await _refuse(send, refusal)
            return
        origin = fields.get(b"origin")
        if origin is not None:
            send = _for_pages(send, origin)
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in fields:
                await send_status(send, 204, _preflight(fields))
                return
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await _refuse(send, Refusal(404, "Nothing is served here."))
            return
        principal = self._guard.principal(fields)
        if isinstance(principal, Refusal):
            await _refuse(send, principal)
            return
        body = await self._body(fields, receive)
        if isinstance(body, Refusal):
            await _refuse(send, body)
        elif body is not None:
            await self._served(endpoint, Request(scope["method"], headers, fields, principal, body), receive, send)

    async def _served(self, endpoint: Endpoint, request: Request, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - ASGI is run in tasks
        self._open[task] = request.method
        try:
            await endpoint(request, receive, send)
        except asyncio.CancelledError:
            if task not in self._left:
                raise
            task.uncancel()
            await _cut_short(send)
        finally:
            del self._open[task]
            self._left.discard(task)

    def stop_listening(self) -> None:
        """End the streams that would never end by themselves; requests go on."""
        for task, method in list(self._open.items()):
            if method == "GET":
                self._leave(task)

    def leave(self) -> None:
        """End every response that is still open, here and now."""
        for task in list(self._open):
            self._leave(task)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        if task not in self._left:
            self._left.add(task)
            task.cancel()

    async def aclose(self) -> None:
        """Close all endpoints."""
        for endpoint in self._endpoints.values():
            await endpoint.aclose()

    def _refusal(self, headers: list[Header], fields: Mapping[bytes, bytes]) -> Refusal | None:
        if len(b"".join(chain.from_iterable(headers))) + 4 * len(headers) > HEADER_BYTES:
            return Refusal(431, "The headers are too long.")
        if len(fields) != len(headers) and any(sum(name == one for name, _ in headers) > 1 for one in _ONCE):
            return Refusal(400, "A header that can stand there once stands there twice.")
        return self._guard.refusal(fields)

    async def _body(self, fields: Mapping[bytes, bytes], receive: Receive) -> bytes | Refusal | None:
        """``None`` when the client went away before its end."""
        announced = fields.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._body_bytes:
            return Refusal(413, f"A body has at most {self._body_bytes} bytes here.")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self._body_bytes:
                return Refusal(413, f"A body has at most {self._body_bytes} bytes here.")
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def problem(code: int, message: str) -> bytes:
    """The JSON-RPC error of a request that has no id, or none that could be read."""
    return frames.error(b"null", {"code": code, "message": message})


async def _refuse(send: Send, refusal: Refusal) -> None:
    close = ((b"connection", b"close"),) if refusal.status in (413, 431) else ()
    await send_json(send, refusal.status, problem(-32600, refusal.message), (*refusal.headers, *close))


async def _cut_short(send: Send) -> None:
    """End a response wherever it is."""
    try:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except RuntimeError:  # not begun, or over already
        with suppress(RuntimeError):
            await _refuse(send, Refusal(503, "The gateway is shutting down."))


def _for_pages(send: Send, origin: bytes) -> Send:
    """Lets a page of an allowed origin read the response (Fetch, "CORS protocol")."""
    mine = [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *mine]}
        await send(message)

    return sending


def _preflight(fields: Mapping[bytes, bytes]) -> list[Header]:
    wanted = fields.get(b"access-control-request-headers", b"")
    return [
        (b"access-control-allow-methods", _METHODS),
        *([(b"access-control-allow-headers", wanted)] if wanted else []),
        (b"access-control-max-age", b"600"),
    ]
