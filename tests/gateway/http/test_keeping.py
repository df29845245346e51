"""What stays of a request that is over: nothing, and without the garbage collector, which may be long in coming."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.gateway.http.places import gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.waiting import until
from upcall.gateway.http.proxy.exchange import Exchange
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "echo", "arguments": {"x": "y" * 100}},
}
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


MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
SAMPLING = {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 5}
ASKING = {
    "resultType": "input_required",
    "inputRequests": {"a": {"method": "sampling/createMessage", "params": SAMPLING}},
    "requestState": "s",
}
DONE = {"resultType": "complete", "content": []}


async def test_a_stream_that_ends_after_its_samples_were_answered_ends_no_call(tmp_path: Path) -> None:
    async def asks(asked: Asked) -> None:
        event = msgspec.json.encode({"jsonrpc": "2.0", "id": asked.json["id"], "result": ASKING})
        head = [(b"content-type", b"text/event-stream")]
        await asked.send({"type": "http.response.start", "status": 200, "headers": head})
        await asked.send({"type": "http.response.body", "body": b"data: " + event + b"\n\n", "more_body": True})
        await until(lambda: any(one._to_server for one in exchanges()))
        await asked.send({"type": "http.response.body", "body": b""})

    async def ends(asked: Asked) -> None:
        assert asked.json["params"]["requestState"] == "s"
        await reply(asked, msgspec.json.encode({"jsonrpc": "2.0", "id": asked.json["id"], "result": DONE}))

    call = {**CALL, "params": {**CALL["params"], "_meta": MODERN}}
    async with (
        recorder(asks, ends) as server,
        gateway(settings_in(tmp_path), server.url) as it,
        aiohttp.ClientSession(headers={**HEADERS, "MCP-Protocol-Version": "2026-07-28"}) as http,
    ):
        response = await http.post(it.url, json=call)
        events = [line for line in (await response.text()).splitlines() if line.startswith("data: {")]
    assert [msgspec.json.decode(event[6:]) for event in events] == [{"jsonrpc": "2.0", "id": 7, "result": DONE}]
