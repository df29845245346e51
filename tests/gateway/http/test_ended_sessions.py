"""What a server says to a client whose session is over."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.waiting import until

pytestmark = pytest.mark.anyio

JSON = b"application/json"
GONE = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'
LATE = b'{"jsonrpc":"2.0","id":3,"method":"tools/list"}'
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "s"}


async def test_it_reaches_the_client_as_it_is(tmp_path: Path) -> None:
    async def gone(asked: Asked) -> None:
        await asked.send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", JSON)]})
        with anyio.move_on_after(0.2):  # the head is there long before the body
            await until(lambda: it.proxy.kept == 0)
        await asked.send({"type": "http.response.body", "body": GONE})

    async with recorder(gone) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession(headers=HEADERS) as http, http.post(it.url, data=LATE) as response:
            assert (response.status, await response.read()) == (404, GONE)
        assert it.proxy.kept == 0


async def test_a_session_is_forgotten_once_it_is_deleted(tmp_path: Path) -> None:
    async def deleted(asked: Asked) -> None:
        await reply(asked, b"", 200, "")

    async with recorder(deleted) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession(headers=HEADERS) as http, http.delete(it.url) as response:
            assert (response.status, await response.read()) == (200, b"")
        assert it.proxy.kept == 0
