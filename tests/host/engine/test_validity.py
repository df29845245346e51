"""Nothing that breaks a rule of the protocol is called; what may be ignored is, and it shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.host.playbook import Playbook, answer, asked, tool
from upcall.errors import InvalidRequest
from upcall.wire import (
    IncludeContext,
    SamplingCapability,
    SamplingMessage,
    SamplingRequest,
    TextContent,
    ToolChoice,
    ToolResult,
    ToolUse,
    encode,
)


def test_a_request_in_json_is_read() -> None:
    play = Playbook(encode(asked())).calls(asked()).completes(answer())
    entry = play.records("answered")
    assert entry.request == asked()
    assert entry.raw is None


@pytest.mark.parametrize(
    "params", [None, [], "text", {"messages": []}, {"messages": [{"role": "system"}], "maxTokens": 1}]
)
def test_what_cannot_be_read_is_refused_and_kept_as_it_came(params: object) -> None:
    play = Playbook(params)
    entry = play.records("invalid_request")
    play.raises(InvalidRequest, match="Malformed sampling request")
    assert entry.request is None
    assert entry.raw == params


@pytest.mark.parametrize("fields", [{"tools": [tool()]}, {"tool_choice": ToolChoice(mode="none")}])
def test_tools_that_were_not_declared_are_refused(fields: dict[str, Any]) -> None:
    play = Playbook(asked(**fields), declared=SamplingCapability())
    entry = play.records("invalid_request")
    assert entry.fault is not None
    assert entry.fault.code == -32602
    play.raises(InvalidRequest, match="was not declared")


def test_tools_that_were_declared_reach_the_model() -> None:
    request = asked(tools=[tool()])
    Playbook(request, version="2025-11-25").calls(request)


def test_tools_are_refused_on_versions_that_have_none() -> None:
    play = Playbook(asked(tools=[tool()]), version="2025-06-18")
    play.records("invalid_request")
    play.raises(InvalidRequest, match="2025-06-18 has no tools")


def test_lists_of_blocks_depend_on_the_version() -> None:
    messages = [SamplingMessage(role="user", content=[TextContent(text="a"), TextContent(text="b")])]
    Playbook(asked(messages=messages), version="2025-11-25").calls(asked(messages=messages))
    Playbook(asked(messages=messages), version="2026-07-28").calls(asked(messages=messages))
    Playbook(asked(messages=messages)).calls(asked(messages=messages))
    Playbook(asked(messages=messages), version="2025-06-18").records("invalid_request")


def _with_tool_turn(*results: str) -> SamplingRequest:
    use = ToolUse(id="1", name="look", input={})
    answers = [ToolResult(tool_use_id=result, content=[]) for result in results]
    turns = [
        SamplingMessage(role="assistant", content=use),
        SamplingMessage(role="user", content=[*answers]),
    ]
    return asked(messages=[*asked().messages, *turns], tools=[tool()])


def test_balanced_tool_results_reach_the_model() -> None:
    Playbook(_with_tool_turn("1")).calls(_with_tool_turn("1"))


@pytest.mark.parametrize("results", [("2",), ("1", "1"), ()])
def test_unbalanced_tool_results_are_refused(results: tuple[str, ...]) -> None:
    play = Playbook(_with_tool_turn(*results))
    entry = play.records("invalid_request")
    assert entry.fault is not None
    assert entry.fault.code == -32602
    assert entry.request is not None, "a readable request is kept even when it is refused"


@pytest.mark.parametrize("wanted", ["thisServer", "allServers"])
def test_context_is_turned_to_none_and_the_change_is_noted(wanted: IncludeContext) -> None:
    play = Playbook(asked(include_context=wanted)).calls(asked(include_context="none")).completes(answer())
    (note,) = play.records("answered").adjustments
    assert (note.field, note.action) == ("includeContext", "dropped")
    assert wanted in note.reason


@pytest.mark.parametrize("wanted", [None, "none"])
def test_without_context_nothing_is_noted(wanted: IncludeContext | None) -> None:
    play = Playbook(asked(include_context=wanted)).calls(asked(include_context=wanted)).completes(answer())
    assert play.records("answered").adjustments == ()
