"""Two gateways in a row, and FastMCP's proxy before and behind one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conformance.npm import Programs
from tests.conformance.scenarios import MODERN
from tests.interop.gateway.callers import called
from tests.interop.gateway.places import ANSWER, FORMS, LEGACY, SERVERS, Desk, Place

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

_PROXY = [sys.executable, str(Path(__file__).parent / "servers" / "fastmcp4_proxy.py")]
_CASES = [(server, era) for server in ("typescript-1", "upcall-mcp-2") for era in SERVERS[server].tools]


async def asked(table: Desk, programs: Programs, place: Place, server: str, era: str) -> None:
    make = SERVERS[server]
    result = await called(programs, "python", era, place, make.tools[era][-1], {make.argument: "Why blue?"})
    assert not result.get("isError"), result
    assert ANSWER in result["content"][-1]["text"]
    (prompt,) = table.prompts
    assert "Why blue?" in prompt


@pytest.mark.parametrize("names", [("same", "same"), ("outer", "inner")], ids="-".join)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("server", "era"), _CASES)
async def test_of_two_gateways_one_answers_once(
    table: Desk, programs: Programs, server: str, era: str, form: str, names: tuple[str, str]
) -> None:
    inner = await table.before(SERVERS[server], form, "--name", names[1])
    outer = await table.gateway(inner, "--name", names[0], http=form in ("hosted", "proxied"))
    await asked(table, programs, outer, server, era)


async def proxied(table: Desk, place: Place, *, http: bool) -> Place:
    """FastMCP's proxy in front of what is at a place: started, or how to start it."""
    command = [*_PROXY, *place, "http" if http else "stdio"]
    return await table.listening(command, says="running on") if http else command


@pytest.mark.parametrize("http", [False, True], ids=["stdio", "http"])
@pytest.mark.parametrize(("server", "era"), _CASES)
async def test_fastmcps_proxy_may_stand_before_the_gateway(
    table: Desk, programs: Programs, server: str, era: str, http: bool
) -> None:
    # The proxy declares sampling whatever its client can, so that the gateway would leave it to the proxy.
    behind = await table.before(SERVERS[server], "proxied" if http else "pipes", "--answers", "gateway")
    await asked(table, programs, await proxied(table, behind, http=http), server, era)


@pytest.mark.parametrize(
    ("era", "http"),
    # On stdio not on earlier revisions: the proxy finds no way back to its client, with or without a gateway.
    [(MODERN, False), (LEGACY, True), (MODERN, True)],
)
async def test_fastmcps_proxy_may_stand_behind_the_gateway(
    table: Desk, programs: Programs, era: str, http: bool
) -> None:
    place = await table.server(SERVERS["upcall-mcp-2"], http=http)
    behind = await table.gateway(await proxied(table, place, http=http), http=http)
    await asked(table, programs, behind, "upcall-mcp-2", era)
