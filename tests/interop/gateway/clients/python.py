"""Calls one tool with the official client, which declares no sampling, and prints the result as JSON.

python python.py ERA TOOL ARGUMENTS URL
python python.py ERA TOOL ARGUMENTS COMMAND [ARGS]...      such as: upcall gateway -- python server.py
"""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters


async def main(era: str, tool: str, arguments: str, place: str, *args: str) -> None:
    is_url = place.startswith("http")
    server = place if is_url else StdioServerParameters(command=place, args=list(args), env=dict(os.environ))
    async with Client(server, mode=era) as client:
        result = await client.call_tool(tool, json.loads(arguments))
    print(result.model_dump_json(by_alias=True, exclude_none=True))


asyncio.run(main(*sys.argv[1:]))
