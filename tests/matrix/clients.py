"""Both clients, as one: the official SDK's and FastMCP's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, Protocol

import fastmcp
import mcp
import mcp_types as types
from fastmcp.client.transports import StdioTransport

from tests.matrix.cases import Case
from upcall.host import Host

__all__ = ["CLIENTS", "ERAS", "Connect", "Outcome", "Peer"]

ERAS = ("legacy", "2026-07-28")
"""Both clients take the same word for it: ``mode``."""


class Outcome(NamedTuple):
    """How a call ended: the text of its result, or of its error."""

    text: str
    failed: bool


class Peer(Protocol):
    """A connected client."""

    async def call(self, case: Case) -> Outcome:
        """Make the call; an error is an outcome, too."""
        ...


class Connect(Protocol):
    """Connects a client to a target, on an era, with a host for sampling or with none."""

    def __call__(self, target: Any, era: str, host: Host | None) -> AbstractAsyncContextManager[Peer]: ...


class _Peer:
    def __init__(self, client: Any, **tool_options: Any) -> None:
        self._client = client
        self._tool_options = tool_options

    async def call(self, case: Case) -> Outcome:
        try:
            return await self._call(case)
        except mcp.MCPError as error:
            return Outcome(error.error.message, True)

    async def _call(self, case: Case) -> Outcome:
        if case.kind == "prompt":
            prompt = await self._client.get_prompt(case.name, case.arguments)
            return Outcome(_joined([message.content for message in prompt.messages]), False)
        if case.kind == "resource":
            read = await self._client.read_resource(case.name)
            return Outcome(_joined(getattr(read, "contents", read)), False)
        result = await self._client.call_tool(case.name, case.arguments, **self._tool_options)
        return Outcome(_joined(result.content), bool(result.is_error))


@asynccontextmanager
async def _official(target: Any, era: str, host: Host | None) -> AsyncIterator[Peer]:
    # A FastMCP server in memory is reached by the SDK's server inside it.
    server = getattr(target, "_mcp_server", target)
    options: Any = host.for_client("example") if host else {}
    async with mcp.Client(server, mode=era, **options) as client:
        yield _Peer(client)


@asynccontextmanager
async def _fastmcp(target: Any, era: str, host: Host | None) -> AsyncIterator[Peer]:
    if isinstance(target, mcp.StdioServerParameters):
        target = StdioTransport(target.command, target.args, env=target.env, cwd=str(target.cwd), keep_alive=False)
    options: Any = host.for_fastmcp("example") if host else {}
    async with fastmcp.Client(target, mode=era, **options) as client:
        yield _Peer(client, raise_on_error=False)


CLIENTS: dict[str, Connect] = {"mcp": _official, "fastmcp": _fastmcp}


def _joined(blocks: Any) -> str:
    return "\n".join(
        block.text for block in blocks if isinstance(block, types.TextContent | types.TextResourceContents)
    )
