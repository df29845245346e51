"""Stage *reserve budget*: what a call can take at most is set aside before anything else is done.

Whoever gets through has it for themselves: of a thousand requests at once, in any number of processes, no more go on
than the budgets hold. What is not used is given back on the way out; what was used is settled by
`upcall.host.engine.paying`, close to the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from upcall.errors import LimitExceeded
from upcall.host.engine.commands import Release, Reserve
from upcall.host.engine.estimating import estimated
from upcall.host.engine.events import Done, Reserved
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps, perform
from upcall.host.records import Ruling
from upcall.store import Amount, Exceeded

if TYPE_CHECKING:
    from upcall.host.policy import Budget, Rules
    from upcall.models.prices import Overrides
    from upcall.store import Limit

__all__ = ["reserving"]

_WORDS = {"calls": "calls", "tokens": "tokens", "micro_usd": "money"}
_PERIODS = {"ever": "in all"}


class _Account(NamedTuple):
    budget: Budget
    limit: Limit


def reserving(rules: Rules, prices: Overrides | None, *, ttl: float) -> Stage:
    """A stage that reserves under every budget which concerns the request: those of its server, of its model and the
    models that may stand in for it, and the one over all.

    Args:
        rules: Of the server that asks.
        prices: The operator's.
        ttl: Seconds that a reservation holds, should this process end without giving it back.
    """

    def reserve(exchange: Exchange, rest: Rest) -> Steps[None]:
        models = [model for model in (exchange.chosen, *exchange.alternates) if model is not None]
        accounts = list(_accounts(rules, models))
        if not accounts:
            yield from rest()
            return
        command = Reserve(
            limits=tuple(dict.fromkeys(account.limit for account in accounts)),
            amount=_amount(exchange, accounts, prices),
            ttl=ttl,
            rate=exchange.take_rate(),
        )
        outcome = (yield from perform(exchange, command, Reserved)).outcome
        if isinstance(outcome, Exceeded):
            raise _refusal(exchange, outcome, accounts)
        exchange.reservation = outcome
        try:
            yield from rest()
        except Exception:
            yield from _release(exchange)
            raise

    return reserve


def _accounts(rules: Rules, models: Sequence[str]) -> Iterator[_Account]:
    for budget in rules.budgets:
        for limit in dict.fromkeys(budget.limit(server=rules.server, model=model) for model in models):
            if limit is not None:
                yield _Account(budget, limit)


def _amount(exchange: Exchange, accounts: Sequence[_Account], prices: Overrides | None) -> Amount:
    most = estimated(exchange, prices)
    micro_usd = most.cost.micro_usd
    if micro_usd is None:
        for budget in (account.budget for account in accounts if account.budget.usd is not None):
            exchange.ruling = Ruling(decision="deny", by=f"budget ({budget.origin})")
            raise LimitExceeded(
                "The budget for sampling cannot be kept with this model.",
                limit="budget",
                detail=f"The price of {exchange.chosen}, or of a model that stands in for it, is unknown, and the "
                f"budget at {budget.origin} is in US dollars. Say what it costs, under [prices].",
            )
    return Amount(calls=1, tokens=most.total_tokens, micro_usd=micro_usd or 0)


def _refusal(exchange: Exchange, exceeded: Exceeded, accounts: Sequence[_Account]) -> LimitExceeded:
    budget = next(account.budget for account in accounts if account.limit == exceeded.limit)
    exchange.ruling = Ruling(decision="deny", by=f"budget ({budget.origin})")
    period = _PERIODS.get(budget.per, f"per {budget.per}")
    unit = "millionths of a US dollar" if exceeded.measure == "micro_usd" else exceeded.measure
    return LimitExceeded(
        f"The rest of the budget for sampling ({_WORDS[exceeded.measure]} {period}) is not enough for this request.",
        limit="budget",
        hint=_reset(exceeded),
        detail=f"The budget for {budget.scope} at {budget.origin} holds {exceeded.allowed:,} {unit} {period}; "
        f"{exceeded.used:,} are used and {exceeded.reserved:,} reserved, and the request may take {exceeded.asked:,}. "
        "Raise it there.",
    )


def _reset(exceeded: Exceeded) -> str:
    if exceeded.resets_at is None:
        return "It does not start anew."
    return f"It starts anew at {exceeded.resets_at:%Y-%m-%d %H:%M} UTC."


def _release(exchange: Exchange) -> Steps[None]:
    reservation, exchange.reservation = exchange.reservation, None
    if reservation is not None:
        yield from perform(exchange, Release(reservation=reservation), Done)
