"""mcp-use 1.x (Python), server and client, the last major with `ctx.sample`. Lives in an environment of its own.

Its client has no way to a server in the same process. Its telemetry is switched off (`Target.env`, and `worker`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.types import CreateMessageResult, SamplingMessage, TextContent
from mcp_use.client import MCPClient
from mcp_use.server import Context, MCPServer

from benchmarks.peers import ANSWER, LEGACY, MODEL, PROMPT, Call, Target, Unmeasurable

__all__ = ["WAYS", "asgi", "connect", "make", "serve_stdio"]

WAYS = {"ctx_sample": (LEGACY,), "plain": (LEGACY,)}


def make() -> MCPServer:
    """A server with all ways as tools."""
    server = MCPServer("bench")

    @server.tool()
    async def ctx_sample(text: str, ctx: Context) -> str:
        # Not the string form, which crashes.
        question = SamplingMessage(role="user", content=TextContent(type="text", text=PROMPT + text))
        return str((await ctx.sample([question], max_tokens=100)).content.text)

    @server.tool()
    async def plain(text: str) -> str:
        return ANSWER

    return server


async def serve_stdio(server: MCPServer) -> None:
    """See `benchmarks.peers.Peer`."""
    await server.run_stdio_async()


def asgi(server: MCPServer) -> Any:
    """See `benchmarks.peers.Peer`."""
    return server.streamable_http_app()


async def _answer(context: Any, params: Any) -> CreateMessageResult:
    content = TextContent(type="text", text=ANSWER)
    return CreateMessageResult(role="assistant", model=MODEL, content=content, stopReason="endTurn")


@asynccontextmanager
async def connect(target: Target, era: str) -> AsyncIterator[Call]:
    """See `benchmarks.peers.Peer`."""
    if target.server is not None:
        raise Unmeasurable("mcp-use's client cannot reach a server in its own process")
    program, *args = target.command
    place = {"url": target.url} if target.url else {"command": program, "args": args, "env": target.env}
    client = MCPClient({"mcpServers": {"bench": place}}, sampling_callback=_answer)
    session = await client.create_session("bench")
    try:
        arguments = {"text": "upcall"}

        async def call(tool: str) -> str:
            result = await session.call_tool(tool, arguments)
            return str(result.content[0].text)

        yield call
    finally:
        await client.close_all_sessions()
