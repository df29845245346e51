"""A session is its principal's at every gateway with the same key, whether that saw it begin or not."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import ANSWER, Gateway, gateway, served, settings_in
from tests.gateway.http.recording import Asked, Recorder, recorder, reply
from tests.gateway.http.test_serving import serving
from tests.gateway.http.test_sessions import LEGACY, VERSION, Kept, asking, begun, response_in
from upcall.errors import ConfigurationError
from upcall.gateway.http.proxy.owning import OwnedIds
from upcall.gateway.http.serving import serve_async
from upcall.gateway.sealing import derived, packed
from upcall.gateway.session import Handshake
from upcall.gateway.settings import Upstream

pytestmark = pytest.mark.anyio

TOKENS = {"ann": "a-token-that-is-ann-s", "ben": "a-token-that-is-ben-s"}
ANN, BEN = ({"Authorization": f"Bearer {token}"} for token in TOKENS.values())
SESSION = "Mcp-Session-Id"
ID = "an.id-of_the~server"
KEY = b"k" * 32


async def answers(asked: Asked) -> None:
    """Anything, as a server with one session would that takes everybody for the gateway."""
    if asked.method == "DELETE":
        await reply(asked, b"", 204, "")
        return
    body = json.dumps({"jsonrpc": "2.0", "id": asked.json.get("id"), "result": {"protocolVersion": VERSION}})
    await reply(asked, body.encode(), mcp_session_id=ID)


@asynccontextmanager
async def two_replicas(folder: Path) -> AsyncIterator[tuple[Recorder, Gateway, Gateway, aiohttp.ClientSession]]:
    settings = settings_in(folder, key=KEY)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(recorder(answers))
        one, two = [await stack.enter_async_context(gateway(settings, server.url, tokens=TOKENS)) for _ in range(2)]
        yield server, one, two, await stack.enter_async_context(aiohttp.ClientSession(headers=LEGACY))


async def opened(http: aiohttp.ClientSession, url: str, who: dict[str, str]) -> str:
    params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    async with http.post(url, json=body, headers=who) as response:
        return response.headers[SESSION]


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


async def test_its_owner_may_go_on_at_another_replica_and_nobody_else(tmp_path: Path) -> None:
    async with two_replicas(tmp_path) as (server, one, two, http):
        mine = await opened(http, one.url, ANN)
        assert mine.startswith(f"{ID}.60{VERSION}.")
        assert len(mine) < len(ID) + 40
        for place in (one, two):
            for method in ("POST", "GET", "DELETE"):
                body = PING if method == "POST" else None
                headers = {**BEN, SESSION: mine, "Last-Event-ID": "1"}
                async with http.request(method, place.url, json=body, headers=headers) as response:
                    assert response.status == 404
                    assert "error" in await response.json()
        assert len(server.asked) == 1
        assert two.proxy.kept == 0
        async with http.post(two.url, json=PING, headers={**ANN, SESSION: mine}) as response:
            assert response.status == 200
            assert response.headers[SESSION] == mine
        assert server.asked[-1].headers["mcp-session-id"] == ID
        async with http.delete(two.url, headers={**ANN, SESSION: mine}) as response:
            assert response.status == 204
        assert (server.asked[-1].method, server.asked[-1].headers["mcp-session-id"]) == ("DELETE", ID)
        assert two.proxy.kept == 0


async def test_what_was_altered_is_no_session_and_does_not_go_upstream(tmp_path: Path) -> None:
    async with two_replicas(tmp_path) as (server, one, two, http):
        mine = await opened(http, one.url, ANN)
        id, said, mac = mine.rsplit(".", 2)
        other = OwnedIds([KEY], "another server").marked(ID, "ann")
        old = base64.urlsafe_b64encode(
            hmac.digest(derived(KEY, b"session id", "real"), packed("real", "ann", ID), "sha256")
        )
        bad = [
            ID,
            f"{id}.",
            f".{said}.{mac}",
            mac,
            f"{id}x.{said}.{mac}",
            f"{mine}=",
            mine[:-1],
            f"{mine}.{mac}",
            ".",
            "..",
        ]
        bad += [
            f"{id}.{mac}",
            f"{id}..{mac}",
            f"{id}.20{VERSION}.{mac}",
            f"{id}.{said}x.{mac}",
            f"{id}.{said}.{mac[::-1]}",
        ]
        bad += [other, OwnedIds([b"x" * 32], "real").marked(ID, "ann"), f"{id}.{said}.\u00e9{mac}"]
        bad += [f"{ID}.{old.decode().rstrip('=')}"]  # as the first gateways marked them
        for session in bad:
            async with http.post(two.url, json=PING, headers={**ANN, SESSION: session}) as response:
                assert response.status == 404, session
        assert len(server.asked) == 1


async def test_no_other_spelling_of_the_header_brings_an_id_to_the_server(tmp_path: Path) -> None:
    async with two_replicas(tmp_path) as (server, one, _, http):
        for name in ("Mcp_Session_Id", "mcp-session_id"):
            async with http.post(one.url, json=PING, headers={**BEN, name: ID}) as response:
                assert response.status == 200
        assert [name for asked in server.asked for name in asked.headers if "session" in name] == []


async def test_one_principal_gets_the_servers_ids_as_they_are(tmp_path: Path) -> None:
    for tokens in ({}, {"ann": TOKENS["ann"]}):
        async with recorder(answers) as server, gateway(settings_in(tmp_path), server.url, tokens=tokens) as it:
            async with aiohttp.ClientSession(headers=LEGACY) as http:
                assert await opened(http, it.url, ANN) == ID
                async with http.post(it.url, json=PING, headers={**ANN, SESSION: ID}) as response:
                    assert response.status == 200


async def test_answers_stay_their_owners_when_a_stream_is_resumed_at_another_replica(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, key=KEY)
    async with (
        served(event_store=Kept()) as url,
        gateway(settings, url, tokens=TOKENS) as one,
        gateway(settings, url, tokens=TOKENS) as two,
        aiohttp.ClientSession(headers={**LEGACY, **ANN}) as http,
    ):
        headers = await begun(http, one.url)
        async with http.post(one.url, json=asking(5, "why"), headers=headers) as response:
            line = await response.content.readline()
            while not line.startswith(b"id:"):
                line = await response.content.readline()
            with anyio.fail_after(10):
                first = await response_in(response.content)
        resumed = {**headers, "Last-Event-ID": line.partition(b":")[2].strip().decode()}
        async with http.get(two.url, headers={**resumed, **BEN}) as response:
            assert response.status == 404
        async with http.get(two.url, headers=resumed) as response:
            assert response.status == 200
            with anyio.fail_after(10):
                assert await response_in(response.content) == first
        assert first is not None
        assert first["result"]["content"][0]["text"] == f"why: {ANSWER}"
        # The gateway's own POST, with the sample's answer, names the session as the server does.
        async with http.post(two.url, json=asking(6, "who"), headers=headers) as response:
            with anyio.fail_after(10):
                answered = await response_in(response.content)
        assert answered is not None
        assert answered["result"]["content"][0]["text"] == f"who: {ANSWER}"


async def test_serving_several_principals_or_with_a_key_of_all_replicas_marks_ids_and_else_it_does_not(
    tmp_path: Path,
) -> None:
    async with recorder(answers) as server, aiohttp.ClientSession(headers=LEGACY) as http:
        settled = Handshake(ours=True, tools=True, version=VERSION)
        for tokens, key in ((TOKENS, None), ({"ann": TOKENS["ann"]}, None), ({}, KEY)):
            one = serving(Upstream(name="it", url=server.url), tokens=tokens)
            urls: list[str] = []
            stop = asyncio.Event()
            async with anyio.create_task_group() as tasks:
                settings = settings_in(tmp_path, key=key)
                ready = asyncio.Event()

                def up(found: list[str], urls: list[str] = urls, ready: asyncio.Event = ready) -> None:
                    urls.extend(found)
                    ready.set()

                tasks.start_soon(lambda: serve_async(settings, one, on_ready=up, stop=stop))  # noqa: B023 - run now
                with anyio.fail_after(10):
                    await ready.wait()
                id = await opened(http, urls[0], ANN)
                stop.set()
            marks = OwnedIds(settings.keys, "it")
            assert id == (marks.marked(ID, "ann" if tokens else "", settled) if len(tokens) > 1 or key else ID)


def test_keys_rotate() -> None:
    old, new = os.urandom(32), os.urandom(32)
    before, between, after = (OwnedIds(keys, "it") for keys in ([old], [new, old], [new]))
    assert between.taken_off(before.marked(ID, "ann"), "ann") == (ID, None)
    assert after.taken_off(between.marked(ID, "ann"), "ann") == (ID, None)
    assert after.taken_off(before.marked(ID, "ann"), "ann") is None


def test_no_two_owners_share_a_mark() -> None:
    marks = {OwnedIds([KEY], server).marked(id, who) for server, who, id in [("a", "b", "c"), ("ab", "", "c")]}
    marks |= {OwnedIds([KEY], "a").marked(id, who) for who, id in [("bc", "c"), ("b", "cc"), ("", "bc")]}
    assert len({mark.rpartition(".")[2] for mark in marks}) == 5
    with pytest.raises(ConfigurationError):
        OwnedIds([], "a")
    assert KEY.decode() not in repr(OwnedIds([KEY], "a"))
