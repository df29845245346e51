"""A client of FastMCP 4 that samples, tools included.

It shows `host.for_fastmcp`: the handler, and the capability that a server needs for tools and for answers of a type.
The server is sentiment.py, started over stdio, or the one at a URL. Needs `pip install "upcall[fastmcp]"`.

    python examples/clients/fastmcp_client.py
    python examples/clients/fastmcp_client.py http://localhost:8000/mcp --model anthropic/claude-sonnet-5
"""

import os
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import anyio
from fastmcp import Client
from mcp_types import TextContent

from upcall.host import Host
from upcall.models import why_unusable

SERVER = Path(__file__).parents[1] / "sentiment.py"

REVIEW = "The room was spotless, breakfast was wonderful, and everyone was kind. We will be back!"


async def main(url: str | None, model: str) -> None:
    """Have a review judged."""
    host = Host(model)
    async with host, Client(url or SERVER, **host.for_fastmcp("sentiment")) as client:
        result = await client.call_tool("sentiment", {"text": REVIEW})
    for block in result.content:
        if isinstance(block, TextContent):
            print(f"{REVIEW}\n{block.text}")


if __name__ == "__main__":
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("url", nargs="?", help="the server's address; starts sentiment.py when left out")
    options.add_argument(
        "--model", default=os.environ.get("UPCALL_MODEL") or "local/smollm2", help="who answers (%(default)s)"
    )
    given = options.parse_args()
    if trouble := why_unusable(given.model):
        options.error(trouble)
    anyio.run(main, given.url, given.model)
