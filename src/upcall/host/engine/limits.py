"""Stage *limits*: what is too much is clamped or refused before anything is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upcall.errors import LimitExceeded
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps
from upcall.host.limits import apply_limits, check_result
from upcall.host.records import Ruling

if TYPE_CHECKING:
    from upcall.host.limits import Counters
    from upcall.host.policy import Rules

__all__ = ["limits"]


def limits(rules: Rules, counters: Counters) -> Stage:
    """A stage that holds a request to the limits of its server.

    Args:
        rules: Of the server that asks.
        counters: Of all servers; the same object for every request of a host.
    """

    def limit(exchange: Exchange, rest: Rest) -> Steps[None]:
        try:
            if exchange.answer is None:  # one that a person has edited was counted when it arrived
                _count(exchange, rules, counters)
            exchange.request, adjustments = apply_limits(exchange.request, rules)
        except LimitExceeded as refusal:
            exchange.ruling = Ruling(decision="deny", by=f"{refusal.limit} ({rules.origin(refusal.limit)})")
            raise
        exchange.adjustments.extend(adjustments)
        yield from rest()

    return limit


def _count(exchange: Exchange, rules: Rules, counters: Counters) -> None:
    context = exchange.arrival.context
    if context.batch is not None:
        check_result(rules, requests=context.batch, round=context.round)
    if context.counted:
        return
    counters.admit(rules, at=exchange.at, call=context.call)
