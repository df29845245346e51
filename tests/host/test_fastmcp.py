"""The same through FastMCP's client, whose own wrapper would turn any exception into text for the server."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types as types
import pytest
from fastmcp import Client, Context, FastMCP
from mcp import MCPError

from tests.host.servers import MODES, create_message, failure
from upcall.errors import SamplingRefused
from upcall.host import Entry, Host

pytestmark = pytest.mark.anyio

TOOL = types.Tool(name="look", input_schema={"type": "object"})

both_eras = pytest.mark.parametrize("mode", list(MODES))


def _server(request: types.CreateMessageRequest) -> FastMCP:
    server = FastMCP("a name that the server gives itself")

    @server.tool
    async def ask(ctx: Context) -> str | types.InputRequiredResult:
        if ctx.session.can_send_request:
            try:
                return _text(await ctx.session.send_request(request, types.CreateMessageResult))
            except MCPError as error:
                return failure(error)
        if ctx.input_responses is None:
            return types.InputRequiredResult(input_requests={"q": request})
        return _text(ctx.input_responses["q"])

    return server


def _text(reply: types.InputResponse) -> str:
    assert isinstance(reply, (types.CreateMessageResult, types.CreateMessageResultWithTools))
    assert isinstance(reply.content, types.TextContent)
    return reply.content.text


async def _ask(client: Client[Any]) -> str:
    with anyio.fail_after(30):
        try:
            return str((await client.call_tool("ask")).data)
        except MCPError as error:
            return failure(error)


@both_eras
async def test_a_tool_gets_its_answer(mode: str) -> None:
    entries: list[Entry] = []
    host = Host(lambda messages, params, context: f"{context.server} {context.version}", on_record=entries.append)
    async with Client(_server(create_message()), mode=mode, **host.for_fastmcp("logs")) as client:
        assert await _ask(client) == f"logs {MODES[mode]}"
    assert [entry.outcome for entry in entries] == ["answered"]


@both_eras
async def test_a_refusal_keeps_its_code(mode: str) -> None:
    def refuse(messages: object) -> str:
        raise SamplingRefused("The user rejected the request.")

    host = Host(refuse)
    async with Client(_server(create_message()), mode=mode, sampling_handler=host.fastmcp_handler) as client:
        assert await _ask(client) == "-1: The user rejected the request."


@both_eras
async def test_tools_are_refused_unless_declared(mode: str) -> None:
    host = Host(lambda messages: "ok")
    server = _server(create_message(tools=[TOOL]))
    async with Client(server, mode=mode, sampling_handler=host.fastmcp_handler) as client:
        assert (await _ask(client)).startswith("-32602: The request carries tools")
    async with Client(server, mode=mode, **host.for_fastmcp()) as client:
        assert await _ask(client) == "ok"


@both_eras
async def test_the_text_of_an_exception_never_reaches_the_server(mode: str) -> None:
    def fail(messages: object) -> str:
        raise RuntimeError("secret sk-123")

    host = Host(fail)
    async with Client(_server(create_message()), mode=mode, **host.for_fastmcp()) as client:
        assert await _ask(client) == "-32603: The model failed."
