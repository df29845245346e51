"""Several principals share the processes of a server, and none of them can take all."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import anyio
import pytest

from tests.gateway.mixed.places import listening, settings
from tests.gateway.mixed.test_endpoint import META, Web, request, web
from upcall.gateway.answering import Answering
from upcall.gateway.http.children.hosting import Hosting
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.http.front.legacy_only import LegacyOnly
from upcall.gateway.http.serving import endpoint_for
from upcall.gateway.settings import Upstream
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

TOKENS = {name: f"a-token-that-is-{name}-s" for name in ("ann", "ben", "cid")}

READY = 'while read -r line; do echo \'{"jsonrpc":"2.0","id":1,"result":{}}\'; done'


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


async def refused(client: Web, name: str) -> bool:
    with anyio.fail_after(10):
        status, got = await client.post(request("initialize", id="i"), **bearer(name))
    assert (status, got["id"]) == (503, "i")
    return True


async def test_nobody_has_more_than_half_and_one_is_left_for_each_who_has_none(tmp_path: Path) -> None:
    async with web(tmp_path, processes=6, principals=3, tokens=TOKENS) as client:
        sessions = [await client.begin(**bearer("ann")) for _ in range(3)]
        assert await refused(client, "ann")
        for _ in range(2):
            await client.begin(**bearer("ben"))
        assert await refused(client, "ben")
        modern = {**bearer("cid"), "MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "echo"}
        for _ in range(2):  # all requests of that revision share one
            assert (await client.post(request("echo", _meta=META), **modern))[0] == 200
        for name in TOKENS:
            assert await refused(client, name)
        headers = {"Mcp-Session-Id": sessions[0], **bearer("ann")}
        async with client.http.delete(client.url, headers=headers) as response:
            assert response.status == 204
        with anyio.fail_after(10):
            while (await client.post(request("initialize"), **bearer("ann")))[0] != 200:
                pass
        assert await refused(client, "ann")


async def test_one_principal_alone_may_have_all(tmp_path: Path) -> None:
    tokens = {"ann": TOKENS["ann"]}
    async with web(tmp_path, processes=3, tokens=tokens) as client:
        for _ in range(3):
            await client.begin(**bearer("ann"))
        assert await refused(client, "ann")


async def test_where_there_are_more_principals_than_processes_who_comes_first_has_one(tmp_path: Path) -> None:
    async with web(tmp_path, processes=2, principals=3, tokens=TOKENS) as client:
        await client.begin(**bearer("ann"))
        assert await refused(client, "ann")
        await client.begin(**bearer("ben"))
        assert await refused(client, "cid")


async def test_of_two_clients_of_a_gateway_as_it_is_served_each_may_have_thirty_two(tmp_path: Path) -> None:
    tokens = {name: TOKENS[name] for name in ("ann", "ben")}
    answering = Answering(settings(tmp_path, ScriptedModel()))
    endpoint = endpoint_for(Upstream(name="it", argv=("sh", "-c", READY)), answering, keys=[b"k" * 32], principals=2)
    assert isinstance(endpoint, LegacyOnly)
    assert isinstance(endpoint.endpoint, Hosting)
    app = App(Guard("127.0.0.1", tokens=tokens), {"/mcp": endpoint}, body_bytes=1 << 20)
    async with listening(app) as address, aiohttp.ClientSession() as http:
        try:
            client = Web(f"{address}/mcp", http, endpoint.endpoint)
            for name in tokens:
                for _ in range(32):
                    await client.begin(**bearer(name))
                assert await refused(client, name)
        finally:
            await app.aclose()
            await answering.aclose()
