"""upcall on the official SDK's server, called by the official SDK's client."""

from __future__ import annotations

from mcp.server.mcpserver import Context, MCPServer

from benchmarks.peers import LEGACY, MODERN, PROMPT
from benchmarks.peers.mcp2 import add_plain, asgi, connect, messages, serve_stdio, text_of
from upcall.server import Sampling
from upcall.server import sample as ask

__all__ = ["WAYS", "asgi", "connect", "make", "serve_stdio"]

WAYS = {
    "create_message": (LEGACY, MODERN),
    "sample": (LEGACY, MODERN),
    "plain": (LEGACY, MODERN),
}


def make() -> MCPServer:
    """The server of `benchmarks.peers.mcp2`, with `Sampling` in front of it."""
    server = MCPServer("bench", middleware=[Sampling()])

    @server.tool()
    async def create_message(text: str, ctx: Context) -> str:
        return text_of(await ctx.session.create_message(messages(text), max_tokens=100))

    @server.tool()
    async def sample(text: str) -> str:
        return str(await ask(PROMPT + text, max_tokens=100))

    add_plain(server)
    return server
