"""Stage *call model*: the innermost one, where the answer comes from."""

from __future__ import annotations

from upcall.host.engine.commands import Call
from upcall.host.engine.events import Completed
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps, perform

__all__ = ["calling"]


def calling(model: str | None = None, *, most: int | None = None) -> Stage:
    """A stage that calls a model. It is the last of its line: nothing comes after it.

    Args:
        model: Its name; ``None`` for the one that was chosen.
        most: Calls of one server at one time.
    """

    def call(exchange: Exchange, rest: Rest) -> Steps[None]:
        name = model or exchange.chosen
        if name is None:
            raise RuntimeError("No model was chosen.")
        exchange.model = name
        command = Call(model=name, request=exchange.request, alternates=exchange.alternates, most=most)
        exchange.completion = (yield from perform(exchange, command, Completed)).completion

    return call
