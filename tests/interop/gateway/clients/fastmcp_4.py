"""Calls one tool with FastMCP's client, version 4, and prints the result as JSON. Arguments as python.py's."""

import asyncio
import json
import os
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(era: str, tool: str, arguments: str, place: str, *args: str) -> None:
    is_url = place.startswith("http")
    server = place if is_url else StdioTransport(place, list(args), env=dict(os.environ), keep_alive=False)
    async with Client(server, mode=era) as client:
        result = await client.call_tool_mcp(tool, json.loads(arguments))
    print(result.model_dump_json(by_alias=True, exclude_none=True))


asyncio.run(main(*sys.argv[1:]))
