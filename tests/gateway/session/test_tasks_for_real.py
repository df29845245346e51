"""Tasks through real gateways, to a server on its pipes and one over HTTP: each poll is a connection of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.gateway.mixed.places import listening, settings
from tests.gateway.session.talk import meta
from tests.gateway.session.tasks_server import Server
from tests.waiting import until
from upcall.gateway.answering import Answering
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.http.serving import endpoint_for
from upcall.gateway.settings import Upstream
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PIPES = [sys.executable, "-m", "tests.gateway.session.tasks_server"]
EVENTS = "application/json, text/event-stream"


class Client:
    """Says what a client of 2026-07-28 says, and nothing more."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url, self._ids = http, url, 0

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._ids += 1
        own = meta(extensions={"io.modelcontextprotocol/tasks": {}})
        message = {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": {**params, "_meta": own}}
        named = params.get("taskId") or params["name"]
        headers = {"Accept": EVENTS, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": named}
        async with self._http.post(self._url, json=message, headers=headers) as response:
            assert response.content_type == "application/json"
            got = await response.json()
        assert got["id"] == self._ids
        result: dict[str, Any] = got["result"]
        return result

    async def begun(self) -> str:
        made = await self.ask("tools/call", name="research", arguments={"question": "why?"})
        assert (made["resultType"], made["status"]) == ("task", "working")
        return str(made["taskId"])

    async def ended(self, task: str) -> dict[str, Any]:
        with anyio.fail_after(20):
            while (state := await self.ask("tasks/get", taskId=task))["status"] == "working":
                assert "inputRequests" not in state
        return state


@asynccontextmanager
async def gateway(folder: Path, model: ScriptedModel, upstream: str) -> AsyncIterator[tuple[Client, Server]]:
    """One with a client in front of it."""
    server = Server()
    answering = Answering(settings(folder, model), "tasks")
    async with listening(server) as address:
        if upstream == "http":
            one = Upstream(name="tasks", url=address)
        else:
            one = Upstream(name="tasks", argv=tuple(PIPES), env={"PYTHONPATH": str(ROOT)})
        app = App(Guard("127.0.0.1"), {"/mcp": endpoint_for(one, answering)}, body_bytes=1 << 20)
        try:
            async with listening(app) as url, aiohttp.ClientSession() as http:
                try:
                    yield Client(http, f"{url}/mcp"), server
                finally:
                    await app.aclose()
        finally:
            await answering.aclose()


@pytest.mark.parametrize("upstream", ["http", "pipes"])
async def test_a_task_gets_its_answer_while_the_client_polls_and_the_model_is_asked_once(
    tmp_path: Path, upstream: str
) -> None:
    go, calls = asyncio.Event(), 0

    async def think(request: Any) -> str:
        nonlocal calls
        calls += 1
        await go.wait()
        return "because"

    async with gateway(tmp_path, ScriptedModel(think, repeat=True), upstream) as (client, server):
        task = await client.begun()
        for _ in range(5):
            assert (await client.ask("tasks/get", taskId=task))["status"] == "working"
        await until(lambda: calls)
        go.set()
        state = await client.ended(task)
        assert state["result"]["content"] == [{"type": "text", "text": "because"}]
        assert calls == 1
        assert server.wrong == []
        assert len(server.updates) == (upstream == "http")


@pytest.mark.parametrize("upstream", ["http", "pipes"])
async def test_a_refused_task_ends_with_the_reason(tmp_path: Path, upstream: str) -> None:
    async with gateway(tmp_path, ScriptedModel("x"), upstream) as (client, server):
        (tmp_path / "policy.toml").write_text(
            '[default]\ndecision = "allow"\nlimits.max_tokens = 1\nlimits.per_minute = 1\n'
        )
        first = await client.ended(await client.begun())
        second = await client.ended(await client.begun())
        assert [state["result"].get("isError") for state in (first, second)] == [None, True]
        assert second["result"]["content"][0]["text"]
        again = await client.ask("tasks/get", taskId=second["taskId"])
        assert again == second
        assert server.wrong == []


async def test_a_gateway_that_closes_waits_for_no_task(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def think(request: Any) -> str:
        started.set()
        await anyio.sleep_forever()
        return ""

    with anyio.fail_after(20):
        for upstream in ("http", "pipes"):
            started.clear()
            async with gateway(tmp_path, ScriptedModel(think, repeat=True), upstream) as (client, _):
                await client.ask("tasks/get", taskId=await client.begun())
                await started.wait()


async def test_a_client_on_its_pipes_gets_the_answer_of_a_task_behind_http(tmp_path: Path) -> None:
    server = Server()
    own = meta(extensions={"io.modelcontextprotocol/tasks": {}})
    async with listening(server) as address:
        command = [sys.executable, "-m", "tests.gateway.mixed.bridge", address, str(tmp_path)]
        async with await anyio.open_process(command, cwd=ROOT, stderr=None) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            lines = BufferedByteReceiveStream(process.stdout)
            ids = itertools.count(1)

            async def ask(method: str, **params: Any) -> dict[str, Any]:
                message = {"jsonrpc": "2.0", "id": next(ids), "method": method, "params": {**params, "_meta": own}}
                assert process.stdin is not None
                await process.stdin.send(json.dumps(message).encode() + b"\n")
                got = json.loads(await lines.receive_until(b"\n", 1 << 20))
                assert got["id"] == message["id"]
                result: dict[str, Any] = got["result"]
                return result

            with anyio.fail_after(30):
                task = (await ask("tools/call", name="research", arguments={"question": "why?"}))["taskId"]
                while (state := await ask("tasks/get", taskId=task))["status"] == "working":
                    pass
                await process.stdin.aclose()
                await process.wait()
    assert state["result"]["content"] == [{"type": "text", "text": "a model's answer"}]
    assert (len(server.updates), server.wrong) == (1, [])
