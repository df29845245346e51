"""Tasks behind several gateways that share a store: whichever of them the client polls, a sampling is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec import Raw
from msgspec.json import encode
from msgspec.structs import replace

from tests.gateway.mixed.places import listening, settings
from tests.gateway.session.tasks_server import Server
from tests.gateway.session.test_tasks_for_real import Client
from tests.store.conftest import postgres_database, postgres_url, sqlite_file, url
from tests.waiting import until
from upcall.errors import ModelRejected
from upcall.gateway.answering import Answering
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.http.serving import endpoint_for
from upcall.gateway.session import Tasks
from upcall.gateway.settings import Upstream
from upcall.store import open_store
from upcall.testing import ScriptedModel

__all__ = ["postgres_database", "postgres_url", "sqlite_file", "url"]

pytestmark = pytest.mark.anyio

KEY = b"k" * 32


class Thought(ScriptedModel):
    """A model that answers when it is let, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(self._think, repeat=True)
        self.error = error
        self.go = asyncio.Event()
        self.count = 0

    async def _think(self, request: Any) -> str:
        self.count += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return "because"


@asynccontextmanager
async def gateways(
    folder: Path, store: str, model: ScriptedModel, *, replicas: bool = True
) -> AsyncIterator[tuple[Server, Client, Client]]:
    """Two, with a client in front of each, and one server behind both."""
    async with AsyncExitStack() as stack:
        server = Server()
        one = Upstream(name="tasks", url=await stack.enter_async_context(listening(server)))
        clients = []
        for _ in range(2):
            own = replace(settings(folder, model), store=store, keys=(KEY,), replicas=replicas)
            answering = Answering(own, "tasks")
            stack.push_async_callback(answering.aclose)
            endpoint = endpoint_for(one, answering, keys=own.keys, replicas=own.replicas)
            app = App(Guard("127.0.0.1"), {"/mcp": endpoint}, body_bytes=1 << 20)
            stack.push_async_callback(app.aclose)
            address = await stack.enter_async_context(listening(app))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            clients.append(Client(http, f"{address}/mcp"))
        first, second = clients
        yield server, first, second


async def test_what_one_gateway_asks_another_waits_for_and_the_server_is_told_once(tmp_path: Path, url: str) -> None:
    model = Thought()
    async with gateways(tmp_path, url, model) as (server, one, other):
        task = await one.begun()
        for client in (one, other, other, one):
            assert (await client.ask("tasks/get", taskId=task))["status"] == "working"
        await until(lambda: model.count)
        model.go.set()
        state = await other.ended(task)
        assert state["result"]["content"] == [{"type": "text", "text": "because"}]
        assert (await one.ended(task))["result"] == state["result"]
    assert (model.count, len(server.updates), server.wrong) == (1, 1, [])
    async with open_store(url) as store:
        assert [record.outcome for record in (await store.page()).records] == ["answered"]


async def test_what_one_gateway_was_answered_another_does_not_ask_again(tmp_path: Path, url: str) -> None:
    model = Thought()
    model.go.set()
    async with gateways(tmp_path, url, model) as (server, one, other):
        server.deaf = True
        task = await one.begun()
        await one.ask("tasks/get", taskId=task)
        await until(lambda: server.updates)
        for client in (other, one, other):
            assert (await client.ask("tasks/get", taskId=task))["status"] == "working"
    assert (model.count, server.wrong) == (1, [])


async def test_a_refusal_at_one_gateway_is_the_others_too(tmp_path: Path, url: str) -> None:
    model = Thought(ModelRejected("The model will not."))
    async with gateways(tmp_path, url, model) as (server, one, other):
        server.deaf = True
        task = await one.begun()
        for client in (one, other):
            assert (await client.ask("tasks/get", taskId=task))["status"] == "working"
        model.go.set()
        first, second = await one.ended(task), await other.ended(task)
        assert first == second
        assert first["result"]["isError"] is True
        assert "will not" in first["result"]["content"][0]["text"]
    assert (model.count, server.updates) == (1, [])


async def test_without_a_key_in_common_each_gateway_asks_for_itself(tmp_path: Path, url: str) -> None:
    model = Thought()
    async with gateways(tmp_path, url, model, replicas=False) as (_, one, other):
        task = await one.begun()
        for client in (one, other):
            await client.ask("tasks/get", taskId=task)
        await until(lambda: model.count == 2)
        model.go.set()
        await one.ended(task)


async def test_another_gateway_asks_when_the_claim_of_a_dead_one_has_lapsed(tmp_path: Path, url: str) -> None:
    model = Thought()
    async with gateways(tmp_path, url, model) as (server, one, _), open_store(url) as store:
        task = await one.begun()
        asked = server.tasks[task]["inputRequests"]["k"]["params"]
        once = Tasks("tasks", shared=True).once("", task, "k", Raw(encode(asked)))
        assert once is not None
        await store.claim(once.name, about=once.task, holder="dead", ttl=1)
        await one.ask("tasks/get", taskId=task)
        while await store.claimed(once.name) is not None:
            assert model.count == 0
        await until(lambda: model.count)
        model.go.set()
        await one.ended(task)
    assert (model.count, len(server.updates)) == (1, 1)
