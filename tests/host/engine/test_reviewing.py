"""Showing the reply: a person sees what the model said before the server does, and may change it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tests.host.playbook import MODEL, NO, YES, Playbook, answer, asked, rules, tool
from upcall.errors import InvalidAnswer, SamplingRefused
from upcall.host.engine import Ask, Cancelled, Stage, calling, reply, validity
from upcall.host.engine.asking import asking
from upcall.host.engine.choosing import only
from upcall.host.engine.paying import paying
from upcall.host.engine.policy import policy
from upcall.host.engine.reviewing import reviewing
from upcall.host.records import Ruling
from upcall.wire import TextContent, ToolUse

REVIEW = '[default]\ndecision = "allow"\nreview_reply = true'


def _stages(text: str = REVIEW) -> Sequence[Stage]:
    of = rules(text)
    return validity, policy(of), only(MODEL), asking(of, None), reviewing(of), reply, paying(None), calling()


def test_a_reply_is_shown_where_the_policy_says_so() -> None:
    play = Playbook(asked(), stages=_stages()).completes(answer())
    question = play.wants(Ask).question
    assert question.kind == "reply"
    assert question.request == asked()
    assert question.result == answer().result
    assert "show every reply" in question.reason
    assert question.cost is not None, "what it has cost"
    play.asks(YES)
    assert play.records("answered").ruling == Ruling(decision="allow", by="alice")
    assert play.replies() == answer()


def test_a_reply_that_nobody_has_to_see_leaves_unseen() -> None:
    Playbook(asked(), stages=_stages('[default]\ndecision = "allow"')).completes(answer()).records("answered")


def test_having_been_asked_about_the_request_is_no_reason_to_show_the_reply() -> None:
    Playbook(asked(), stages=_stages("")).asks(YES).completes(answer()).records("answered")


def test_a_reply_that_is_withheld_is_kept_in_the_record() -> None:
    play = Playbook(asked(), stages=_stages()).completes(answer()).asks(NO)
    entry = play.records("refused")
    play.raises(SamplingRefused)
    assert entry.result == answer().result
    assert entry.usage == answer().usage
    assert entry.ruling == Ruling(decision="deny", by="alice (too long)")


def test_a_reply_that_nobody_is_there_to_see_does_not_leave() -> None:
    nobody = replace(NO, by="nobody", asked=False)
    play = Playbook(asked(), stages=_stages()).completes(answer()).asks(nobody)
    play.records("refused")
    play.raises(SamplingRefused, match="The answer needs somebody's approval")


def test_an_edited_reply_is_what_leaves_and_the_change_is_noted() -> None:
    edited = replace(YES, result=answer("Scattering.").result)
    play = Playbook(asked(), stages=_stages()).completes(answer()).asks(edited)
    entry = play.records("answered")
    assert play.replies().result.text == "Scattering."
    assert entry.result == edited.result
    assert [(note.field, note.action) for note in entry.adjustments] == [("content", "edited")]


def test_an_edited_reply_has_to_keep_the_rules() -> None:
    use = ToolUse(id="1", name="not-offered", input={})
    play = Playbook(asked(), stages=_stages()).completes(answer()).asks(replace(YES, result=answer(use).result))
    play.records("invalid_answer")
    play.raises(InvalidAnswer, match="not offered")


def test_an_edited_reply_is_brought_to_the_shape_that_the_asker_can_read() -> None:
    blocks = [TextContent(text="Scat"), TextContent(text="tering.")]
    play = Playbook(asked(), stages=_stages()).completes(answer())
    play.asks(replace(YES, result=answer([*blocks]).result)).records("answered")
    assert play.replies().result.content == TextContent(text="Scattering.")


def test_a_reply_with_tool_uses_is_shown_as_well() -> None:
    use = ToolUse(id="1", name="look", input={"at": "sky"})
    play = Playbook(asked(tools=[tool()]), stages=_stages()).completes(answer([use], stop_reason="toolUse"))
    assert play.wants(Ask).question.result == answer([use], stop_reason="toolUse").result


def test_cancelling_while_the_reply_is_shown_keeps_it_in_the_record() -> None:
    play = Playbook(asked(), stages=_stages()).completes(answer()).sends(Cancelled(at=20.0))
    assert play.records("cancelled").result == answer().result
