"""Limits: what is too much is clamped or refused before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.host.playbook import MODEL, NO, YES, Playbook, answer, asked, rules, tool
from upcall.errors import LimitExceeded, SamplingRefused
from upcall.host.engine import Admit, Ask, Begin, Done, Limited, Reserve, Stage, calling, reply, validity
from upcall.host.engine.asking import asking
from upcall.host.engine.choosing import only
from upcall.host.engine.limits import limits
from upcall.host.engine.policy import policy
from upcall.host.engine.recording import recording
from upcall.host.engine.reserving import reserving
from upcall.host.limits import Counters
from upcall.store import Rate
from upcall.wire import AudioContent, SamplingMessage


def _stages(text: str = "", counters: Counters | None = None) -> Sequence[Stage]:
    return validity, limits(rules(text), counters or Counters()), reply, calling(MODEL)


def _refused(play: Playbook, limit: str) -> LimitExceeded:
    entry = play.records("limit_exceeded")
    error = play.raises(LimitExceeded)
    assert isinstance(error, LimitExceeded)
    assert error.limit == limit
    assert entry.ruling is not None
    assert entry.ruling.decision == "deny"
    assert entry.ruling.by.startswith(f"{limit} (")
    assert entry.model_asked is None
    assert "[server.logs" in error.detail, "the operator reads how to raise it"
    assert "[server.logs" not in str(error)
    return error


def test_a_huge_max_tokens_is_clamped_and_the_change_is_noted() -> None:
    play = Playbook(asked(max_tokens=10**9), stages=_stages()).calls(asked(max_tokens=4096)).completes(answer())
    (note,) = play.records("answered").adjustments
    assert (note.field, note.action) == ("maxTokens", "clamped")
    assert play.replies().adjustments == (note,)


@pytest.mark.parametrize(
    ("text", "request_fields", "limit"),
    [
        ("[default.limits]\nprompt_chars = 50", {}, "limits.prompt_chars"),
        ("[default]\ntools = false", {"tools": [tool()]}, "tools"),
        (
            "",
            {"messages": [SamplingMessage(role="user", content=AudioContent(data="aGk=", mime_type="audio/wav"))]},
            "media",
        ),
    ],
)
def test_what_cannot_be_clamped_is_refused(text: str, request_fields: dict[str, Any], limit: str) -> None:
    _refused(Playbook(asked(**request_fields), stages=_stages(text)), limit)


def test_more_than_so_many_a_minute_are_refused_and_told_when_to_come_back() -> None:
    stages = _stages("[default.limits]\nper_minute = 2")
    for at in (100.0, 110.0):
        Playbook(asked(), stages=stages, at=at).calls(asked())
    error = _refused(Playbook(asked(), stages=stages, at=120.0), "limits.per_minute")
    assert error.hint == "Try again in 40 seconds."
    Playbook(asked(), stages=stages, at=160.5).calls(asked())


def test_a_tool_call_that_samples_on_and_on_is_stopped() -> None:
    stages = _stages("[default.limits]\nsamples_per_call = 2")
    for _ in range(2):
        Playbook(asked(), stages=stages, call="a").calls(asked())
    _refused(Playbook(asked(), stages=stages, call="a"), "limits.samples_per_call")
    Playbook(asked(), stages=stages, call="b").calls(asked())


def test_a_result_with_too_many_requests_is_refused() -> None:
    stages = _stages("[default.limits]\nrequests_per_result = 20")
    Playbook(asked(), stages=stages, batch=20).calls(asked())
    _refused(Playbook(asked(), stages=stages, batch=21), "limits.requests_per_result")


def test_a_call_of_too_many_rounds_is_refused() -> None:
    stages = _stages("[default.limits]\nrounds_per_call = 3")
    Playbook(asked(), stages=stages, batch=1, round=3).calls(asked())
    _refused(Playbook(asked(), stages=stages, batch=1, round=4), "limits.rounds_per_call")


def test_what_was_refused_for_its_size_still_counts_as_arrived() -> None:
    stages = _stages("[default.limits]\nper_minute = 1\nprompt_chars = 50")
    _refused(Playbook(asked(), stages=stages), "limits.prompt_chars")
    _refused(Playbook(asked(), stages=stages), "limits.per_minute")


# Where processes share a store, they count the minute together in it.

ONE = "[default.limits]\nper_minute = 1\n"
ALLOWED = '[default]\ndecision = "allow"\n' + ONE
BUDGET = '[[budget]]\nfor = "overall"\nper = "day"\ncalls = 5\n'
RATE = Rate(key="server:logs", per_minute=1)
FULL = Limited(at=12.0, count=1, retry_after=47.7)


def _shared(text: str, counters: Counters | None = None) -> Sequence[Stage]:
    of = rules(text)
    return (
        validity,
        limits(of, counters or Counters(), shared=True),
        policy(of),
        only(MODEL),
        reserving(of, None, ttl=60.0),
        asking(of, None),
        recording,
        reply,
        calling(),
    )


def test_the_first_write_takes_the_count_along_and_no_other_does() -> None:
    plain = Playbook(asked(), stages=_shared(ALLOWED))
    assert plain.wants(Begin).rate == RATE

    budgeted = Playbook(asked(), stages=_shared(ALLOWED + BUDGET))
    assert budgeted.wants(Reserve).rate == RATE
    assert budgeted.reserves().wants(Begin).rate is None


def test_it_is_counted_before_a_person_is_asked() -> None:
    play = Playbook(asked(), stages=_shared(ONE))
    assert play.wants(Admit).rate == RATE
    assert play.sends(Done(at=11.0)).asks(YES).wants(Begin).rate is None

    budgeted = Playbook(asked(), stages=_shared(ONE + BUDGET))
    assert budgeted.wants(Reserve).rate == RATE
    assert budgeted.reserves().asks(YES).wants(Begin).rate is None


@pytest.mark.parametrize(("text", "first"), [(ALLOWED, Begin), (ALLOWED + BUDGET, Reserve), (ONE, Admit)])
def test_one_that_has_no_room_in_the_store_is_refused_and_has_counted_nowhere(text: str, first: Any) -> None:
    stages = _shared(text)
    for _ in range(3):
        play = Playbook(asked(), stages=stages, call="a")
        play.wants(first)
        error = _refused(play.sends(FULL), "limits.per_minute")
        assert str(error) == "Too many sampling requests within a minute: at most 1 are taken. Try again in 48 seconds."
        assert "2 sampling requests within a minute, allowed: 1" in error.detail
    Playbook(asked(), stages=stages, call="a").wants(first)
    _refused(Playbook(asked(), stages=stages, call="a"), "limits.per_minute")


def test_what_is_refused_before_anything_is_written_is_counted_here_alone() -> None:
    stages = _shared('[default]\ndecision = "deny"\n' + ONE)
    denied = Playbook(asked(), stages=stages)
    denied.records("refused")
    denied.raises(SamplingRefused)
    _refused(Playbook(asked(), stages=stages), "limits.per_minute")


def test_one_that_a_person_has_edited_is_counted_once() -> None:
    stages = _shared(ONE)
    play = Playbook(asked(), stages=stages)
    play.wants(Admit)
    play.sends(Done(at=11.0)).asks(msgspec.structs.replace(YES, request=asked("Why not?")))
    assert play.wants(Begin).rate is None

    budgeted = Playbook(asked(), stages=_shared(ONE + BUDGET)).reserves()
    budgeted.asks(msgspec.structs.replace(YES, request=asked("Why not?"))).releases()
    assert budgeted.wants(Reserve).rate is None


def test_one_that_came_before_and_one_without_a_limit_are_not_counted() -> None:
    assert Playbook(asked(), stages=_shared(ALLOWED), counted=True).wants(Begin).rate is None
    free = ALLOWED.replace("= 1", '= "unlimited"')
    assert Playbook(asked(), stages=_shared(free)).wants(Begin).rate is None
    of = rules(ALLOWED)
    alone = (validity, limits(of, Counters()), only(MODEL), recording, calling())
    assert Playbook(asked(), stages=alone).wants(Begin).rate is None


def test_what_a_person_refuses_gives_its_place_to_nobody() -> None:
    stages = _shared(ONE)
    play = Playbook(asked(), stages=stages)
    play.wants(Admit)
    play.sends(Done(at=11.0)).wants(Ask)
    play.asks(NO).records("refused")
    _refused(Playbook(asked(), stages=stages), "limits.per_minute")
