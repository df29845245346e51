"""What only a real HTTP server shows: disconnects, stateless serving, calls that cross connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2 as httpx
import mcp_types as types
import pytest
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

from tests.server.peers import MODERN, Rounds, client_of, server_with, text_of
from upcall.host import Host
from upcall.server import Sampling, sample
from upcall.testing import ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]


@asynccontextmanager
async def served(server: MCPServer, *, stateless: bool = False) -> AsyncIterator[str]:
    """Serve over streamable HTTP in this process; gives the URL."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so asyncio turns Nagle off
    listener.bind(("127.0.0.1", 0))
    app = server.streamable_http_app(stateless_http=stateless)
    runner = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1))
    task = asyncio.create_task(runner.serve(sockets=[listener]))
    with anyio.fail_after(10):
        while not runner.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await anyio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        runner.should_exit = True
        await task


async def twice(text: str) -> str:
    """The second sample depends on the first."""
    return str(await sample(f"{await sample(text)} again"))


@pytest.mark.parametrize("stateless", [False, True], ids=["stateful", "stateless"])
async def test_a_modern_call_needs_no_session(stateless: bool) -> None:
    rounds = Rounds()
    async with served(server_with(Sampling(), twice, rounds=rounds), stateless=stateless) as url:
        async with client_of(url, MODERN, Host(ScriptedModel.echo())) as client:
            assert text_of(await client.call_tool("twice", {"text": "hi"})) == "hi again"
    assert [len(keys) for keys in rounds.asked] == [1, 1]


async def test_a_legacy_call_rides_on_its_own_stream() -> None:
    async with served(server_with(Sampling(), twice)) as url:
        async with client_of(url, "legacy", Host(ScriptedModel.echo())) as client:
            with anyio.fail_after(20):
                assert text_of(await client.call_tool("twice", {"text": "hi"})) == "hi again"


async def test_a_form_without_a_related_request_does_not_hang_on_legacy_http() -> None:
    async def body(ctx: Context) -> str:
        form = await ctx.session.elicit_form("name?", {"type": "object", "properties": {"name": {"type": "string"}}})
        return str(form.content)

    async def elicit(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ann"})

    async with served(server_with(Sampling(), body)) as url:
        async with client_of(url, "legacy", elicitation_callback=elicit) as client:
            with anyio.fail_after(20):
                assert text_of(await client.call_tool("body", {})) == "{'name': 'Ann'}"


async def test_a_legacy_stateless_client_cannot_be_asked_and_is_told_why() -> None:
    async with served(server_with(Sampling(), twice), stateless=True) as url:
        async with client_of(url, "legacy", Host(ScriptedModel("never"))) as client:
            result = await client.call_tool("twice", {"text": "hi"})
    assert result.is_error
    assert "Sampling(fallback=...)" in text_of(result)


async def test_a_legacy_stateless_client_is_served_by_the_fallback() -> None:
    sampling = Sampling(fallback=ScriptedModel.echo())
    async with served(server_with(sampling, twice), stateless=True) as url:
        async with client_of(url, "legacy", Host(ScriptedModel("never"))) as client:
            assert text_of(await client.call_tool("twice", {"text": "hi"})) == "hi again"


async def test_the_lack_of_a_capability_is_http_400() -> None:
    async with served(server_with(Sampling(), twice)) as url, httpx.AsyncClient() as web:
        response = await web.post(url, json=_call("twice", {"text": "hi"}), headers=_headers("twice"))
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"sampling": {}}}


async def test_a_closed_stream_cancels_the_body() -> None:
    started, cleaned = asyncio.Event(), asyncio.Event()

    async def body() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()
        return "unreachable"

    async with served(server_with(Sampling(), body)) as url, httpx.AsyncClient() as web:
        call = asyncio.create_task(web.post(url, json=_call("body", {}), headers=_headers("body")))
        with anyio.fail_after(10):
            await started.wait()
            call.cancel()
            await cleaned.wait()


async def test_a_call_goes_on_over_another_connection() -> None:
    async with served(server_with(Sampling(), twice)) as url:
        async with client_of(url, MODERN, Host(ScriptedModel("never"))) as first:
            asked = await first.session.call_tool("twice", {"text": "hi"}, allow_input_required=True)
            assert isinstance(asked, types.InputRequiredResult)
        async with client_of(url, MODERN, Host(ScriptedModel.echo())) as second:
            (key,) = asked.input_requests or {}
            text = types.TextContent(type="text", text="one")
            given: Any = {key: types.CreateMessageResult(role="assistant", model="m", content=text)}
            result = await second.call_tool(
                "twice", {"text": "hi"}, input_responses=given, request_state=asked.request_state
            )
    assert text_of(result) == "one again"


async def test_fifty_calls_at_once_keep_their_answers_apart() -> None:
    async with served(server_with(Sampling(), twice)) as url:
        async with client_of(url, MODERN, Host(ScriptedModel.echo())) as client:
            results: dict[int, str] = {}

            async def one(number: int) -> None:
                results[number] = text_of(await client.call_tool("twice", {"text": f"{number}"}))

            async with anyio.create_task_group() as tasks:
                for number in range(50):
                    tasks.start_soon(one, number)
    assert results == {number: f"{number} again" for number in range(50)}


def _headers(name: str) -> dict[str, str]:
    return {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": name,
    }


def _call(name: str, arguments: dict[str, Any], capabilities: dict[str, Any] | None = None) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": capabilities or {},
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    }
    params = {"name": name, "arguments": arguments, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
