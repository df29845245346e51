"""What stays of a request that is over: nothing, and without the garbage collector, which may be long in coming."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.gateway.http.places import gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.gateway.mixed.places import until
from upcall.gateway.http.proxy.exchange import Exchange
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {"x": "y" * 100}}}
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def exchanges() -> list[Exchange]:
    return [one for one in gc.get_objects() if type(one) is Exchange]


async def test_an_exchange_that_was_watched_is_let_go_with_its_answer(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def answer(asked: Asked) -> None:
        await go.wait()
        await reply(asked, msgspec.json.encode({"jsonrpc": "2.0", "id": 7, "result": {}}))

    gc.collect()
    assert exchanges() == []
    async with (
        recorder(answer) as server,
        gateway(settings_in(tmp_path, ScriptedModel("")), server.url) as it,
        aiohttp.ClientSession(headers=HEADERS) as http,
    ):
        gc.disable()
        try:
            asking = asyncio.create_task(http.post(it.url, json=CALL))
            await until(lambda: any(one._watching is not None for one in exchanges()))
            go.set()
            response = await asking
            assert await response.json() == {"jsonrpc": "2.0", "id": 7, "result": {}}
            await until(lambda: exchanges() == [])
        finally:
            gc.enable()
