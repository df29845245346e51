"""Stage *limits*: what is too much is clamped or refused before anything is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upcall.errors import LimitExceeded
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Crowded, Rest, Stage, Steps
from upcall.host.limits import apply_limits, check_result, too_many_a_minute
from upcall.host.records import Ruling
from upcall.store import Rate

if TYPE_CHECKING:
    from upcall.host.limits import Counters
    from upcall.host.policy import Rules

__all__ = ["limits"]


def limits(rules: Rules, counters: Counters, *, shared: bool = False) -> Stage:
    """A stage that holds a request to the limits of its server.

    Requests per minute are counted twice where processes share a store: here, every one that arrives, which costs
    nothing; and in the store, with the first thing that is written about the request, so that all of them together keep
    to the limit. One that is refused there has not counted here.

    Args:
        rules: Of the server that asks.
        counters: Of all servers; the same object for every request of a host.
        shared: Whether other processes may count in the same store.
    """

    def limit(exchange: Exchange, rest: Rest) -> Steps[None]:
        arrived = exchange.at
        counts = exchange.answer is None  # one that a person has edited was counted when it arrived
        try:
            if counts and _count(exchange, rules, counters) and shared:
                exchange.rate = _rate(rules)
            exchange.request, adjustments = apply_limits(exchange.request, rules)
        except LimitExceeded as refusal:
            _rule(exchange, rules, refusal)
            raise
        exchange.adjustments.extend(adjustments)
        try:
            yield from rest()
        except Crowded as crowded:
            counters.take_back(rules, at=arrived, call=exchange.arrival.context.call)
            one_too_many = too_many_a_minute(rules, count=crowded.count + 1, wait=crowded.retry_after)
            _rule(exchange, rules, one_too_many)
            raise one_too_many from None

    return limit


def _count(exchange: Exchange, rules: Rules, counters: Counters) -> bool:
    """Whether it was counted now, and not before."""
    context = exchange.arrival.context
    if context.batch is not None:
        check_result(rules, requests=context.batch, round=context.round, so_far=context.so_far)
    if context.counted:
        return False
    counters.admit(rules, at=exchange.at, call=context.call)
    return True


def _rate(rules: Rules) -> Rate | None:
    most = rules.limits.per_minute
    return None if most is None else Rate(key=f"server:{rules.server}", per_minute=most)


def _rule(exchange: Exchange, rules: Rules, refusal: LimitExceeded) -> None:
    exchange.ruling = Ruling(decision="deny", by=f"{refusal.limit} ({rules.origin(refusal.limit)})")
