"""The walkthrough's client: sampling answered by Anthropic's API.

It shows that one argument makes a client sample: `host.callback` takes MCP's messages to the provider's and the
answer back. The server is summarize.py, started over stdio, or the one at a URL.

    export ANTHROPIC_API_KEY=...
    python examples/clients/anthropic_client.py
    python examples/clients/anthropic_client.py http://localhost:8000/mcp --model openai/gpt-5.4-mini
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import TextContent

from upcall.host import Host
from upcall.models import why_unusable

SERVER = Path(__file__).parents[1] / "summarize.py"

TEXT = """Sampling lets a server of the Model Context Protocol borrow the language model of its client. The server sends
its messages, the client shows them to a person, runs them through a model and answers. So the server needs no key, and
the person stays in control of what the model sees and what it costs."""


async def main(url: str | None, model: str) -> None:
    """Have a text summarized."""
    server = url or StdioServerParameters(command=sys.executable, args=[str(SERVER)])
    async with Host(model) as host, Client(server, sampling_callback=host.callback) as client:
        result = await client.call_tool("summarize", {"text_to_summarize": TEXT})
    for block in result.content:
        if isinstance(block, TextContent):
            print(block.text)


if __name__ == "__main__":
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("url", nargs="?", help="the server's address; starts summarize.py when left out")
    options.add_argument("--model", default="anthropic/claude-sonnet-5", help="who answers (%(default)s)")
    given = options.parse_args()
    if trouble := why_unusable(given.model):
        options.error(trouble)
    anyio.run(main, given.url, given.model)
