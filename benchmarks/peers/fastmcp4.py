"""FastMCP 4, server and client: `ctx.sample` is gone, so the session's method, or the answer made by hand."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
from fastmcp import Client, Context, FastMCP
from fastmcp.client.transports import StdioTransport
from mcp.shared.exceptions import MCPDeprecationWarning

from benchmarks.peers import ANSWER, LEGACY, MODERN, Call, Target
from benchmarks.peers.mcp2 import add_plain, messages, text_of

__all__ = ["WAYS", "asgi", "connect", "make", "serve_stdio"]

warnings.filterwarnings("ignore", category=MCPDeprecationWarning)

WAYS = {"create_message": (LEGACY,), "by_hand": (MODERN,), "plain": (LEGACY, MODERN)}


def make() -> FastMCP:
    """A server with all ways as tools."""
    server = FastMCP("bench")

    @server.tool
    async def create_message(text: str, ctx: Context) -> str:
        return text_of(await ctx.session.create_message(messages(text), max_tokens=100))

    @server.tool
    async def by_hand(text: str, ctx: Context) -> str | types.InputRequiredResult:
        if not ctx.input_responses:
            params = types.CreateMessageRequestParams(messages=messages(text), max_tokens=100)
            return types.InputRequiredResult(input_requests={"ask": types.CreateMessageRequest(params=params)})
        return text_of(ctx.input_responses["ask"])

    add_plain(server)
    return server


async def serve_stdio(server: FastMCP) -> None:
    """See `benchmarks.peers.Peer`."""
    await server.run_stdio_async(show_banner=False)


def asgi(server: FastMCP) -> Any:
    """See `benchmarks.peers.Peer`."""
    return server.http_app(path="/mcp")


async def _answer(messages: Any, params: Any, context: Any) -> str:
    return ANSWER


@asynccontextmanager
async def connect(target: Target, era: str) -> AsyncIterator[Call]:
    """See `benchmarks.peers.Peer`."""
    place: Any = target.server or target.url
    if not place:
        program, *args = target.command
        place = StdioTransport(program, args, env=target.env, keep_alive=False)
    async with Client(place, mode=era, sampling_handler=_answer) as client:
        arguments = {"text": "upcall"}

        async def call(tool: str) -> str:
            result = await client.call_tool(tool, arguments)
            block = result.content[0]
            return block.text if isinstance(block, types.TextContent) else ""

        yield call
