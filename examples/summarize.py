"""Summaries: the tool of the sampling walkthrough, unchanged but for one line.

It shows that `ctx.session.create_message`, the form of every tutorial, works on each client again, those of protocol
2026-07-28 included, once the server has `Sampling`. Its second tool asks twice, and the second question depends on the
first answer.

    python examples/summarize.py            # stdio
    python examples/summarize.py --http     # http://localhost:8000/mcp
"""

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import SamplingMessage, TextContent

from _serve import serve
from upcall.server import Sampling

mcp = MCPServer("summarize", middleware=[Sampling()])  # the one line


@mcp.tool()
async def summarize(text_to_summarize: str, ctx: Context) -> str:
    """Summarize a text."""
    return await ask(ctx, f"Please summarize the following text:\n\n{text_to_summarize}", max_tokens=4000)


@mcp.tool()
async def headline(text: str, ctx: Context) -> str:
    """Find a headline for a text, by way of a summary."""
    summary = await ask(ctx, f"Please summarize the following text:\n\n{text}", max_tokens=4000)
    title = await ask(ctx, f"Write a headline for this summary, in at most eight words:\n\n{summary}", max_tokens=50)
    return f"# {title}\n\n{summary}"


async def ask(ctx: Context, prompt: str, max_tokens: int) -> str:
    """Ask the client's model one question."""
    result = await ctx.session.create_message(
        messages=[SamplingMessage(role="user", content=TextContent(type="text", text=prompt))],
        max_tokens=max_tokens,
        system_prompt="You are a helpful research assistant.",
    )
    if isinstance(result.content, TextContent):
        return result.content.text
    raise ValueError(f"The model answered with {result.content.type} where a text was asked for.")


if __name__ == "__main__":
    serve(mcp, __doc__)
