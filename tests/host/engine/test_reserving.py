"""Budgets in the line: what a call can take is set aside before it, and counted or given back after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from tests.host.playbook import MODEL, Playbook, answer, asked, reservation, rules
from upcall.errors import (
    LimitExceeded,
    ModelTimedOut,
    ModelUnavailable,
    RateLimited,
    SamplingError,
    SamplingRefused,
)
from upcall.host.engine import Call, Cancelled, Done, Exchange, Reserve, Rest, Settle, Stage, Steps, calling, validity
from upcall.host.engine.choosing import only
from upcall.host.engine.paying import paying
from upcall.host.engine.reserving import reserving
from upcall.models import Adjustment, Completion
from upcall.models.prices import Rates
from upcall.store import Amount, Exceeded, Limit

PRICES = {MODEL: Rates(input=Decimal(1), output=Decimal(5)), "test/other": Rates(input=Decimal(2), output=Decimal(9))}
DAY = '[[budget]]\nfor = "overall"\nper = "day"\ntokens = 1000\n'
MONEY = '[[budget]]\nfor = "server:*"\nper = "month"\nusd = 1.5\n'
ESTIMATE = reservation().amount
REAL = Amount(calls=1, tokens=9, micro_usd=17)
"""What `answer` took, at `PRICES`."""


def _stages(text: str = DAY, *more: Stage, priced: bool = True) -> Sequence[Stage]:
    prices = PRICES.get if priced else None
    return validity, only(MODEL), reserving(rules(text), prices, ttl=60.0), *more, paying(prices), calling()


def _failed(error: SamplingError, attempts: int = 1) -> SamplingError:
    error.attempts = attempts
    return error


def test_without_a_budget_nothing_is_reserved_and_the_cost_is_known_all_the_same() -> None:
    entry = Playbook(asked(), stages=_stages("")).calls(asked()).completes(answer()).records("answered")
    assert entry.cost is not None
    assert entry.cost.micro_usd == 17


def test_the_most_that_the_call_can_take_is_reserved_under_every_budget_that_concerns_it() -> None:
    text = f'{DAY}{MONEY}[[budget]]\nfor = "model:test/*"\nper = "hour"\ncalls = 5\n'
    text += '[[budget]]\nfor = "model:other/*"\nper = "hour"\ncalls = 5\n'
    command = Playbook(asked(), stages=_stages(text)).wants(Reserve)
    assert command.limits == (
        Limit(key="overall", window="day", tokens=1000),
        Limit(key="server:logs", window="month", micro_usd=1_500_000),
        Limit(key="model:test/*", window="hour", calls=5),
    )
    assert command.amount.calls == 1
    assert command.amount.tokens >= 100 + len("Why is the sky blue?")
    assert command.amount.micro_usd > 5 * 100
    assert command.ttl == 60.0


def test_the_dearest_model_that_may_answer_is_reserved_for() -> None:
    def alternate(exchange: Exchange, rest: Rest) -> Steps[None]:
        exchange.alternates = ("test/other",)
        yield from rest()

    stages = validity, only(MODEL), alternate, reserving(rules(MONEY), PRICES.get, ttl=1.0), calling()
    plain = Playbook(asked(), stages=_stages(MONEY)).wants(Reserve).amount
    both = Playbook(asked(), stages=stages).wants(Reserve).amount
    assert both.tokens == plain.tokens
    assert both.micro_usd > plain.micro_usd * 3 // 2


def test_a_model_that_takes_no_limit_as_low_as_the_requests_is_reserved_for_as_it_will_be_asked() -> None:
    def alternate(exchange: Exchange, rest: Rest) -> Steps[None]:
        exchange.alternates = ("openai-responses/gpt-5.4-mini",)
        yield from rest()

    low = asked(max_tokens=3)
    stages = validity, only(MODEL), alternate, reserving(rules(DAY), PRICES.get, ttl=1.0), calling()
    plain = Playbook(low, stages=_stages()).wants(Reserve).amount
    assert Playbook(low, stages=stages).wants(Reserve).amount.tokens == plain.tokens - 3 + 16


def test_an_answer_is_settled_with_what_the_provider_counted_before_anything_else_happens_to_it() -> None:
    play = Playbook(asked(), stages=_stages()).reserves().calls(asked()).completes(answer())
    assert play.settles(REAL).records("answered").usage == answer().usage


def test_an_answer_without_numbers_is_settled_with_the_whole_reservation() -> None:
    play = Playbook(asked(), stages=_stages()).reserves().completes(Completion(result=answer().result))
    assert play.settles(ESTIMATE).records("answered").usage is None


def test_an_answer_of_unknown_price_counts_its_tokens_and_the_reserved_money() -> None:
    play = Playbook(asked(), stages=_stages(priced=False)).reserves().completes(answer())
    entry = play.settles(Amount(calls=1, tokens=9, micro_usd=70)).records("answered")
    assert entry.cost is not None
    assert entry.cost.micro_usd is None, "unknown is not 0"


def test_the_model_that_answered_sets_the_price() -> None:
    note = Adjustment(field="model", action="replaced", reason="test/model was down.")
    other = Completion(
        result=answer().result, usage=answer().usage, answered_by="test/other", adjustments=(note,), attempts=2
    )
    play = Playbook(asked(), stages=_stages()).reserves().completes(other)
    play.settles(Amount(calls=1, tokens=9, micro_usd=7 * 2 + 2 * 9)).records("answered")


@pytest.mark.parametrize(
    "error",
    [
        _failed(RateLimited("Slow down.")),
        _failed(ModelUnavailable("Down.", status=503)),
        _failed(SamplingRefused("The handler says no.")),
    ],
)
def test_a_call_that_the_provider_turned_down_counts_as_a_call_and_no_more(error: SamplingError) -> None:
    play = Playbook(asked(), stages=_stages()).reserves().fails(error)
    play.settles(Amount(calls=1)).records(error.label)


@pytest.mark.parametrize(
    "error",
    [
        _failed(ModelTimedOut("No answer.")),
        _failed(ModelUnavailable("The connection broke.")),
        _failed(SamplingError("?")),
    ],
)
def test_a_call_that_may_have_been_paid_is_settled_as_if_it_were(error: SamplingError) -> None:
    Playbook(asked(), stages=_stages()).reserves().fails(error).settles(ESTIMATE).records(error.label)


def _counted(error: SamplingError, attempts: int, unaccounted: int) -> SamplingError:
    error.attempts, error.unaccounted = attempts, unaccounted
    return error


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (_counted(RateLimited("Slow down."), 3, 2), 2),
        (_counted(ModelUnavailable("The connection broke."), 3, 1), 1),
        (_counted(ModelUnavailable("Nobody listens there."), 3, 0), 0),
        (_failed(SamplingError("?"), attempts=3), 3),
        (_failed(RateLimited("Slow down."), attempts=3), 2),
    ],
)
def test_each_call_before_a_failure_that_may_have_been_paid_is_settled_as_if_it_were(
    error: SamplingError, calls: int
) -> None:
    play = Playbook(asked(), stages=_stages()).reserves().fails(error)
    play.settles(Amount(calls=1, tokens=calls * ESTIMATE.tokens, micro_usd=calls * ESTIMATE.micro_usd))


def test_calls_before_an_answer_that_may_have_been_paid_count_beside_what_it_took() -> None:
    late = msgspec.structs.replace(answer(), attempts=4, unaccounted=2)
    play = Playbook(asked(), stages=_stages()).reserves().completes(late)
    tokens, micro_usd = REAL.tokens + 2 * ESTIMATE.tokens, REAL.micro_usd + 2 * ESTIMATE.micro_usd
    play.settles(Amount(calls=1, tokens=tokens, micro_usd=micro_usd)).records("answered")


def test_what_never_reached_a_provider_is_given_back() -> None:
    error = ModelTimedOut("Waited too long in the queue.")
    Playbook(asked(), stages=_stages()).reserves().fails(error).releases().records("model_timed_out")


@pytest.mark.parametrize("attempts", [0, 1])
def test_a_cancelled_call_counts_unless_it_had_not_begun(attempts: int) -> None:
    play = Playbook(asked(), stages=_stages()).reserves().sends(Cancelled(at=12.0, attempts=attempts))
    (play.settles(ESTIMATE) if attempts else play.releases()).records("cancelled")


def test_an_event_that_makes_no_sense_counts_as_paid() -> None:
    Playbook(asked(), stages=_stages()).reserves().sends(Done(at=12.0)).settles(ESTIMATE).records("failed")


def test_what_goes_wrong_between_reserving_and_calling_gives_everything_back() -> None:
    def refusing(exchange: Exchange, rest: Rest) -> Steps[None]:
        yield from ()
        raise SamplingRefused("No.")

    Playbook(asked(), stages=_stages(DAY, refusing)).reserves().releases().records("refused")


def test_a_fault_after_the_call_does_not_settle_twice() -> None:
    def broken(exchange: Exchange, rest: Rest) -> Steps[None]:
        yield from rest()
        raise ZeroDivisionError

    Playbook(asked(), stages=_stages(DAY, broken)).reserves().completes(answer()).settles(REAL).records("failed")


def test_cancelling_while_it_is_settled_ends_in_one_record() -> None:
    play = Playbook(asked(), stages=_stages()).reserves().completes(answer())
    play.wants(Settle)
    assert play.sends(Cancelled(at=13.0)).records("cancelled").usage == answer().usage


def test_cancelling_while_it_is_reserved_leaves_nothing_to_give_back() -> None:
    Playbook(asked(), stages=_stages()).sends(Cancelled(at=11.0)).records("cancelled")


def _exceeded(resets_at: datetime | None) -> Exceeded:
    limit = Limit(key="overall", window="day", tokens=1000)
    return Exceeded(limit=limit, measure="tokens", used=600, reserved=100, asked=500, resets_at=resets_at)


def test_what_the_budget_does_not_hold_is_refused_and_told_when_it_starts_anew() -> None:
    outcome = _exceeded(datetime(2026, 7, 29, tzinfo=UTC))
    play = Playbook(asked(), stages=_stages()).reserves(outcome)
    entry = play.records("limit_exceeded")
    error = play.raises(LimitExceeded, match=r"\(tokens per day\) is not enough")
    assert isinstance(error, LimitExceeded)
    assert error.hint == "It starts anew at 2026-07-29 00:00 UTC."
    assert "1,000" not in str(error), "how much there is, is nobody else's business"
    assert "1,000 tokens per day; 600 are used and 100 reserved, and the request may take 500" in error.detail
    assert entry.ruling is not None
    assert (entry.ruling.decision, entry.ruling.by) == ("deny", "budget (policy:1 budget #1)")
    assert entry.model_asked is None


def test_a_budget_without_an_end_does_not_start_anew() -> None:
    play = Playbook(asked(), stages=_stages()).reserves(_exceeded(None))
    play.records("limit_exceeded")
    play.raises(LimitExceeded)


def test_a_budget_in_money_refuses_a_model_whose_price_nobody_knows() -> None:
    play = Playbook(asked(), stages=_stages(MONEY, priced=False))
    play.records("limit_exceeded")
    error = play.raises(LimitExceeded, match="cannot be kept")
    assert isinstance(error, LimitExceeded)
    assert "[prices]" in error.detail
    Playbook(asked(), stages=_stages(DAY, priced=False)).reserves().wants(Call)
