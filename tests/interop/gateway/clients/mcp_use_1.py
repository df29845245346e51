# mypy: ignore-errors
"""Calls one tool with mcp-use's client, and prints the result as JSON. Arguments as python.py's; ERA is legacy."""

import asyncio
import json
import os
import sys

from mcp_use.client import MCPClient


async def main(era: str, tool: str, arguments: str, place: str, *args: str) -> None:
    server = {"url": place} if place.startswith("http") else {"command": place, "args": args, "env": dict(os.environ)}
    client = MCPClient({"mcpServers": {"server": server}})
    session = await client.create_session("server")
    try:
        result = await session.call_tool(tool, json.loads(arguments))
    finally:
        await client.close_all_sessions()
    print(result.model_dump_json(by_alias=True, exclude_none=True))


asyncio.run(main(*sys.argv[1:]))
