"""A client whose sampling is a plain function.

It shows what a handler is told and what it may give back. This one turns the whole conversation into one prompt, the
simplest thing that works with a model that knows no roles; then it answers without any model at all.

    python examples/clients/handler_client.py
    python examples/clients/handler_client.py http://localhost:8000/mcp     # python examples/summarize.py --http
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import TextContent

from upcall.host import Host, SamplingContext
from upcall.wire import SamplingMessage, SamplingRequest

SERVER = Path(__file__).parents[1] / "summarize.py"


async def answer(messages: list[SamplingMessage], params: SamplingRequest, context: SamplingContext) -> str:
    """Answer one sampling request. A sync function does as well; so does one that takes the messages only."""
    prompt = "\n".join([f"system: {params.system_prompt}", *(f"{turn.role}: {turn.text}" for turn in messages)])
    print(f"Request {context.request_id} of {context.server}, at most {params.max_tokens} tokens:\n{prompt}\n")
    return f"It is about {prompt.split()[-1]}"  # the place for a call of your model


async def main(url: str | None) -> None:
    """Have a text summarized."""
    server = url or StdioServerParameters(command=sys.executable, args=[str(SERVER)])
    async with Client(server, **Host(answer).for_client("summarizer")) as client:
        result = await client.call_tool("headline", {"text": "In spring the boats of the harbour are painted blue."})
    for block in result.content:
        if isinstance(block, TextContent):
            print(block.text)


if __name__ == "__main__":
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("url", nargs="?", help="the server's address; starts summarize.py when left out")
    anyio.run(main, options.parse_args().url)
