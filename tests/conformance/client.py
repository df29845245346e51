"""The client that the conformance suite starts: ``python -m tests.conformance.client URL``.

It calls every tool of the server at ``URL`` once, and answers whatever it is asked meanwhile.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.context import ClientRequestContext
from pydantic import ValidationError

from tests.conformance.scenarios import MODERN
from upcall.host import Host
from upcall.testing import ScriptedModel


async def confirm(
    context: ClientRequestContext, params: types.ElicitRequestParams
) -> types.ElicitResult | types.ErrorData:
    """Accept every form."""
    return types.ElicitResult(action="accept", content={"confirmed": True})


async def list_roots(context: ClientRequestContext) -> types.ListRootsResult | types.ErrorData:
    """There are none."""
    return types.ListRootsResult(roots=[])


async def main() -> None:
    """Talk to the server in the revision that the suite asks for."""
    modern = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"] == MODERN
    async with (
        Host(ScriptedModel.echo()) as host,
        Client(
            sys.argv[-1],
            mode="auto" if modern else "legacy",
            elicitation_callback=confirm,
            list_roots_callback=list_roots,
            **host.for_client("conformance"),
        ) as client,
    ):
        for tool in (await client.list_tools()).tools:
            # mcp 2.3's client refuses a modern result without `resultType`. What the suite wants to see of one is
            # that it ends the call, and a refusal does.
            with suppress(ValidationError) if tool.name == "test_mrtr_no_result_type" else nullcontext():
                await client.call_tool(tool.name, dict.fromkeys(tool.input_schema.get("required", []), 1))


if __name__ == "__main__":
    anyio.run(main)
