"""A server whose tools sample mid-way: ``python -m tests.interop.server [--http]``; standard input and output else."""

from __future__ import annotations

import asyncio
import sys

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer

from tests.conformance.serving import serve
from upcall.server import Sampling, sample


def build() -> MCPServer:
    """The server. Each tool says how often its body was started for the call."""
    server = MCPServer("interop", middleware=[Sampling()])
    runs: dict[str, int] = {}

    def started(call: str) -> int:
        runs[call] = runs.get(call, 0) + 1
        return runs[call]

    @server.tool()
    async def archive(call: str, lines: list[str], ctx: Context) -> str:
        """Explain each error, all at once; then sum up, in the SDK's own words."""
        run = started(call)
        errors = [line for line in lines if "ERROR" in line]
        reasons = await asyncio.gather(*(sample(f"Explain {line}", max_tokens=50) for line in errors))
        question = types.TextContent(text="Sum up: " + "; ".join(map(str, reasons)))
        summary = await ctx.session.create_message(
            [types.SamplingMessage(role="user", content=question)], max_tokens=100
        )
        assert isinstance(summary.content, types.TextContent)
        return f"run {run}: {summary.content.text}"

    @server.tool()
    async def weigh(call: str, amounts: list[int]) -> str:
        """Let the client's model use a tool of the server's."""
        run = started(call)

        def add(numbers: list[int]) -> int:
            """Add numbers."""
            return sum(numbers)

        return f"run {run}: {await sample(f'Add {amounts}', max_tokens=100, tools=[add])}"

    return server


if __name__ == "__main__":
    if "--http" in sys.argv:
        serve(build().streamable_http_app())
    else:
        build().run()
