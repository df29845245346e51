"""The official SDK, mcp 2.x: its three ways to sample."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Resolve, Sample
from mcp.shared.exceptions import MCPDeprecationWarning

from benchmarks.peers import ANSWER, LEGACY, MODEL, MODERN, PROMPT, Call, Target

__all__ = ["WAYS", "add_plain", "asgi", "connect", "make", "messages", "serve_stdio", "text_of"]

# The warning is about the protocol feature under test.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)

WAYS = {
    "create_message": (LEGACY,),
    "resolve": (MODERN,),
    "by_hand": (MODERN,),
    "plain": (LEGACY, MODERN),
}


def messages(text: str) -> list[types.SamplingMessage]:
    """The question that every way asks."""
    return [types.SamplingMessage(role="user", content=types.TextContent(type="text", text=PROMPT + text))]


def text_of(result: Any) -> str:
    """The text of a model's answer."""
    assert isinstance(result.content, types.TextContent)
    return result.content.text


def asked(text: str) -> Sample:
    """What the resolver of `resolve` asks."""
    return Sample(messages(text), max_tokens=100)


def make() -> MCPServer:
    """A server with all ways as tools."""
    server = MCPServer("bench")

    @server.tool()
    async def create_message(text: str, ctx: Context) -> str:
        return text_of(await ctx.session.create_message(messages(text), max_tokens=100))

    @server.tool()
    async def resolve(text: str, answer: Annotated[types.CreateMessageResult, Resolve(asked)]) -> str:
        return text_of(answer)

    @server.tool()
    async def by_hand(text: str, ctx: Context) -> str | types.InputRequiredResult:
        if not ctx.input_responses:
            params = types.CreateMessageRequestParams(messages=messages(text), max_tokens=100)
            return types.InputRequiredResult(input_requests={"ask": types.CreateMessageRequest(params=params)})
        return text_of(ctx.input_responses["ask"])

    add_plain(server)
    return server


def add_plain(server: Any) -> None:
    """A tool that asks nothing."""

    @server.tool()
    async def plain(text: str) -> str:
        return ANSWER


async def serve_stdio(server: MCPServer) -> None:
    """See `benchmarks.peers.Peer`."""
    await server.run_stdio_async()


def asgi(server: MCPServer) -> Any:
    """See `benchmarks.peers.Peer`."""
    return server.streamable_http_app()


async def _answer(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text=ANSWER)
    return types.CreateMessageResult(role="assistant", model=MODEL, content=content, stop_reason="endTurn")


@asynccontextmanager
async def connect(target: Target, era: str) -> AsyncIterator[Call]:
    """See `benchmarks.peers.Peer`."""
    place: Any = target.server or target.url
    if not place:
        program, *args = target.command
        place = StdioServerParameters(command=program, args=args, env=target.env)
    async with Client(place, mode=era, sampling_callback=_answer) as client:
        arguments = {"text": "upcall"}

        async def call(tool: str) -> str:
            result = await client.call_tool(tool, arguments)
            block = result.content[0]
            return block.text if isinstance(block, types.TextContent) else ""

        yield call
