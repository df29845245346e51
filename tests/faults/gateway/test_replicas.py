"""Replicas that share PostgreSQL and the key for states, one of which is killed; and a thousand sessions at once."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.faults.conftest import postgres_database, postgres_url
from tests.faults.gateway.places import Http, Place, Provider, place, policy, watched
from tests.faults.gateway.server import META, MODERN
from tests.gateway.http.test_sessions import balanced
from tests.gateway.mixed.places import listening
from tests.gateway.session.tasks_server import Server
from tests.gateway.session.test_tasks_for_real import Client
from tests.waiting import until
from upcall.store import open_store

__all__ = ["postgres_database", "postgres_url"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KEY = '[gateway]\nstate_key_env = "STATE_KEY"\n'
CAN = {"io.modelcontextprotocol/protocolVersion": MODERN, META: {"elicitation": {"form": {}}}}


async def replicas(
    stack: AsyncExitStack, folder: Path, provider: Provider, store: str, more: str = KEY, upstream: str | None = None
) -> list[Place]:
    """Two, with this server behind both, or else each with one of its own, which keeps no state."""
    env = {"STATE_KEY": secrets.token_hex(32)}
    found = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        rules = policy(folder / name, provider, store, more=more)
        found.append(await stack.enter_async_context(place("http", rules, env=env, upstream=upstream)))
    return found


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "both", "arguments": {"text": text}, "_meta": CAN, **more}


async def test_a_call_goes_on_at_the_other_replica_when_its_own_is_killed(tmp_path: Path, postgres_url: str) -> None:
    async with Provider() as provider, AsyncExitStack() as stack:
        one, two = await replicas(stack, tmp_path, provider, postgres_url)
        first, second = one.client(True), two.client(True)
        firsts = [await first.request("tools/call", asked(f"call {n}")) for n in range(5)]
        one.gateway.kill()
        await one.gateway.wait()
        for n, answer in enumerate(firsts):
            result = answer["result"]
            assert result["resultType"] == "input_required"
            (key,) = result["inputRequests"]
            given = {key: {"action": "accept", "content": {"colour": "red"}}}
            back = asked(f"call {n}", inputResponses=given, requestState=result["requestState"])
            with anyio.fail_after(10):
                final = await second.request("tools/call", back)
            assert final["result"]["content"][0]["text"] == f"call {n}: about call {n} red"
            other = asked("another call", inputResponses=given, requestState=result["requestState"])
            assert "error" in await second.request("tools/call", other), "a state is for its own call"
        assert len(provider.seen) == 5, "no sample was asked for twice"
        async with open_store(postgres_url) as store:
            assert await watched(store) == (["finished"] * 5, 0)
        await first.leave()
        await second.leave()


async def test_a_replica_that_is_killed_while_it_asks_for_a_task_is_followed_by_the_other(
    tmp_path: Path, postgres_url: str
) -> None:
    server = Server()
    async with Provider() as provider, AsyncExitStack() as stack:
        address = await stack.enter_async_context(listening(server))
        one, two = await replicas(stack, tmp_path, provider, postgres_url, upstream=address)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        first, second = [Client(http, str(place.url)) for place in (one, two)]
        made = await first.ask("tools/call", name="research", arguments={"question": "hang"})
        await first.ask("tasks/get", taskId=made["taskId"])
        await until(lambda: provider.open)
        await second.ask("tasks/get", taskId=made["taskId"])
        assert len(provider.seen) == 1
        one.gateway.kill()
        await one.gateway.wait()
        await until(lambda: len(provider.seen) == 2 and provider.open, 60)
        provider.release()
        state = await second.ended(made["taskId"])
        assert state["result"]["content"] == [{"type": "text", "text": "at last"}]
    assert (len(provider.seen), len(server.updates)) == (2, 1)


async def test_rounds_cross_over_between_replicas_behind_a_balancer(tmp_path: Path, postgres_url: str) -> None:
    async with Provider() as provider, AsyncExitStack() as stack:
        one, two = await replicas(stack, tmp_path, provider, postgres_url)
        assert one.url is not None
        assert two.url is not None
        url = await stack.enter_async_context(balanced(one.url, two.url))

        async def crossed(number: int) -> None:
            """Each request is another connection, and so another replica."""
            text = f"call {number}"
            client = Http(url, True)
            result = (await client.request("tools/call", asked(text)))["result"]
            await client.leave()
            (key,) = result["inputRequests"]
            given = {key: {"action": "accept", "content": {"colour": "blue"}}}
            client = Http(url, True)
            back = asked(text, inputResponses=given, requestState=result["requestState"])
            answer = await client.request("tools/call", back)
            await client.leave()
            assert answer["result"]["content"][0]["text"] == f"{text}: about {text} blue"

        with anyio.fail_after(60):
            for first in range(0, 40, 10):
                await asyncio.gather(*(crossed(first + n) for n in range(10)))
        assert len(provider.seen) == 40


async def test_replicas_spend_no_more_than_there_is(tmp_path: Path, postgres_url: str) -> None:
    budget = KEY + '[[budget]]\nfor = "overall"\nper = "ever"\ncalls = 10\n'
    async with Provider() as provider, AsyncExitStack() as stack:
        places = await replicas(stack, tmp_path, provider, postgres_url, budget)
        clients = [one.client(True) for one in places]
        calls = [client.call("ask", text=f"{n}") for n in range(15) for client in clients]
        with anyio.fail_after(60):
            answers = await asyncio.gather(*calls)
        for client in clients:
            await client.leave()
    assert Counter("about" in str(answer) for answer in answers) == {True: 10, False: 20}
    assert len(provider.seen) == 10


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_of_a_thousand_clients_none_hears_a_frame_of_another(era: str, tmp_path: Path) -> None:
    count = 1000
    async with Provider() as provider, place("http", policy(tmp_path, provider)) as it:
        clients = [it.client(era == "modern") for _ in range(count)]
        own = [f"secret {secrets.token_hex(8)}" for _ in clients]
        slots = asyncio.Semaphore(200)

        async def begin(client: Any) -> None:
            async with slots:
                await client.begin()

        async def use(client: Any, secret: str) -> None:
            flood = await client.call("flood", text=secret, count=3, size=500)
            assert flood["result"]["content"][0]["text"] == secret
            answer = await client.call("ask", text=secret)
            assert answer["result"]["content"][0]["text"] == f"{secret}: about {secret}"

        with anyio.fail_after(100):
            await asyncio.gather(*(begin(client) for client in clients))
            await asyncio.gather(*(use(client, secret) for client, secret in zip(clients, own, strict=True)))
        for client, secret in zip(clients, own, strict=True):
            assert len(client.heard) == 3
            assert all(secret in str(frame) for frame in client.heard)
        await asyncio.gather(*(client.leave() for client in clients))
