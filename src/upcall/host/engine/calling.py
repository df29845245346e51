"""Stage *call model*: the innermost one, where the answer comes from."""

from __future__ import annotations

from upcall.host.engine.commands import Call
from upcall.host.engine.events import Completed
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps, perform

__all__ = ["calling"]


def calling(model: str) -> Stage:
    """A stage that calls the model of that name. It is the last of its line: nothing comes after it."""

    def call(exchange: Exchange, rest: Rest) -> Steps[None]:
        exchange.model = model
        command = Call(model=model, request=exchange.request)
        exchange.completion = (yield from perform(exchange, command, Completed)).completion

    return call
