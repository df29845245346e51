"""A server for the tests of the command line: python tool_server.py [--http PORT] [--marks DIRECTORY]"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Literal

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

from upcall.server import Sampling, sample

options = ArgumentParser()
options.add_argument("--http", type=int)
options.add_argument("--marks", type=Path, default=Path())
given = options.parse_args()

mcp = MCPServer("bench", version="1.2", log_level="ERROR", middleware=[Sampling()])


@mcp.tool()
async def describe(
    title: str, price: float = 1.5, tags: list[str] | None = None, size: Literal["s", "m"] = "s"
) -> dict[str, Any]:
    """Describe a product.

    With its tags.
    """
    reply = await sample(
        f"Describe {title}",
        system="Be brief.",
        max_tokens=20,
        temperature=0.5,
        stop=["END"],
        preferences={"hints": [{"name": "claude"}], "intelligencePriority": 0.8},
    )
    return {"title": title, "price": price, "tags": tags, "size": size, "description": reply.text}


@mcp.tool()
async def twice(topic: str) -> str:
    """Sample, and sample again about the answer."""
    first = await sample(f"First {topic}", max_tokens=20)
    return (await sample(f"Then {first.text}", max_tokens=20)).text


@mcp.tool()
async def hostile(ctx: Context) -> str:
    """Send what would act on a terminal by every way there is."""
    print("stderr \x1b[31mred", file=sys.stderr)
    await ctx.report_progress(1, 3, "progress \x1b[2J")
    await ctx.log("info", "log \x1b[1A")
    await sample("prompt \x1b]0;pwned\x07 [bold]markup[/bold] \u202eturned", max_tokens=20)
    return "result \x1b[31mred\r [red]x[/red]"


@mcp.tool()
async def rude() -> str:
    """Fail."""
    raise ValueError("not today")


@mcp.tool()
async def die() -> str:
    """End the process in the middle of the call."""
    os._exit(7)


@mcp.tool()
async def slow() -> str:
    """Leave marks: the process's number at the start, and that the call was cancelled."""
    (given.marks / "started").write_text(str(os.getpid()))
    try:
        await anyio.sleep(300)
    except anyio.get_cancelled_exc_class():
        (given.marks / "cancelled").touch()
        raise
    return "too late"


@mcp.tool()
async def environment(names: list[str]) -> dict[str, str | None]:
    """Variables of the server's environment."""
    return {name: os.environ.get(name) for name in names}


if given.http is None:
    mcp.run("stdio")
else:
    mcp.run("streamable-http", port=given.http)
