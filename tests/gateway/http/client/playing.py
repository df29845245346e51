"""Servers that say exactly these bytes on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from tests.waiting import until
from upcall.gateway.http.client.upstream import Upstream

__all__ = ["OK", "Peer", "Play", "Server", "always", "served"]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Until the other side has closed it."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            pass


Play = Callable[[Peer], Awaitable[None]]


class Server:
    def __init__(self, play: Play) -> None:
        self.play = play
        self.connections = 0
        self.failed: list[BaseException] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.play(Peer(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except AssertionError as error:
            self.failed.append(error)
        finally:
            writer.close()


@asynccontextmanager
async def served(play: Play, path: str = "/mcp", **more: object) -> AsyncIterator[tuple[Upstream, Server]]:
    server = Server(play)
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    upstream = Upstream(f"http://127.0.0.1:{port}{path}", **more)  # type: ignore[arg-type]
    try:
        with anyio.fail_after(20):
            yield upstream, server
    finally:
        await upstream.aclose()
        await until(lambda: not getattr(listening, "_active_count", 0))
        listening.close()
    assert not server.failed


def always(*pieces: bytes, close: bool = False) -> Play:
    """Says this to every request."""

    async def play(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.say(*pieces)
            if close:
                return

    return play
