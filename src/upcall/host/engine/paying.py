"""Stage *settle budget*: what a call took, as soon as it is known.

It stands close around the call, so that what was paid counts at once, whatever becomes of the answer afterwards: a
person may take minutes to read it, and the process may end meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from upcall.errors import SamplingError
from upcall.host.engine.commands import Settle
from upcall.host.engine.events import Done
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps, Withdrawn, perform
from upcall.models.billing import may_be_paid
from upcall.models.prices import price_of
from upcall.store import Amount

if TYPE_CHECKING:
    from upcall.models.prices import Overrides

__all__ = ["paying"]


def paying(prices: Overrides | None) -> Stage:
    """A stage that works out what the call has cost, and counts it where something was reserved.

    The provider's own numbers count. Where it gives none, or nobody knows whether a call that failed was paid, the
    whole reservation does: a budget is never kept by guessing low. Where one request took several such calls, each of
    them counts as much, though it was reserved once: what they may have cost beyond that is the only way over a budget,
    and the next request finds it closed. What never reached a provider counts nowhere.

    Args:
        prices: The operator's.
    """

    def pay(exchange: Exchange, rest: Rest) -> Steps[None]:
        try:
            yield from rest()
        except Exception as error:
            reservation = exchange.reservation
            if reservation is not None and _was_called(error):
                yield from _settle(exchange, _assumed(reservation.amount, may_be_paid(error)))
            raise
        completion = exchange.completion
        model = completion.answered_by or exchange.model or ""
        exchange.cost = price_of(model, completion.usage, prices, at=exchange.arrival.started_at)
        yield from _settle(exchange, _used(exchange))

    return pay


def _was_called(error: Exception) -> bool:
    return error.attempts > 0 if isinstance(error, SamplingError | Withdrawn) else True


def _assumed(reserved: Amount, calls: int) -> Amount:
    """What so many calls of a provider count for one request, when nobody knows more. ``Amount.calls`` are requests."""
    return Amount(calls=reserved.calls, tokens=reserved.tokens * calls, micro_usd=reserved.micro_usd * calls)


def _used(exchange: Exchange) -> Amount:
    completion, cost, reservation = exchange.completion, exchange.cost, exchange.reservation
    reserved = reservation.amount if reservation is not None else Amount()
    before = _assumed(reserved, completion.unaccounted)
    micro_usd = cost.micro_usd if cost is not None else None
    return Amount(
        calls=reserved.calls,
        tokens=before.tokens + (reserved.tokens if completion.usage is None else completion.usage.total_tokens),
        micro_usd=before.micro_usd + (reserved.micro_usd if micro_usd is None else micro_usd),
    )


def _settle(exchange: Exchange, actual: Amount) -> Steps[None]:
    reservation, exchange.reservation = exchange.reservation, None
    if reservation is not None:
        yield from perform(exchange, Settle(reservation=reservation, actual=actual), Done)
