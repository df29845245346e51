"""A server for these tests, on its pipes or over HTTP: tools that answer, report, ask, and hang.

python -m tests.gateway.mixed.server [--http PORT]
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import SamplingMessage, TextContent
from pydantic import BaseModel, Field

from upcall.server import Sampling


class Colour(BaseModel):
    colour: str


async def add(a: int, b: Annotated[int, Field(json_schema_extra={"x-mcp-header": "B"})]) -> int:
    return a + b


async def pid() -> int:
    return os.getpid()


async def steps(count: int, ctx: Context) -> str:
    """Report progress, step by step."""
    for step in range(count):
        await ctx.report_progress(step + 1, count)
    return "done"


async def ask(question: str, ctx: Context) -> str:
    """Ask the model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=question))
    result = await ctx.session.create_message([message], max_tokens=20)
    assert isinstance(result.content, TextContent)
    return result.content.text


async def both(question: str, ctx: Context) -> str:
    """Ask the model and the person at once."""

    async def person() -> str:
        got = await ctx.elicit("Which colour?", Colour)
        return got.data.colour if got.action == "accept" else got.action

    answer, colour = await asyncio.gather(ask(question, ctx), person())
    return f"{answer} {colour}"


async def hang(file: str, ctx: Context) -> str:
    """Wait for ever, and say in the file what becomes of it."""
    path = anyio.Path(file)
    await path.write_text("running")
    try:
        await anyio.sleep_forever()
    except BaseException:
        with anyio.CancelScope(shield=True):
            await path.write_text("cancelled")
        raise
    return ""


async def die() -> str:
    os._exit(3)


def server() -> MCPServer:
    mcp = MCPServer("mixed", middleware=[Sampling()])
    for tool in (add, pid, steps, ask, both, hang, die):
        mcp.tool()(tool)
    return mcp


if __name__ == "__main__":
    if "--http" in sys.argv:
        server().run("streamable-http", port=int(sys.argv[sys.argv.index("--http") + 1]))
    else:
        server().run("stdio")
