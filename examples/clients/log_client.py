"""The log archiver's client: shows what the server asks and what the model says.

It shows the record that a `Host` writes of each request. The model is the embedded one, which needs no key; choose
another with --model or UPCALL_MODEL. The server is log_archiver.py, started over stdio, or the one at a URL.

    python examples/clients/log_client.py
    python examples/log_archiver.py --http &
    python examples/clients/log_client.py http://localhost:8000/mcp --model anthropic/claude-sonnet-5
"""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import TextContent

from upcall.host import Entry, Host
from upcall.models import why_unusable

SERVER = Path(__file__).parents[1] / "log_archiver.py"

LOG_LINE = (
    "2026-03-14 09:26:53 UTC [4182] ERROR:  deadlock detected DETAIL:  Process 4182 waits for ShareLock on "
    "transaction 91823; blocked by process 4190. Process 4190 waits for ShareLock on transaction 91820; blocked by "
    "process 4182."
)


def show(entry: Entry) -> None:
    """Print one sampling request and its answer."""
    for message in entry.request.messages if entry.request else []:
        print(f"The server asks: {message.text}\n")
    if entry.result:
        print(f"{entry.model_used} says: {entry.result.text}\n")
    if entry.fault:
        print(f"There is no answer: {entry.fault.message} {entry.fault.detail}\n")


async def main(url: str | None, model: str) -> None:
    """Have a log line archived."""
    server = url or StdioServerParameters(command=sys.executable, args=[str(SERVER)])
    host = Host(model, on_record=show)
    async with host, Client(server, sampling_callback=host.callback) as client:
        try:
            result = await client.call_tool("process_log_entry", {"log_line": LOG_LINE})
        except MCPError as error:
            print(f"The tool was given up: {error}")
            return
    for block in result.content:
        if isinstance(block, TextContent):
            print(f"The tool returns: {block.text}")


if __name__ == "__main__":
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("url", nargs="?", help="the server's address; starts log_archiver.py when left out")
    options.add_argument(
        "--model", default=os.environ.get("UPCALL_MODEL") or "local/smollm2", help="who answers (%(default)s)"
    )
    given = options.parse_args()
    if trouble := why_unusable(given.model):
        options.error(trouble)
    anyio.run(main, given.url, given.model)
