"""A provider's HTTP side, small enough to misbehave on purpose.

It plays a script, one step per request: a JSON body (status 200), a `Reply`, or one of the ways to fail. It records
what it was sent, and notices when the other side closes the connection.
"""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from types import TracebackType
from typing import Any, NamedTuple, Self

import anyio

__all__ = ["Facade", "Misbehave", "Reply", "Seen"]


class Misbehave(Enum):
    """Ways to fail."""

    HANG = "never answer"
    DROP = "close the connection without an answer"
    HALF = "close the connection in the middle of the answer"
    CHUNK = "close the connection in the middle of a chunk"
    STREAM = "close the connection in the middle of a stream of events"
    STALL = "send half of the answer, and nothing more"


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
_HALVES: dict[Any, bytes] = {
    Misbehave.HALF: _OK + b'Content-Length: 1000\r\n\r\n{"half": ',
    Misbehave.STALL: _OK + b'Content-Length: 1000\r\n\r\n{"half": ',
    Misbehave.CHUNK: _OK + _CHUNKS + b'9\r\n{"half": \r\n3e8\r\n"of',
    Misbehave.STREAM: _OK.replace(b"application/json", b"text/event-stream")
    + _CHUNKS
    + b'19\r\nevent: a\ndata: {"a": "b"}\n\r\n19\r\nevent: a\nda',
}


class Reply(NamedTuple):
    """An answer in full."""

    status: int
    body: Any
    """Sent as it is when it is text, as JSON otherwise."""
    headers: dict[str, str] = {}


class Seen(NamedTuple):
    """A request as it arrived. Names of headers are lower case."""

    target: str
    headers: dict[str, str]
    body: Any


class Facade:
    """An HTTP server on 127.0.0.1, as an async context manager. Connections stay open between requests."""

    def __init__(self, *script: dict[str, Any] | Reply | Misbehave, port: int = 0) -> None:
        self._script = list(script)
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self.seen: list[Seen] = []
        self.hanging = anyio.Event()
        """A request waits in vain."""
        self.left = anyio.Event()
        """The other side closed the connection on which it waited."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            answered = True
            while answered:
                self.seen.append(await self._read(reader))
                answered = await self._answer(self._script.pop(0), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            # The other side closed it, between two requests or in the middle of an answer.
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        return Seen(head[0].split()[1], headers, json.loads(raw) if raw else None)

    async def _answer(
        self, step: dict[str, Any] | Reply | Misbehave, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection can go on."""
        if isinstance(step, Misbehave) and step in _HALVES:
            writer.write(_HALVES[step])
            await writer.drain()
        if step in (Misbehave.HANG, Misbehave.STALL):
            self.hanging.set()
            assert await reader.read() == b""
            self.left.set()
            return False
        if isinstance(step, Misbehave):
            return False
        reply = step if isinstance(step, Reply) else Reply(200, step)
        body = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        return True
