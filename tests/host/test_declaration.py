"""What a client with a host declares, as a server sees it in both eras."""

from __future__ import annotations

import mcp_types as types
import pytest
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer

from tests.host.servers import MODES, create_message, sampling_server
from upcall.host import Host
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize(("tools", "declared"), [(True, {"tools": {}}), (False, {})])
async def test_sampling_is_declared_with_the_tools_that_the_host_takes(
    mode: str, tools: bool, declared: dict[str, object]
) -> None:
    seen: list[types.ClientCapabilities | None] = []
    server = MCPServer("curious")

    @server.tool()
    async def look(ctx: Context) -> str:
        seen.append(ctx.session.client_capabilities)
        return "seen"

    async with Client(server, mode=mode, **Host(ScriptedModel("never"), tools=tools).for_client()) as client:
        await client.call_tool("look")
        await client.call_tool("look")
    for capabilities in seen:
        assert capabilities is not None
        assert capabilities.sampling is not None
        # Context is never declared: no server may hope for what others said.
        assert capabilities.sampling.model_dump(exclude_none=True) == declared
    assert len(seen) == 2


@pytest.mark.parametrize("mode", list(MODES))
async def test_nothing_of_one_request_is_in_the_next(mode: str) -> None:
    model = ScriptedModel("one", "two")
    host = Host(model)
    for name in ("first", "second"):
        server = sampling_server(create_message(f"secret of {name}"))
        async with Client(server, mode=mode, **host.for_client(name)) as client:
            await client.call_tool("ask")
    first, second = model.requests
    assert [message.text for message in first.messages] == ["secret of first"]
    assert [message.text for message in second.messages] == ["secret of second"]
