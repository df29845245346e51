"""`Peer`: a client's end of a connection, as much of one as it takes to look at a server.

A question is *open* until its answer, or until the server has *ended*; then it fails with `Gone`, as does every later
one. Requests of the server are refused, but for ``ping``; that it made them is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from upcall.errors import METHOD_NOT_FOUND
from upcall.gateway.frames import elements, error, joined, peek, raw_id, response

__all__ = ["Failed", "Gone", "Peer"]

_KEPT = 3
"""Lines of garbage."""
_LINE = 300


class Failed(Exception):
    """The server answered with an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class Gone(Exception):
    """The server ended."""


class Peer:
    """To be used on a running event loop.

    Args:
        send: Sends a frame to the server.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._ended = False
        self.garbage: list[str] = []
        """Lines that were no messages; the first few."""
        self.tools_changed = asyncio.Event()

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request.

        Raises:
            Failed: The answer is an error.
            Gone: The server ended before it answered.
        """
        if self._ended:
            raise Gone
        self._number += 1
        number = self._number
        waiting = self._open[number] = asyncio.get_running_loop().create_future()
        self._send(joined({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        try:
            return await waiting
        finally:
            self._open.pop(number, None)

    def tell(self, method: str) -> None:
        """Send a notification."""
        self._send(joined({"jsonrpc": "2.0", "method": method}))

    def received(self, frame: bytes) -> None:
        """A frame came from the server."""
        if not frame.strip():
            return
        for one in elements(frame) or (frame,):
            self._message(bytes(one))

    def ended(self) -> None:
        """Nothing more comes."""
        self._ended = True
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(Gone())

    def _message(self, frame: bytes) -> None:
        envelope = peek(frame)
        if envelope is None or (envelope.method is UNSET and envelope.id is UNSET):
            if len(self.garbage) < _KEPT:
                self.garbage.append(frame[:_LINE].decode(errors="replace").strip())
        elif envelope.method is UNSET:
            self._answer(envelope.id, frame)
        elif envelope.id is not UNSET:
            id = raw_id(frame)
            if envelope.method == "ping":
                self._send(response(id, b"{}"))
            else:
                self._send(error(id, {"code": METHOD_NOT_FOUND, "message": "Nobody answers this here."}))
        elif envelope.method == "notifications/tools/list_changed":
            self.tools_changed.set()

    def _answer(self, id: Any, frame: bytes) -> None:
        waiting = self._open.get(id) if isinstance(id, int) else None
        if waiting is None or waiting.done():
            return
        try:
            message = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            waiting.set_exception(Failed(0, "Its answer cannot be read."))
            return
        fault = message.get("error")
        if fault is None:
            waiting.set_result(message.get("result"))
        elif isinstance(fault, dict):
            code = fault.get("code")
            told = str(fault.get("message", ""))
            waiting.set_exception(Failed(code if isinstance(code, int) else 0, told, fault.get("data")))
        else:
            waiting.set_exception(Failed(0, str(fault)))
