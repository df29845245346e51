# mypy: ignore-errors
"""A server of the official SDK's version 1: ``python mcp1.py stdio|http``. On HTTP it prints its address.

It runs in an environment of its own, so it needs nothing but that SDK.
"""

from __future__ import annotations

import socket
import sys

import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent

server = FastMCP("mcp-1")


@server.tool()
async def plain(text: str) -> str:
    """Say it back."""
    return text


@server.tool()
async def ask(text: str, ctx: Context) -> str:
    """Ask the client's model."""
    question = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    reply = await ctx.session.create_message([question], max_tokens=100, related_request_id=ctx.request_id)
    return reply.content.text


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
            uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="critical")).run(sockets=[listener])
