"""Asking a person: who is asked, what they are shown, and what becomes of their answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.host.playbook import MODEL, NO, YES, Playbook, answer, asked, reservation, rules
from upcall.errors import InvalidRequest, LimitExceeded, SamplingRefused
from upcall.host.approval import Answer
from upcall.host.engine import Ask, Call, Cancelled, Recall, Stage, calling, reply, validity
from upcall.host.engine.asking import asking, recalling
from upcall.host.engine.choosing import only
from upcall.host.engine.limits import limits
from upcall.host.engine.paying import paying
from upcall.host.engine.policy import policy
from upcall.host.engine.reserving import reserving
from upcall.host.engine.scanning import scanning
from upcall.host.limits import Counters
from upcall.host.records import Ruling
from upcall.store import Amount
from upcall.wire import SamplingMessage, TextContent

BUDGET = '[[budget]]\nfor = "overall"\nper = "day"\ntokens = 5000\n'
ALLOW = '[default]\ndecision = "allow"\n'
HIDDEN = "Hi\u200b\u200bthere"


def _stages(text: str = "") -> Sequence[Stage]:
    of = rules(text)
    return (
        validity,
        limits(of, Counters()),
        policy(of),
        scanning(of),
        only(MODEL),
        recalling(of),
        reserving(of, None, ttl=60.0),
        asking(of, None),
        reply,
        paying(None),
        calling(),
    )


def test_a_person_is_shown_the_whole_request_its_model_and_what_it_can_cost() -> None:
    request = asked(system_prompt="Be brief.", max_tokens=10**6)
    question = Playbook(request, stages=_stages()).recalls().wants(Ask).question
    assert question.kind == "request"
    assert question.context.server == "logs"
    assert question.model == MODEL
    assert question.request == replace(request, max_tokens=4096), "as the model will see it"
    assert [note.action for note in question.adjustments] == ["clamped"]
    assert question.cost is not None
    assert question.deadline == 120.0
    assert "ask about every request" in question.reason


def test_a_yes_lets_the_request_go_on_and_the_record_tells_whose_it_was() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(YES).calls(asked()).completes(answer())
    assert play.records("answered").ruling == Ruling(decision="allow", by="alice")


def test_a_no_is_the_end_of_it_and_names_nobody() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(NO)
    entry = play.records("refused")
    error = play.raises(SamplingRefused, match="The user rejected the sampling request")
    assert isinstance(error, SamplingRefused)
    assert error.code == -1
    assert "alice" not in str(error)
    assert error.detail == "alice: too long"
    assert entry.ruling == Ruling(decision="deny", by="alice (too long)")
    assert entry.model_asked is None


def test_no_answer_in_time_is_a_no() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(Answer(approved=False, reason="No answer."))
    play.records("refused")
    play.raises(SamplingRefused, match="not approved in time")


def test_where_nobody_can_be_asked_the_answer_is_no_and_the_operator_reads_how_to_change_that() -> None:
    nobody = Answer(approved=False, reason="There is no way to ask.", asked=False)
    play = Playbook(asked(), stages=_stages()).recalls().asks(nobody)
    play.records("refused")
    error = play.raises(SamplingRefused, match="nobody to ask")
    assert isinstance(error, SamplingRefused)
    assert "There is no way to ask." in error.detail
    assert "decision under [server.logs]" in error.detail


def test_what_the_policy_allows_is_not_asked_about() -> None:
    Playbook(asked(), stages=_stages(ALLOW)).recalls().calls(asked())


def test_a_no_from_before_refuses_what_the_policy_allows() -> None:
    play = Playbook(asked(), stages=_stages(ALLOW)).recalls(NO)
    assert play.records("refused").ruling == Ruling(decision="deny", by="alice (too long)")
    play.raises(SamplingRefused)


def test_a_yes_from_before_spares_the_question() -> None:
    play = Playbook(asked(), stages=_stages()).recalls(YES).calls(asked()).completes(answer())
    assert play.records("answered").ruling == Ruling(decision="allow", by="alice")


def test_a_flag_is_part_of_what_is_recalled() -> None:
    play = Playbook(asked(HIDDEN), stages=_stages(ALLOW))
    assert [flag.kind for flag in play.wants(Recall).question.flags] == ["invisible"]
    play.recalls().wants(Ask)


def test_when_earlier_answers_cannot_be_read_the_answer_is_no() -> None:
    unknown = Answer(approved=False, reason="The disk is full.", asked=False)
    play = Playbook(asked(), stages=_stages(ALLOW)).recalls(unknown)
    play.records("refused")
    error = play.raises(SamplingRefused, match="cannot be told")
    assert isinstance(error, SamplingRefused)
    assert error.detail == "The disk is full."


@pytest.mark.parametrize("when", ["recalled", "asked"])
def test_cancelling_meanwhile_gives_everything_back(when: str) -> None:
    play = Playbook(asked(), stages=_stages(BUDGET))
    if when == "asked":
        play.recalls().reserves().wants(Ask)
    play.sends(Cancelled(at=12.0))
    if when == "asked":
        play.releases()
    play.records("cancelled")


def test_a_no_gives_back_what_was_reserved() -> None:
    Playbook(asked(), stages=_stages(BUDGET)).recalls().reserves().asks(NO).releases().records("refused")


# What a person edits


def _edited(text: str = "Why is the sea green?", max_tokens: int = 50) -> Answer:
    return replace(YES, request=asked(text, max_tokens=max_tokens))


def test_an_edited_request_goes_the_whole_way_again_without_a_second_question() -> None:
    edited = _edited()
    play = Playbook(asked(), stages=_stages(BUDGET)).recalls().reserves().asks(edited).releases()
    smaller = reservation(tokens=90)
    play.recalls().reserves(smaller)
    assert edited.request is not None
    play.calls(edited.request).completes(answer())
    entry = play.settles(Amount(calls=1, tokens=9, micro_usd=70)).records("answered")
    assert entry.request == edited.request
    assert entry.ruling == Ruling(decision="allow", by="alice")
    assert [(note.field, note.action) for note in entry.adjustments] == [("messages", "edited")]


def test_an_edited_request_is_clamped_like_any_other() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(_edited(max_tokens=10**6)).recalls()
    assert play.wants(Call).request.max_tokens == 4096


def test_an_edited_request_is_scanned_again_and_what_the_policy_denies_stays_denied() -> None:
    play = Playbook(asked(), stages=_stages('[default.scan]\ninvisible = "deny"')).recalls().asks(_edited(HIDDEN))
    entry = play.records("refused")
    assert [flag.kind for flag in entry.flags] == ["invisible"]
    assert entry.ruling is not None
    assert entry.ruling.decision == "deny"


def test_an_edited_request_with_a_flag_is_not_asked_about_again() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(_edited(HIDDEN)).recalls()
    assert play.wants(Call).request.messages[0].text == HIDDEN


def test_an_edited_request_that_breaks_a_rule_is_refused() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(_edited(max_tokens=0))
    play.records("invalid_request")
    play.raises(InvalidRequest)


def test_an_edited_request_beyond_a_limit_is_refused() -> None:
    play = Playbook(asked(), stages=_stages("[default.limits]\nprompt_chars = 200")).recalls()
    play.asks(_edited("x" * 500)).records("limit_exceeded")
    play.raises(LimitExceeded)


def test_an_edit_does_not_count_as_another_request() -> None:
    stages = _stages("[default.limits]\nper_minute = 1")
    Playbook(asked(), stages=stages).recalls().asks(_edited()).recalls().wants(Call)


def test_a_request_that_comes_back_unchanged_goes_on_where_it_was() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(replace(YES, request=asked())).calls(asked())
    assert play.completes(answer()).records("answered").adjustments == ()


def test_a_no_that_came_meanwhile_stops_an_edited_request() -> None:
    play = Playbook(asked(), stages=_stages()).recalls().asks(_edited()).recalls(NO)
    assert play.records("refused").ruling == Ruling(decision="deny", by="alice (too long)")


def test_a_person_may_edit_the_whole_conversation() -> None:
    messages = [
        SamplingMessage(role="user", content=TextContent(text="Hello.")),
        SamplingMessage(role="assistant", content=TextContent(text="Hello.")),
        SamplingMessage(role="user", content=TextContent(text="Why?")),
    ]
    edited = replace(YES, request=asked(messages=messages, system_prompt="Be kind."))
    assert Playbook(asked(), stages=_stages()).recalls().asks(edited).recalls().wants(Call).request == edited.request
