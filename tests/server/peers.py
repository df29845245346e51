"""Both ends for the tests of this room: real servers, real clients, in memory, on either era."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer

from upcall.host import Host
from upcall.server import Sampling

ERAS = ("legacy", "2026-07-28")
MODERN = ERAS[1]


def user(text: str) -> types.SamplingMessage:
    """One user message of the SDK's."""
    return types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))


def text_of(result: types.CallToolResult) -> str:
    """The text of a tool's result."""
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


def said(result: types.CreateMessageResult) -> str:
    """The text of a model's answer."""
    assert isinstance(result.content, types.TextContent)
    return result.content.text


class Rounds:
    """Outermost middleware that counts requests and remembers how each was answered."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method in ("tools/call", "prompts/get", "resources/read") and isinstance(result, dict):
            self.results.append(result)
        return result

    @property
    def asked(self) -> list[list[str]]:
        """The keys asked for in each round."""
        return [sorted(result["inputRequests"]) for result in self.results if "inputRequests" in result]


def server_with(sampling: Sampling, *bodies: Callable[..., Any], rounds: Rounds | None = None) -> MCPServer:
    """An ``MCPServer`` whose tools are ``bodies``."""
    server = MCPServer("bench", middleware=[rounds, sampling] if rounds else [sampling])
    for body in bodies:
        server.tool()(body)
    return server


@asynccontextmanager
async def client_of(
    server: Any, era: str, answer: Callable[..., str | Awaitable[str]] | Host | Any | None = None, **options: Any
) -> AsyncIterator[Client]:
    """The official client, answering sampling by ``answer``; one that cannot sample when there is none."""
    if answer is not None:
        host = answer if isinstance(answer, Host) else Host(answer)
        options = {**host.for_client("bench"), **options}
    async with Client(server, mode=era, **options) as client:
        yield client
