"""Whitespace around the value of a header is no part of it (RFC 9110, section 5.5), on either side of the gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-some-length"
BODY = b'{"jsonrpc":"2.0","id":1,"result":{}}'


async def test_a_client_may_write_it_around_what_it_sends(tmp_path: Path) -> None:
    async def answer(asked: Asked) -> None:
        await reply(asked, BODY)

    head = (
        "POST /mcp HTTP/1.1\r\nHost: localhost \r\nConnection: close\t\r\nContent-Type: application/json \r\n"
        f"Authorization:  Bearer {TOKEN} \t \r\nX-Own:\t kept \r\nContent-Length: 2 \r\n\r\n{{}}"
    )
    async with recorder(answer) as server, gateway(settings_in(tmp_path), server.url, tokens={"ann": TOKEN}) as it:
        host, port = it.listener.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode())
        with anyio.fail_after(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    (asked,) = server.asked
    assert asked.headers["x-own"] == "kept"
    assert asked.headers["content-type"] == "application/json"


async def test_a_server_may_write_it_around_what_it_answers(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: \tapplication/json \r\nX-From: server \t\r\n"
        writer.write(head + b"Transfer-Encoding: chunked \r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        await reader.read()  # it keeps the connection: the body has an end of its own
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "http://{}:{}/mcp".format(*server.sockets[0].getsockname())
        async with gateway(settings_in(tmp_path), url) as it, aiohttp.ClientSession() as http:
            with anyio.fail_after(10):
                async with http.post(it.url, data=b"{}", headers={"Content-Type": "application/json"}) as response:
                    assert await response.read() == BODY
            assert response.headers["x-from"] == "server"
            assert response.content_type == "application/json"
