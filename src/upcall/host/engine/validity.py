"""Stage *valid?*: nothing that breaks a rule of the protocol reaches a model."""

from __future__ import annotations

import msgspec

from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Steps
from upcall.models import Adjustment
from upcall.wire import check_request, decode_request

__all__ = ["validity"]


def validity(exchange: Exchange, rest: Rest) -> Steps[None]:
    """Read the request, check it against what was declared and the connection's version, close off context.

    ``includeContext`` MAY be ignored by the one who answers (2025-11-25, client/sampling), so it is turned to
    ``none`` instead of refused.
    """
    arrival = exchange.arrival
    if not exchange.is_read:
        exchange.request = decode_request(arrival.params)
    check_request(exchange.request, declared=arrival.declared, version=arrival.context.version)
    wanted = exchange.request.include_context
    if wanted in ("thisServer", "allServers"):
        exchange.request = msgspec.structs.replace(exchange.request, include_context="none")
        reason = f"{wanted} was asked for; what others said is never shared, and sampling.context not declared."
        exchange.adjustments.append(Adjustment(field="includeContext", action="dropped", reason=reason))
    yield from rest()
