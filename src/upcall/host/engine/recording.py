"""Stage *begin the record*: what is about to be done is written down before it is done."""

from __future__ import annotations

import msgspec

from upcall.host.engine.commands import Begin
from upcall.host.engine.events import Begun
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Steps, perform
from upcall.host.records import STARTED

__all__ = ["recording"]


def recording(exchange: Exchange, rest: Rest) -> Steps[None]:
    """Go on once the record of this request would survive the process; without a record, nothing is called.

    What is still to be counted under a rate is counted with the same write, which costs nobody a wait.
    """
    entry = msgspec.structs.replace(exchange.entry(STARTED), model_asked=exchange.chosen)
    exchange.record = (yield from perform(exchange, Begin(entry=entry, rate=exchange.take_rate()), Begun)).record
    yield from rest()
