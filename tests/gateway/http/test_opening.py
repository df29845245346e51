"""A client that opens its stream, and at once calls something that asks on that stream."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.waiting import until

pytestmark = pytest.mark.anyio

HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "s"}
CALL = b'{"jsonrpc":"2.0","id":3,"method":"tools/list"}'


@pytest.mark.parametrize("patience", [0.2, 30])
async def test_the_call_comes_second_unless_the_server_keeps_the_stream_waiting(
    tmp_path: Path, patience: float
) -> None:
    order: list[str] = []

    async def answer(asked: Asked) -> None:
        if asked.method == "POST":
            order.append("called")
            await reply(asked, b'{"jsonrpc":"2.0","id":3,"result":{}}')
            return
        order.append("opening")
        with anyio.move_on_after(patience):
            await until(lambda: "called" in order)
        order.append("open")
        await reply(asked, b": hello\n\n", kind="text/event-stream")

    async with (
        recorder(answer) as server,
        gateway(settings_in(tmp_path), server.url) as it,
        aiohttp.ClientSession(headers=HEADERS) as http,
    ):
        opening = asyncio.create_task(http.get(it.url))
        await until(lambda: order)
        async with http.post(it.url, data=CALL) as response:
            assert response.status == 200
        (await opening).close()
    assert order == (["opening", "open", "called"] if patience < 1 else ["opening", "called", "open"])
