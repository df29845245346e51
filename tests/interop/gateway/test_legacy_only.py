"""Clients that speak both eras, before a server that speaks both and asks in the older way alone."""

from __future__ import annotations

import pytest

from tests.conformance.npm import Programs
from tests.conformance.scenarios import MODERN
from tests.interop.gateway.callers import AUTO, CALLERS, CallFailed, called
from tests.interop.gateway.places import ANSWER, FORMS, SERVERS, Desk

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

_MAKE = SERVERS["mcp-2"]
_TOOL = "create_message"
_ARGUMENTS = {_MAKE.argument: "Why blue?"}
_BOTH = [caller for caller, make in CALLERS.items() if MODERN in make.eras]

each = pytest.mark.parametrize(("caller", "form"), [(caller, form) for caller in _BOTH for form in FORMS])


@each
async def test_left_to_themselves_they_agree_on_an_era_in_which_it_cannot_ask(
    table: Desk, programs: Programs, caller: str, form: str
) -> None:
    place = await table.before(_MAKE, form)
    with pytest.raises(CallFailed, match="no back-channel"):
        await called(programs, caller, AUTO, place, _TOOL, _ARGUMENTS)
    assert table.prompts == []


@each
async def test_held_at_the_older_protocol_the_client_falls_back_and_it_gets_what_the_model_said(
    table: Desk, programs: Programs, caller: str, form: str
) -> None:
    place = await table.before(_MAKE, form, "--protocol", "legacy")
    result = await called(programs, caller, AUTO, place, _TOOL, _ARGUMENTS)
    assert not result.get("isError"), result
    assert ANSWER in result["content"][0]["text"]
    (prompt,) = table.prompts
    assert "Why blue?" in prompt


@each
async def test_a_client_that_insists_on_the_newer_one_is_told_that_it_is_not_spoken(
    table: Desk, programs: Programs, caller: str, form: str
) -> None:
    place = await table.before(_MAKE, form, "--protocol", "legacy")
    with pytest.raises(CallFailed, match=r"Method not found|Unsupported protocol version|did not offer"):
        await called(programs, caller, MODERN, place, _TOOL, _ARGUMENTS)
    assert table.prompts == []
