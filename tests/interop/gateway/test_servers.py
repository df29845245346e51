"""Servers of every make sample behind the gateway, for the official client, which declares no sampling."""

from __future__ import annotations

import os
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters

from tests.interop.gateway.places import ANSWER, ENVIRONMENT, FORMS, SERVERS, Desk, Place

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

_CASES = [(name, era) for name, make in SERVERS.items() for era in make.tools]


def connecting(place: Place, era: Any) -> Client:
    if place[0].startswith("http"):
        return Client(place[0], mode=era)
    return Client(StdioServerParameters(command=place[0], args=place[1:], env=os.environ | ENVIRONMENT), mode=era)


def text_of(result: types.CallToolResult) -> str:
    block = result.content[-1]
    assert isinstance(block, types.TextContent)
    assert not result.is_error, block.text
    return block.text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("server", "era"), _CASES)
async def test_its_tools_sample_for_a_client_that_cannot(table: Desk, server: str, era: str, form: str) -> None:
    make = SERVERS[server]
    async with connecting(await table.before(make, form), era) as client:
        for number, tool in enumerate(make.tools[era], 1):
            said = text_of(await client.call_tool(tool, {make.argument: f"Why blue? {tool}"}))
            assert ANSWER in said
            assert len(table.prompts) == number
            assert f"Why blue? {tool}" in table.prompts[-1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("server", "era"), _CASES)
async def test_what_does_not_sample_is_the_same_as_without_the_gateway(
    table: Desk, server: str, era: str, form: str
) -> None:
    make = SERVERS[server]
    direct = await table.server(make, http=form in ("proxied", "reached"))
    behind = await table.gateway(direct, http=form in ("hosted", "proxied"))
    seen = []
    for place in (direct, behind):
        async with connecting(place, era) as client:
            listed = (await client.list_tools()).tools
            plain = await client.call_tool(
                make.plain, {"message" if make.plain == "echo" else make.argument: "é \U0001f600"}
            )
            seen.append((client.server_info, client.server_capabilities, listed, plain))
    # The tool of server-everything that is there for clients that sample only.
    seen[1][2][:] = [tool for tool in seen[1][2] if tool.name != "trigger-sampling-request"]
    assert seen[0] == seen[1]
    assert table.prompts == []
