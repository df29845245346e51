"""The reference server of the TypeScript SDK, which speaks the legacy era on its pipes, behind our HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from mcp import Client

from tests.conformance.npm import Programs, install
from tests.gateway.mixed.places import hosted
from upcall.testing import ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def programs() -> Programs:
    return install()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_cannot_sample_gets_its_sampling_tool_and_its_answer(
    programs: Programs, tmp_path: Path, mode: Any
) -> None:
    argv = [programs.node, programs.package("server-everything", "dist/index.js"), "stdio"]
    model = ScriptedModel("Nineteen.")
    async with hosted(tmp_path, model=model, argv=argv) as (url, _), Client(url, mode=mode) as client:
        with anyio.fail_after(30):
            while "trigger-sampling-request" not in {tool.name for tool in (await client.list_tools()).tools}:
                pass
        result = await client.call_tool("trigger-sampling-request", {"prompt": "How many?", "maxTokens": 40})
        assert "Nineteen." in str(result.content)
        assert "Echo: hello" in str((await client.call_tool("echo", {"message": "hello"})).content)


async def test_a_modern_client_gets_the_servers_own_error(programs: Programs, tmp_path: Path) -> None:
    argv = [programs.node, programs.package("server-everything", "dist/index.js"), "stdio"]
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    message = {"jsonrpc": "2.0", "id": "d", "method": "server/discover", "params": {"_meta": meta}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "server/discover",
    }
    async with hosted(tmp_path, argv=argv) as (url, _), aiohttp.ClientSession() as http:
        async with http.post(url, json=message, headers=headers) as response:
            assert response.status == 404
            got = await response.json()
            assert (got["id"], got["error"]["code"]) == ("d", -32601)
