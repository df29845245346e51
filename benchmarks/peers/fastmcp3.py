"""FastMCP 3, server and client, the last major with `ctx.sample`. Lives in an environment of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import Client, Context, FastMCP
from fastmcp.client.transports import StdioTransport

from benchmarks.peers import ANSWER, LEGACY, PROMPT, Call, Target

__all__ = ["WAYS", "asgi", "connect", "make", "serve_stdio"]

WAYS = {"ctx_sample": (LEGACY,), "plain": (LEGACY,)}


def make() -> FastMCP:
    """A server with all ways as tools."""
    server = FastMCP("bench")

    @server.tool
    async def ctx_sample(text: str, ctx: Context) -> str:
        return (await ctx.sample(PROMPT + text, max_tokens=100)).text or ""

    @server.tool
    async def plain(text: str) -> str:
        return ANSWER

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
    async with Client(place, sampling_handler=_answer) as client:
        arguments = {"text": "upcall"}

        async def call(tool: str) -> str:
            result = await client.call_tool(tool, arguments)
            return str(result.content[0].text)

        yield call
