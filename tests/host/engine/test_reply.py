"""The model's answer is checked as well, and comes in the shape that the asker can read."""

from __future__ import annotations

import pytest

from tests.host.playbook import Playbook, answer, asked, tool
from upcall.errors import InvalidAnswer
from upcall.wire import ContentBlock, ImageContent, TextContent, ToolChoice, ToolResult, ToolUse

IMAGE = ImageContent(data="aGk=", mime_type="image/png")
USE = ToolUse(id="1", name="look", input={"at": "sky"})


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (USE, "not offered: look"),
        (ToolResult(tool_use_id="1", content=[]), "contains a tool result"),
        ([TextContent(text="a"), IMAGE], "2 content blocks"),
    ],
)
def test_an_answer_that_breaks_a_rule_is_refused_but_kept(
    content: ContentBlock | list[ContentBlock], match: str
) -> None:
    play = Playbook(asked()).completes(answer(content))
    entry = play.records("invalid_answer")
    play.raises(InvalidAnswer, match=match)
    assert entry.result == answer(content).result
    assert entry.usage is not None


def test_an_answer_in_another_role_is_refused() -> None:
    play = Playbook(asked()).completes(answer(role="user"))
    play.records("invalid_answer")
    play.raises(InvalidAnswer, match="role 'user'")


def test_a_list_of_one_block_becomes_that_block_without_a_note() -> None:
    play = Playbook(asked()).completes(answer([IMAGE]))
    assert play.records("answered").adjustments == ()
    assert play.replies().result.content == IMAGE


def test_text_blocks_are_joined_and_the_change_is_noted() -> None:
    play = Playbook(asked()).completes(answer([TextContent(text="Ray"), TextContent(text="leigh.")]))
    entry = play.records("answered")
    assert play.replies().result.content == TextContent(text="Rayleigh.")
    assert [(note.field, note.action) for note in entry.adjustments] == [("content", "merged")]
    assert play.replies().adjustments == entry.adjustments


def test_an_empty_answer_goes_out_as_empty_text_with_its_stop_reason() -> None:
    play = Playbook(asked()).completes(answer([], stop_reason="refusal"))
    entry = play.records("answered")
    result = play.replies().result
    assert (result.content, result.stop_reason) == (TextContent(text=""), "refusal")
    assert [note.action for note in entry.adjustments] == ["converted"]


def test_with_tools_a_list_stays_a_list() -> None:
    play = Playbook(asked(tools=[tool()])).completes(
        answer([TextContent(text="Let me see."), USE], stop_reason="toolUse")
    )
    play.records("answered")
    assert play.replies().result.content == [TextContent(text="Let me see."), USE]


def test_a_tool_choice_alone_counts_as_a_request_with_tools() -> None:
    play = Playbook(asked(tool_choice=ToolChoice(mode="auto"))).completes(answer([TextContent(text="a"), IMAGE]))
    play.records("answered")
    assert play.replies().result.content == [TextContent(text="a"), IMAGE]


def test_a_required_tool_that_was_not_used_is_refused() -> None:
    play = Playbook(asked(tools=[tool()], tool_choice=ToolChoice(mode="required"))).completes(answer())
    play.records("invalid_answer")
    play.raises(InvalidAnswer, match="required")
