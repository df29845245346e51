"""The protocol's rules, each by an example that keeps it and one that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.wire import (
    ContentBlock,
    Era,
    Role,
    SamplingCapability,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    TextContent,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    check_request,
    check_result,
    check_turns,
    era_of,
    missing_capability,
)

TOOLS = SamplingCapability(tools={})
FIND = Tool(name="find", input_schema={"type": "object"})
HELLO = SamplingMessage(role="user", content=TextContent(text="hello"))


def request(**fields: Any) -> SamplingRequest:
    return SamplingRequest(**{"messages": [HELLO], "max_tokens": 10, **fields})


def result(*blocks: ContentBlock, stop: str | None = "endTurn", role: Role = "assistant") -> SamplingResult:
    return SamplingResult(role=role, content=list(blocks), model="m", stop_reason=stop)


def uses(*ids: str) -> SamplingMessage:
    return SamplingMessage(role="assistant", content=[ToolUse(id=i, name="find", input={}) for i in ids])


def results(*ids: str, role: Role = "user", also: tuple[ContentBlock, ...] = ()) -> SamplingMessage:
    return SamplingMessage(role=role, content=[*(ToolResult(tool_use_id=i, content=[]) for i in ids), *also])


def test_a_plain_request_passes_everywhere() -> None:
    for version in ("2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", None):
        check_request(request(), declared=SamplingCapability(), version=version)


@pytest.mark.parametrize("tokens", [0, -1])
def test_max_tokens_is_at_least_one(tokens: int) -> None:
    with pytest.raises(InvalidRequest, match="maxTokens"):
        check_request(request(max_tokens=tokens), declared=TOOLS)


def test_there_is_at_least_one_message() -> None:
    with pytest.raises(InvalidRequest, match="messages"):
        check_request(request(messages=[]), declared=TOOLS)


@pytest.mark.parametrize("fields", [{"tools": [FIND]}, {"tools": []}, {"tool_choice": ToolChoice(mode="none")}])
def test_tools_need_a_declaration(fields: dict[str, Any]) -> None:
    check_request(request(**fields), declared=TOOLS)
    with pytest.raises(InvalidRequest, match=r"sampling\.tools"):
        check_request(request(**fields), declared=SamplingCapability())


def test_older_revisions_know_neither_tools_nor_lists() -> None:
    many = SamplingMessage(role="user", content=[TextContent(text="a"), TextContent(text="b")])
    for fields in ({"tools": [FIND]}, {"messages": [many]}):
        check_request(request(**fields), declared=TOOLS, version="2025-11-25")
        with pytest.raises(InvalidRequest, match="2025-06-18"):
            check_request(request(**fields), declared=TOOLS, version="2025-06-18")


def test_a_tool_is_offered_once_and_required_needs_one() -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        check_request(request(tools=[FIND, FIND]), declared=TOOLS)
    with pytest.raises(InvalidRequest, match="required"):
        check_request(request(tools=[], tool_choice=ToolChoice(mode="required")), declared=TOOLS)


@pytest.mark.parametrize(
    "turns",
    [
        [HELLO, uses("1"), results("1")],
        [HELLO, uses("1", "2"), results("2", "1"), uses("3"), results("3")],
        [HELLO, uses("1"), results("1"), HELLO],
    ],
)
def test_balanced_turns_pass(turns: list[SamplingMessage]) -> None:
    check_turns(turns)


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([HELLO, uses("1")], "unanswered"),
        ([HELLO, uses("1"), HELLO], "do not match"),
        ([HELLO, uses("1", "2"), results("1")], r"do not match \(2\)"),
        ([HELLO, uses("1"), results("1", "1")], "do not match"),
        ([HELLO, uses("1"), results("2")], "do not match"),
        ([HELLO, results("1")], "do not match"),
        ([HELLO, uses("1"), results("1", also=(TextContent(text="and"),))], "stand alone"),
        ([HELLO, uses("1"), results("1", role="assistant")], "stand alone"),
        ([SamplingMessage(role="user", content=ToolUse(id="1", name="find", input={}))], "only the assistant"),
        ([HELLO, uses("1", "1"), results("1")], "share an id"),
    ],
)
def test_unbalanced_turns_are_refused(turns: list[SamplingMessage], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_turns(turns)
    assert caught.value.code == -32602


@pytest.mark.parametrize(
    ("fields", "declared", "missing"),
    [
        ({}, None, {"sampling": {}}),
        ({}, SamplingCapability(), None),
        ({"tools": [FIND]}, SamplingCapability(), {"sampling": {"tools": {}}}),
        ({"tools": [FIND]}, None, {"sampling": {"tools": {}}}),
        ({"tools": [FIND]}, TOOLS, None),
        ({"include_context": "allServers"}, TOOLS, {"sampling": {"context": {}}}),
        ({"include_context": "none"}, TOOLS, None),
    ],
)
def test_what_a_client_lacks_is_named(
    fields: dict[str, Any], declared: SamplingCapability | None, missing: dict[str, Any] | None
) -> None:
    assert missing_capability(request(**fields), declared) == missing


def test_an_answer_comes_from_the_assistant_and_uses_what_was_offered() -> None:
    asked = request(tools=[FIND])
    use = ToolUse(id="1", name="find", input={})
    check_result(result(use, stop="toolUse"), asked)
    with pytest.raises(InvalidAnswer, match="role"):
        check_result(result(TextContent(text="x"), role="user"), asked)
    with pytest.raises(InvalidAnswer, match="erase"):
        check_result(result(ToolUse(id="1", name="erase", input={})), asked)
    with pytest.raises(InvalidAnswer, match="find"):
        check_result(result(use), request())
    with pytest.raises(InvalidAnswer, match="tool result"):
        check_result(result(ToolResult(tool_use_id="1", content=[])), asked)
    with pytest.raises(InvalidAnswer, match="share an id"):
        check_result(result(use, use), asked)


def test_an_answer_keeps_to_the_tool_choice() -> None:
    never = request(tools=[FIND], tool_choice=ToolChoice(mode="none"))
    must = request(tools=[FIND], tool_choice=ToolChoice(mode="required"))
    with pytest.raises(InvalidAnswer, match="none"):
        check_result(result(ToolUse(id="1", name="find", input={})), never)
    with pytest.raises(InvalidAnswer, match="required"):
        check_result(result(TextContent(text="x")), must)
    for cut in ("maxTokens", "stopSequence", "refusal"):
        check_result(result(TextContent(text="x"), stop=cut), must)


@pytest.mark.parametrize(
    ("version", "era"),
    [("2024-11-05", Era.LEGACY), ("2025-11-25", Era.LEGACY), ("2026-07-28", Era.MODERN), ("2027-01-01", Era.MODERN)],
)
def test_every_version_has_an_era(version: str, era: Era) -> None:
    assert era_of(version) is era
