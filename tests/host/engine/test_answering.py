"""Transcripts of whole requests: what is commanded, what comes back, and one record at every exit."""

from __future__ import annotations

import pytest

from tests.host.playbook import MODEL, NOON, STAGES, Playbook, answer, asked
from upcall.errors import ModelUnavailable, RateLimited, SamplingError, SamplingRefused
from upcall.host.engine import Call, Cancelled, Done, Exchange, Record, Rest, Steps, Withdrawn, perform
from upcall.host.records import Fault
from upcall.models import Adjustment, Completion, Usage
from upcall.wire import encode


def test_an_answered_request_is_called_recorded_and_replied() -> None:
    play = Playbook(asked()).calls(asked()).completes(answer())
    entry = play.records("answered")
    assert play.replies() == answer()
    assert entry.context.server == "logs"
    assert entry.request == asked()
    assert entry.result == answer().result
    assert entry.fault is None
    assert (entry.model_asked, entry.model_used) == (MODEL, "real-1")
    assert entry.usage == Usage(input_tokens=7, output_tokens=2)
    assert entry.started_at == NOON
    assert entry.latency == 2.5


def test_a_failed_call_is_recorded_with_its_detail_and_raised_as_it_came() -> None:
    error = ModelUnavailable("The provider is down.", detail="https://internal/…", status=503)
    play = Playbook(asked()).calls(asked()).fails(error)
    entry = play.records("model_unavailable")
    assert play.raises(ModelUnavailable) is error
    fault = Fault(label="model_unavailable", code=-32603, message="The provider is down.", detail="https://internal/…")
    assert entry.fault == fault
    assert entry.result is None
    assert entry.model_asked == MODEL
    assert entry.latency == 2.5


def test_a_refusal_keeps_its_code_in_the_record() -> None:
    play = Playbook(asked()).fails(SamplingRefused("The user said no."))
    entry = play.records("refused")
    assert entry.fault is not None
    assert entry.fault.code == -1
    play.raises(SamplingRefused)


def test_a_cancelled_request_is_recorded_and_not_answered() -> None:
    play = Playbook(asked()).calls(asked()).sends(Cancelled(at=11.0))
    entry = play.records("cancelled")
    assert entry.fault is None
    assert entry.latency == 1.0
    play.raises(Withdrawn)


def test_a_request_that_never_reaches_the_model_has_no_latency_and_no_model() -> None:
    entry = Playbook(asked(max_tokens=0)).records("invalid_request")
    assert entry.latency == 0.0
    assert entry.model_asked is None


def test_adjustments_of_stages_and_model_are_kept_together() -> None:
    own = Adjustment(field="temperature", action="dropped", reason="The model has none.")
    completion = Completion(result=answer().result, adjustments=(own,))
    play = Playbook(asked(include_context="thisServer")).completes(completion)
    entry = play.records("answered")
    assert [adjustment.field for adjustment in entry.adjustments] == ["includeContext", "temperature"]
    assert play.replies().adjustments == entry.adjustments


def test_a_fault_in_a_stage_fails_closed_and_is_recorded() -> None:
    def broken(exchange: Exchange, rest: Rest) -> Steps[None]:
        yield from rest()
        raise ZeroDivisionError("sk-secret")

    play = Playbook(asked(), stages=(broken, *STAGES)).completes(answer())
    entry = play.records("failed")
    error = play.raises(SamplingError, match="could not process")
    assert "sk-secret" not in str(error)
    assert entry.fault is not None
    assert "sk-secret" in entry.fault.detail
    assert entry.result == answer().result, "what was paid for is kept"


def test_an_event_that_does_not_belong_to_the_command_fails_closed() -> None:
    play = Playbook(asked()).calls(asked()).sends(Done(at=11.0))
    play.records("failed")
    play.raises(SamplingError, match="could not process")


def test_a_line_of_stages_without_a_model_fails_closed() -> None:
    play = Playbook(asked(), stages=STAGES[:1])
    play.records("failed")
    play.raises(SamplingError)


def test_a_line_of_stages_in_the_wrong_order_fails_closed() -> None:
    play = Playbook(encode(asked()), stages=STAGES[1:])
    entry = play.records("failed")
    assert (entry.request, entry.raw) == (None, encode(asked()))
    play.raises(SamplingError)


@pytest.mark.parametrize("leave", ["answered", "rate_limited", "cancelled"])
def test_a_stage_may_have_commands_performed_on_the_way_back_at_every_exit(leave: str) -> None:
    def owing(exchange: Exchange, rest: Rest) -> Steps[None]:
        settle = Call(model="settle", request=exchange.request)
        try:
            yield from rest()
        except (SamplingError, Withdrawn):
            yield settle
            raise
        yield settle

    play = Playbook(asked(), stages=(owing, *STAGES)).calls(asked())
    if leave == "answered":
        play.completes(answer())
    elif leave == "rate_limited":
        play.fails(RateLimited("Slow down."))
    else:
        play.sends(Cancelled(at=11.0))
    assert play.command == Call(model="settle", request=asked())
    play.completes(answer(), at=13.0).records(leave)


def test_perform_hands_back_the_event_and_moves_the_time() -> None:
    seen: list[float] = []

    def looking(exchange: Exchange, rest: Rest) -> Steps[None]:
        yield from rest()
        seen.append(exchange.at)
        yield from perform(exchange, Record(entry=exchange.entry("interim")), Done)
        seen.append(exchange.at)

    play = Playbook(asked(), stages=(looking, *STAGES)).completes(answer(), at=12.0).sends(Done(at=14.0))
    assert seen == [12.0, 14.0]
    assert play.records("answered").latency == 4.0
