"""Summaries on a FastMCP server: what `ctx.sample` was before FastMCP 4.

It shows `Sampling().attach(...)`, which takes servers of FastMCP 4.1 or newer as well as those of the SDK. Needs
`pip install "upcall[fastmcp]"`.

    python examples/fastmcp_summarize.py            # stdio
    python examples/fastmcp_summarize.py --http     # http://localhost:8000/mcp
"""

from fastmcp import FastMCP

from _serve import serve
from upcall.server import Sampling, sample

SYSTEM = "You are a helpful research assistant."

mcp = Sampling().attach(FastMCP("fastmcp-summarize"))


@mcp.tool
async def summarize(text_to_summarize: str) -> str:
    """Summarize a text."""
    prompt = f"Please summarize the following text:\n\n{text_to_summarize}"
    return str(await sample(prompt, system=SYSTEM, max_tokens=4000))


@mcp.tool
async def headline(text: str) -> str:
    """Find a headline for a text, by way of a summary."""
    summary = await sample(f"Please summarize the following text:\n\n{text}", system=SYSTEM, max_tokens=4000)
    # The conversation goes on where it was.
    title = await sample([*summary.history, "Now a headline for it, in at most eight words."], max_tokens=50)
    return f"# {title}\n\n{summary}"


if __name__ == "__main__":
    serve(mcp, __doc__)
