"""upcall attached to a FastMCP 4 server, called by FastMCP's client."""

from __future__ import annotations

from fastmcp import Context, FastMCP

from benchmarks.peers import LEGACY, MODERN, PROMPT
from benchmarks.peers.fastmcp4 import asgi, connect, serve_stdio
from benchmarks.peers.mcp2 import add_plain, messages, text_of
from upcall.server import Sampling
from upcall.server import sample as ask

__all__ = ["WAYS", "asgi", "connect", "make", "serve_stdio"]

WAYS = {
    "create_message": (LEGACY, MODERN),
    "sample": (LEGACY, MODERN),
    "plain": (LEGACY, MODERN),
}


def make() -> FastMCP:
    """The server of `benchmarks.peers.fastmcp4`, with `Sampling` in front of it."""
    server = Sampling().attach(FastMCP("bench"))

    @server.tool
    async def create_message(text: str, ctx: Context) -> str:
        return text_of(await ctx.session.create_message(messages(text), max_tokens=100))

    @server.tool
    async def sample(text: str) -> str:
        return str(await ask(PROMPT + text, max_tokens=100))

    add_plain(server)
    return server
