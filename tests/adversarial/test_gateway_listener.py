"""A hostile HTTP client at the gateway's listener: what it says in HTTP itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from tests.gateway.http.places import gateway, settings_in
from tests.gateway.http.recording import Asked, Recorder, recorder, reply
from upcall.gateway.http.front import listening

pytestmark = pytest.mark.anyio

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


class Wire:
    """A connection on which a test says any bytes at all."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def status(self) -> int:
        """Of the next response, which is read to its end."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(int(length.partition(b":")[2]))
        return int(head.split()[1])

    async def end(self) -> bytes:
        """What comes until the listener hangs up."""
        with anyio.fail_after(5):
            return await self._reader.read()


class Gate:
    """A gateway, and connections to it."""

    def __init__(self, server: Recorder, url: str) -> None:
        self.server = server
        parts = urlsplit(url)
        self.host = parts.netloc.encode()
        self._address = parts.hostname, parts.port

    def post(self, path: bytes = b"/mcp", *, host: bytes | None = None, extra: bytes = b"") -> bytes:
        """A request."""
        host = self.host if host is None else host
        head = b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        return head % (path, host, len(PING), extra) + PING

    async def status(self, request: bytes) -> int:
        """Of what is answered to this."""
        async with self.wire() as line:
            await line.say(request)
            return await line.status()

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        streams = await asyncio.open_connection(*self._address)
        try:
            yield Wire(*streams)
        finally:
            streams[1].close()


@asynccontextmanager
async def gate(folder: Path) -> AsyncIterator[Gate]:
    async def result(asked: Asked) -> None:
        await reply(asked, b'{"jsonrpc":"2.0","id":1,"result":{}}')

    async with recorder(result) as server, gateway(settings_in(folder), server.url) as here:
        yield Gate(server, here.url)


async def test_a_head_that_does_not_end_is_waited_for_only_so_long_on_a_connection_that_was_used_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_HEAD_SECONDS", 0.3)
    async with gate(tmp_path) as it, it.wire() as line:
        for _ in range(2):
            await line.say(it.post())
            assert await line.status() == 200
        await line.say(b"POST /mcp HT")
        assert await line.end() == b""


async def test_a_body_is_waited_for_as_long_as_it_goes_on_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_BODY_SECONDS", 0.5)
    async with gate(tmp_path) as it, it.wire() as line:
        whole = it.post()
        for _ in range(2):
            for at in range(0, len(whole), len(whole) // 4):
                await line.say(whole[at : at + len(whole) // 4])
                await anyio.sleep(0.2)
            assert await line.status() == 200
        await line.say(whole[:-1])
        assert await line.status() == 408
        assert await line.end() == b""
        assert len(it.server.asked) == 2


async def test_a_request_that_can_be_read_in_two_ways_goes_nowhere(tmp_path: Path) -> None:
    async with gate(tmp_path) as it:
        for extra in (
            b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked, identity\r\n",
            b"Content-Length: 5\r\n",
            b"Content-Length : 5\r\n",
            b" folded: 1\r\n",
            b"Host: evil.example\r\n",
            b"X: a\rb\r\n",
            b"X: a\x00b\r\n",
        ):
            assert await it.status(it.post(extra=extra)) == 400, extra
        assert it.server.asked == []


async def test_only_the_path_itself_is_served(tmp_path: Path) -> None:
    async with gate(tmp_path) as it:
        for path in (
            b"/mcp/",
            b"//mcp",
            b"/MCP",
            b"/x/../mcp",
            b"/mcp;a",
            b"/mcp%00",
            b"/mcp%2f",
            b"/.well-known/oauth",
        ):
            assert await it.status(it.post(path)) == 404, path
        assert it.server.asked == []


async def test_a_name_that_is_not_ours_is_refused_whatever_the_target_says(tmp_path: Path) -> None:
    async with gate(tmp_path) as it:
        for host in (b"127.0.0.1.evil.example", b"evil.example:80", b"", b"localhost@evil.example", b"2130706433"):
            assert await it.status(it.post(b"http://127.0.0.1/mcp", host=host)) == 421, host
        assert it.server.asked == []
