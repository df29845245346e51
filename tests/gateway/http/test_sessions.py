"""Sessions that break off, cross over to another gateway, or are many."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from mcp import Client
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import ElicitResult, InputRequiredResult, JSONRPCMessage

from tests.gateway.http.places import ANSWER, Thinking, between, gateway, served, settings_in
from tests.server.peers import ERAS, MODERN, text_of
from tests.waiting import until
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

LEGACY = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
VERSION = "2025-11-25"


class Kept(EventStore):
    """Keeps all events."""

    def __init__(self) -> None:
        self.events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        stream = self.events[int(last_event_id) - 1][0]
        for number, (one, message) in list(enumerate(self.events, 1))[int(last_event_id) :]:
            if one == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


async def begun(http: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """Initialize; gives the session's headers."""
    params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    async with http.post(url, json=body) as response:
        headers = {"Mcp-Session-Id": response.headers["Mcp-Session-Id"], "MCP-Protocol-Version": VERSION}
        await response.read()
    async with http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers) as sent:
        assert sent.status == 202
    return headers


def asking(id: int, question: str) -> dict[str, Any]:
    params = {"name": "ask", "arguments": {"question": question}}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


async def response_in(stream: aiohttp.StreamReader) -> dict[str, Any] | None:
    """The first response among events, if one comes before their end."""
    while line := await stream.readline():
        if line.startswith(b"data: {"):
            message = json.loads(line.removeprefix(b"data: "))
            assert "method" not in message
            return dict(message)
    return None


async def test_a_client_that_comes_back_gets_the_answer_that_was_sampled_meanwhile(tmp_path: Path) -> None:
    go = asyncio.Event()
    calls: list[Any] = []

    async def think(request: Any) -> str:
        calls.append(request)
        await go.wait()
        return "late"

    async with between(tmp_path, ScriptedModel(think, repeat=True), event_store=Kept()) as it:
        async with aiohttp.ClientSession(headers=LEGACY) as http:
            headers = await begun(http, it.url)
            async with http.post(it.url, json=asking(5, "why"), headers=headers) as response:
                line = await response.content.readline()
                while not line.startswith(b"id:"):
                    line = await response.content.readline()
                await until(lambda: calls)
                response.close()
            headers["Last-Event-ID"] = line.partition(b":")[2].strip().decode()
            message: dict[str, Any] | None = None
            with anyio.fail_after(10):
                while (
                    message is None
                ):  # as clients do; the server ends a stream when it did not see the other close yet
                    async with http.get(it.url, headers=headers) as response:
                        assert response.status == 200
                        go.set()
                        message = await response_in(response.content)
    assert message["id"] == 5
    assert message["result"]["content"][0]["text"] == "why: late"
    assert len(calls) == 1


async def test_a_client_that_cannot_come_back_stops_the_model(tmp_path: Path) -> None:
    model = Thinking()
    async with between(tmp_path, model) as it, aiohttp.ClientSession(headers=LEGACY) as http:
        headers = await begun(http, it.url)
        async with http.post(it.url, json=asking(5, "why"), headers=headers) as response:
            with anyio.fail_after(10):
                await model.started.wait()
            response.close()
        with anyio.fail_after(1):
            await model.stopped.wait()


@asynccontextmanager
async def balanced(*urls: str) -> AsyncIterator[str]:
    """A balancer that gives each connection to the next address."""
    turns = cycle(url.removeprefix("http://").removesuffix("/mcp").split(":") for url in urls)
    tasks: set[asyncio.Task[Any]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = next(turns)
        there, here = await asyncio.open_connection(host, int(port))
        for one in (pump(reader, here), pump(there, writer)):
            tasks.add(asyncio.create_task(one))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_mixed_question_crosses_over_to_another_gateway(tmp_path: Path) -> None:
    key = os.urandom(32)
    calls: list[Any] = []

    async def think(request: Any) -> str:
        calls.append(request)
        return ANSWER

    async def form(context: Any, params: Any) -> ElicitResult:
        raise AssertionError("the test answers itself")

    red = ElicitResult(action="accept", content={"colour": "red"})
    settings = settings_in(tmp_path, ScriptedModel(think, repeat=True), key=key)
    async with served() as url, gateway(settings, url) as one, gateway(settings, url) as two:
        for first, second in ((one, two), (two, one)):
            before = len(calls)
            async with AsyncExitStack() as stack:
                asks, returns = [
                    await stack.enter_async_context(Client(it.url, mode=MODERN, elicitation_callback=form))
                    for it in (first, second)
                ]
                asked = await asks.session.call_tool("both", {"question": "why"}, allow_input_required=True)
                assert isinstance(asked, InputRequiredResult)
                assert [one.method for one in (asked.input_requests or {}).values()] == ["elicitation/create"]
                answered = await returns.session.call_tool(
                    "both",
                    {"question": "why"},
                    input_responses=dict.fromkeys(asked.input_requests or {}, red),
                    request_state=asked.request_state,
                )
                assert text_of(answered) == f"why: {ANSWER} red"
            assert len(calls) == before + 1


@pytest.mark.parametrize("era", ERAS)
async def test_two_gateways_behind_a_balancer_serve_one_client(era: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, key=os.urandom(32))
    async with served() as url, gateway(settings, url) as one, gateway(settings, url) as two:
        async with balanced(one.url, two.url) as address:
            for turn in range(4):
                async with Client(address, mode=era) as client:
                    with anyio.fail_after(20):
                        answers = await asyncio.gather(
                            *(client.call_tool("ask", {"question": f"{turn}{n}"}) for n in range(4))
                        )
                    assert [text_of(answer) for answer in answers] == [f"{turn}{n}: {ANSWER}" for n in range(4)]


async def test_a_gateway_that_was_started_anew_goes_on_with_its_sessions(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with served() as url, aiohttp.ClientSession(headers=LEGACY) as http:
        async with gateway(settings, url) as before:
            headers = await begun(http, before.url)
        async with gateway(settings, url) as after:
            async with http.post(after.url, json=asking(1, "why"), headers=headers) as response:
                with anyio.fail_after(10):
                    message = await response_in(response.content)
    assert message is not None
    assert message["result"]["content"][0]["text"] == f"why: {ANSWER}"


async def many(url: str, count: int) -> None:
    """Sessions that are open at the same time, each of which asks under the same id and must hear its own."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=LEGACY, connector=connector) as http:
        sessions = await asyncio.gather(*(begun(http, url) for _ in range(count)))

        async def ask(number: int, headers: dict[str, str]) -> str:
            async with http.post(url, json=asking(1, f"question {number}"), headers=headers) as response:
                message = await response_in(response.content)
                assert message is not None
                return str(message["result"]["content"][0]["text"])

        answers = await asyncio.gather(*(ask(number, headers) for number, headers in enumerate(sessions)))
    assert [answer.partition(":")[0] for answer in answers] == [f"question {number}" for number in range(count)]


def echo() -> ScriptedModel:
    return ScriptedModel.echo()


@pytest.mark.parametrize(
    "count", [pytest.param(100, id="hundred"), pytest.param(1000, id="thousand", marks=pytest.mark.slow)]
)
async def test_no_session_hears_what_another_is_told(count: int, tmp_path: Path) -> None:
    async with between(tmp_path, echo()) as it:
        with anyio.fail_after(100):
            await many(it.url, count)
        assert it.proxy.kept == count


async def test_sessions_that_nobody_uses_are_forgotten(tmp_path: Path) -> None:
    clock = [0.0]
    async with served() as url:
        async with gateway(settings_in(tmp_path), url, idle_seconds=10, connections=5, now=lambda: clock[0]) as it:
            async with aiohttp.ClientSession(headers=LEGACY) as http:
                for _ in range(8):
                    await begun(http, it.url)
                assert it.proxy.kept == 5
                clock[0] = 100
                for _ in range(4):
                    await begun(http, it.url)
                assert it.proxy.kept <= 4


async def test_stopping_ends_open_streams_at_once(tmp_path: Path) -> None:
    async with between(tmp_path) as it, aiohttp.ClientSession(headers=LEGACY) as http:
        headers = await begun(http, it.url)
        async with http.get(it.url, headers=headers) as response:
            assert response.status == 200
            it.listener.stop()
            with anyio.fail_after(2):
                assert await response.content.read() == b""
