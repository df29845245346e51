"""Clients of every make, which declare no sampling, call servers that need it, behind the gateway."""

from __future__ import annotations

import pytest

from tests.conformance.npm import Programs
from tests.interop.gateway.callers import CALLERS, CallFailed, called
from tests.interop.gateway.places import ANSWER, FORMS, SERVERS, Desk

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

_CASES = [
    (caller, era, server)
    for caller, make in CALLERS.items()
    for era in make.eras
    for server in ("server-everything", "typescript-2", "upcall-mcp-2")
    if era in SERVERS[server].tools
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("caller", "era", "server"), _CASES)
async def test_it_gets_what_the_model_said(
    table: Desk, programs: Programs, caller: str, era: str, server: str, form: str
) -> None:
    make = SERVERS[server]
    place = await table.before(make, form)
    result = await called(programs, caller, era, place, make.tools[era][-1], {make.argument: "Why blue?"})
    assert not result.get("isError"), result
    assert ANSWER in result["content"][-1]["text"]
    (prompt,) = table.prompts
    assert "Why blue?" in prompt


@pytest.mark.parametrize(("caller", "era"), [(caller, era) for caller, make in CALLERS.items() for era in make.eras])
async def test_without_the_gateway_it_cannot(table: Desk, programs: Programs, caller: str, era: str) -> None:
    make = SERVERS["mcp-2"]
    place = await table.server(make, http=False)
    tool = make.tools[era][-1]
    try:
        result = await called(programs, caller, era, place, tool, {make.argument: "Why blue?"})
        said = result["content"][0]["text"] if result["isError"] else ""
    except CallFailed as error:
        said = str(error)
    # The SDK's server says that its client cannot sample; TypeScript clients, which it asks all the same, know no such
    # method (-32601).
    assert "ampling" in said or "-32601" in said
