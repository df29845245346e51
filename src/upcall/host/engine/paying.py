"""Stage *settle budget*: what a call took, as soon as it is known.

It stands close around the call, so that what was paid counts at once, whatever becomes of the answer afterwards: a
person may take minutes to read it, and the process may end meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from upcall.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ModelError,
    ModelRejected,
    RateLimited,
    SamplingError,
    SamplingRefused,
    UnsupportedContent,
)
from upcall.host.engine.commands import Settle
from upcall.host.engine.events import Done
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps, Withdrawn, perform
from upcall.models.prices import price_of
from upcall.store import Amount

if TYPE_CHECKING:
    from upcall.models.prices import Overrides

__all__ = ["paying"]

_UNPAID = (AuthenticationFailed, InvalidRequest, ModelRejected, RateLimited, SamplingRefused, UnsupportedContent)
"""Failures of a call by which nothing was generated."""


def paying(prices: Overrides | None) -> Stage:
    """A stage that works out what the call has cost, and counts it where something was reserved.

    The provider's own numbers count. Where it gives none, or nobody knows whether a call that failed was paid, the
    whole reservation does: a budget is never kept by guessing low. What never reached a provider counts nowhere.

    Args:
        prices: The operator's.
    """

    def pay(exchange: Exchange, rest: Rest) -> Steps[None]:
        try:
            yield from rest()
        except Exception as error:
            reservation = exchange.reservation
            if reservation is not None and _was_called(error):
                unpaid = Amount(calls=reservation.amount.calls)
                yield from _settle(exchange, unpaid if _is_unpaid(error) else reservation.amount)
            raise
        completion = exchange.completion
        model = completion.answered_by or exchange.model or ""
        exchange.cost = price_of(model, completion.usage, prices, at=exchange.arrival.started_at)
        yield from _settle(exchange, _used(exchange))

    return pay


def _was_called(error: Exception) -> bool:
    return error.attempts > 0 if isinstance(error, SamplingError | Withdrawn) else True


def _is_unpaid(error: Exception) -> bool:
    # A status is an answer of the provider's: that it gives none.
    return isinstance(error, _UNPAID) or (isinstance(error, ModelError) and error.status is not None)


def _used(exchange: Exchange) -> Amount:
    usage, cost, reservation = exchange.completion.usage, exchange.cost, exchange.reservation
    reserved = reservation.amount if reservation is not None else Amount()
    micro_usd = cost.micro_usd if cost is not None else None
    return Amount(
        calls=reserved.calls,
        tokens=reserved.tokens if usage is None else usage.total_tokens,
        micro_usd=reserved.micro_usd if micro_usd is None else micro_usd,
    )


def _settle(exchange: Exchange, actual: Amount) -> Steps[None]:
    reservation, exchange.reservation = exchange.reservation, None
    if reservation is not None:
        yield from perform(exchange, Settle(reservation=reservation, actual=actual), Done)
