"""Servers that sample, hand-written for each era, and what the tests of the callbacks share."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types as types
from mcp import Client, MCPError
from mcp.server.mcpserver import Context, MCPServer

MODES = {"legacy": "2025-11-25", "auto": "2026-07-28"}
"""The client's ``mode``, and the protocol version that it leads to."""


def create_message(text: str = "Why?", **fields: Any) -> types.CreateMessageRequest:
    """A sampling request with one user message."""
    content = types.TextContent(text=text)
    fields.setdefault("messages", [types.SamplingMessage(role="user", content=content)])
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(**{"max_tokens": 50, **fields}))


def sampling_server(*requests: types.CreateMessageRequest) -> MCPServer:
    """A server whose tool ``ask`` puts ``requests`` to the client in the way of its era, and joins the answers.

    On legacy connections it sends plain requests, so that nothing on its side checks them first.
    """
    server = MCPServer("a name that the server gives itself")
    asked = requests or (create_message(),)

    @server.tool()
    async def ask(ctx: Context) -> str | types.InputRequiredResult:
        if ctx.session.can_send_request:
            try:
                replies = [await ctx.session.send_request(ask, types.CreateMessageResultWithTools) for ask in asked]
            except MCPError as error:
                return failure(error)
            return _joined(replies)
        if ctx.input_responses is None:
            return types.InputRequiredResult(input_requests={f"q{n}": request for n, request in enumerate(asked)})
        return _joined([ctx.input_responses[f"q{n}"] for n in range(len(asked))])

    return server


async def asked_by(client: Client) -> str:
    """What the tool ``ask`` returns, or the error that sampling ended in."""
    with anyio.fail_after(30):
        try:
            result = await client.call_tool("ask")
        except MCPError as error:  # modern: there is no slot for an error in inputResponses, so the call ends here
            return failure(error)
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


def failure(error: MCPError) -> str:
    """An error of the protocol as text: what the server, or the client's own call, was told."""
    return f"{error.code}: {error.message}"


def _joined(replies: list[Any]) -> str:
    contents = [reply.content if isinstance(reply.content, list) else [reply.content] for reply in replies]
    blocks = [block for content in contents for block in content]
    return "|".join(block.text if isinstance(block, types.TextContent) else block.type for block in blocks)
