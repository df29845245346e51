"""A hostile HTTP server behind the gateway: what it says in HTTP itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import gateway, settings_in

pytestmark = pytest.mark.anyio

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
TYPED = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def saying(answer: bytes, *, stays: bool = False) -> AsyncIterator[str]:
    """A server that says this, byte for byte, to whatever it is asked, and hangs up (unless it stays)."""

    async def on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if stays:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(on, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


async def answered(answer: bytes, folder: Path, query: str = "") -> tuple[int, dict[str, str], bytes]:
    async with saying(answer) as url, gateway(settings_in(folder), url + query) as here:
        async with aiohttp.ClientSession() as session, session.post(here.url, data=PING, headers=TYPED) as response:
            with anyio.fail_after(5):
                return (
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    await response.read(),
                )


@pytest.mark.parametrize("garbage", [b"HTP nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n"])
async def test_no_log_repeats_the_secret_in_an_address(
    garbage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        status, _, body = await answered(garbage, tmp_path, "?key=a-secret")
    assert status == 502
    assert b"a-secret" not in body
    assert "did not answer in HTTP" in caplog.text
    assert "a-secret" not in caplog.text


@pytest.mark.parametrize("status", [101, 600, 999])
async def test_a_status_that_is_none_is_no_answer(status: int, tmp_path: Path) -> None:
    answer = b"HTTP/1.1 %d X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" % status
    assert (await answered(answer, tmp_path))[0] == 502


async def test_a_header_that_http_does_not_allow_stays_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    head = (
        b"HTTP/1.1 200 OK\r\nX-Bad: a\x01b\r\nX-Good: c\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    status, headers, got = await answered(head % len(body) + body, tmp_path)
    assert (status, got, headers.get("x-good"), "x-bad" in headers) == (200, body, "c", False)
    assert "Traceback" not in caplog.text


async def test_a_length_without_a_body_is_not_repeated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    status, headers, _ = await answered(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", tmp_path)
    assert (status, headers.get("content-length")) == (204, None)
    assert not caplog.records
