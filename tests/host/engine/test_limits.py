"""Limits: what is too much is clamped or refused before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.host.playbook import MODEL, Playbook, answer, asked, rules, tool
from upcall.errors import LimitExceeded
from upcall.host.engine import Stage, calling, reply, validity
from upcall.host.engine.limits import limits
from upcall.host.limits import Counters
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
