"""An endpoint over HTTP that is held at the legacy revisions."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import ANSWER, served, settings_in
from tests.gateway.http.recording import Asked, Recorder, recorder, reply
from tests.gateway.mixed.places import ROOT, SERVER, listening
from tests.gateway.session.talk import call, initialize
from tests.server.peers import client_of, text_of
from upcall.gateway.answering import Answering
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.http.serving import endpoint_for
from upcall.gateway.settings import Settings, Upstream
from upcall.host.policy import PolicyFile

pytestmark = pytest.mark.anyio

POLICY = '[default]\ndecision = "allow"\n[server.real]\nprotocol = "legacy"\n'
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
MODERN = {"MCP-Protocol-Version": "2026-07-28"}
DISCOVER = call(1, "server/discover")
PLAIN = call(1, modern=False)


@asynccontextmanager
async def held(settings: Settings, **upstream: Any) -> AsyncIterator[str]:
    """A gateway in front of this server."""
    answering = Answering(settings)
    endpoint = endpoint_for(Upstream(name="real", **upstream), answering)
    app = App(Guard("127.0.0.1"), {"/mcp": endpoint}, body_bytes=1 << 20)
    try:
        async with listening(app) as address:
            try:
                yield f"{address}/mcp"
            finally:
                await app.aclose()
    finally:
        await answering.aclose()


@asynccontextmanager
async def before_a_recorder(tmp_path: Path, policy: str = POLICY) -> AsyncIterator[tuple[str, Recorder]]:
    async def answer(asked: Asked) -> None:
        await reply(asked, b'{"jsonrpc":"2.0","id":1,"result":{}}')

    async with recorder(answer) as server, held(settings_in(tmp_path, policy=policy), url=server.url) as url:
        yield url, server


async def sent(url: str, body: Any, headers: dict[str, str] | None = None, method: str = "POST") -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, data=json.dumps(body), headers=HEADERS | (headers or {})) as response,
    ):
        return response.status, await response.json()  # whose type has to say so


@pytest.mark.parametrize(
    ("body", "headers", "id", "code"),
    [
        (DISCOVER, MODERN, 1, -32601),
        (DISCOVER, {}, 1, -32601),
        (call("é"), MODERN, "é", -32600),
        (call(1), {}, 1, -32600),
        (call(1), {"MCP-Protocol-Version": "2025-11-25"}, 1, -32600),
        (PLAIN, MODERN, 1, -32600),
        (PLAIN, {"MCP-Protocol-Version": "2027-01-01"}, 1, -32600),
        ([PLAIN, call(2)], {}, None, -32600),
        ([PLAIN], MODERN, None, -32600),
        ({"jsonrpc": "2.0", "method": "notifications/x"}, MODERN, None, -32600),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, MODERN, None, -32600),
    ],
)
async def test_what_is_of_the_newer_era_gets_an_older_servers_error_and_goes_no_further(
    tmp_path: Path, body: Any, headers: dict[str, str], id: Any, code: int
) -> None:
    async with before_a_recorder(tmp_path) as (url, server):
        status, told = await sent(url, body, headers)
    assert (status, told["id"], told["error"]["code"]) == (400, id, code)
    assert server.asked == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_nor_does_a_request_without_a_body(tmp_path: Path, method: str) -> None:
    async with before_a_recorder(tmp_path) as (url, server):
        status, told = await sent(url, None, MODERN | {"Mcp-Session-Id": "s"}, method)
    assert (status, told["error"]["code"], server.asked) == (400, -32600, [])


async def test_neither_of_two_headers_gets_through(tmp_path: Path) -> None:
    async with before_a_recorder(tmp_path) as (url, server), aiohttp.ClientSession() as http:
        twice = [*HEADERS.items(), *MODERN.items(), ("MCP-Protocol-Version", "2025-11-25")]
        async with http.post(url, data=json.dumps(PLAIN), headers=twice) as response:
            assert response.status == 400
    assert server.asked == []


async def test_initialize_goes_on_without_the_header(tmp_path: Path) -> None:
    async with before_a_recorder(tmp_path) as (url, server):
        assert (await sent(url, initialize("2026-07-28", id=1), MODERN))[0] == 200
    (asked,) = server.asked
    assert asked.json["params"]["protocolVersion"] == "2026-07-28"
    assert "sampling" in asked.json["params"]["capabilities"]
    assert "mcp-protocol-version" not in asked.headers


async def test_what_is_of_an_older_one_goes_on_as_it_is(tmp_path: Path) -> None:
    async with before_a_recorder(tmp_path) as (url, server):
        assert (await sent(url, PLAIN, {"MCP-Protocol-Version": "2025-06-18"}))[0] == 200
    (asked,) = server.asked
    assert (asked.json, asked.headers["mcp-protocol-version"]) == (PLAIN, "2025-06-18")


async def test_another_server_is_not_held(tmp_path: Path) -> None:
    async with before_a_recorder(tmp_path, POLICY.replace("real", "other")) as (url, server):
        assert (await sent(url, DISCOVER, MODERN))[0] == 200
    assert len(server.asked) == 1


async def test_a_changed_policy_holds_from_the_next_request_on_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, policy=POLICY)
    file = Path(str(settings.file))
    following = Settings(policy=PolicyFile(file), store=settings.store, keys=settings.keys)

    async def answer(asked: Asked) -> None:
        await reply(asked, b'{"jsonrpc":"2.0","id":1,"result":{}}')

    async with recorder(answer) as server, held(following, url=server.url) as url:
        assert (await sent(url, DISCOVER, MODERN))[0] == 400
        await anyio.Path(file).write_text("[default\n")
        assert (await sent(url, DISCOVER, MODERN))[0] == 400
        await anyio.Path(file).write_text(POLICY.replace("legacy", "auto"))
        assert (await sent(url, DISCOVER, MODERN))[0] == 200


@pytest.mark.parametrize("form", ["hosted", "proxied"])
async def test_a_client_of_both_eras_falls_back_and_its_tools_sample(tmp_path: Path, form: str) -> None:
    settings = settings_in(tmp_path, policy=POLICY)
    async with served() as address:
        program = {"argv": tuple(SERVER), "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
        async with held(settings, **(program if form == "hosted" else {"url": address})) as url:
            async with client_of(url, "auto") as client:
                assert client.session.protocol_version == "2025-11-25"
                assert ANSWER in text_of(await client.call_tool("ask", {"question": "why"}))
