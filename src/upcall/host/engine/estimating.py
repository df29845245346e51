"""The most that a request can take, worked out once for all stages that have to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from upcall.models.prices import Estimate, estimate

if TYPE_CHECKING:
    from upcall.host.engine.exchange import Exchange
    from upcall.models.prices import Overrides

__all__ = ["estimated"]


def estimated(exchange: Exchange, prices: Overrides | None) -> Estimate:
    """The most that the request can take, whichever of the models that may answer it does; of an unknown price, that
    of all of them is unknown."""
    if exchange.estimate is None:
        models = [model for model in (exchange.chosen, *exchange.alternates) if model is not None]
        at = exchange.arrival.started_at
        exchange.estimate = _most([estimate(model, exchange.request, prices, at=at) for model in models])
    return exchange.estimate


def _most(estimates: list[Estimate]) -> Estimate:
    read = max(one.input_tokens for one in estimates)
    written = max(one.output_tokens for one in estimates)
    dearest = max(estimates, key=lambda one: (one.cost.micro_usd is None, one.cost.micro_usd or 0))
    return msgspec.structs.replace(dearest, input_tokens=read, output_tokens=written)
