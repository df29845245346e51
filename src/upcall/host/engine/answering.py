"""The whole way of one request: through the stages, into the record, out as a reply or an error."""

from __future__ import annotations

from collections.abc import Sequence

from upcall.errors import SamplingError
from upcall.host.engine.commands import Record
from upcall.host.engine.exchange import Arrival, Exchange
from upcall.host.engine.stage import Stage, Steps, Withdrawn
from upcall.host.records import ANSWERED, CANCELLED
from upcall.models import Completion

__all__ = ["answering"]


def answering(arrival: Arrival, stages: Sequence[Stage]) -> Steps[Completion]:
    """Answer one request. The generator returns the reply.

    Args:
        arrival: The request.
        stages: From the door to the model; the last one obtains the answer.

    Raises:
        SamplingError: Why there is no answer. A fault inside a stage comes out as one, too.
        Withdrawn: The asker cancelled.
    """
    exchange = Exchange(arrival)
    try:
        yield from _through(stages, exchange)
        completion = exchange.reply()
    except Withdrawn:
        yield Record(entry=exchange.entry(CANCELLED))
        raise
    except SamplingError as error:
        yield Record(entry=exchange.entry(error.label, error))
        raise
    except Exception as bug:
        closed = SamplingError("The host could not process the request.", detail=f"{type(bug).__name__}: {bug}")
        yield Record(entry=exchange.entry(closed.label, closed))
        raise closed from bug
    yield Record(entry=exchange.entry(ANSWERED))
    return completion


def _through(stages: Sequence[Stage], exchange: Exchange) -> Steps[None]:
    if stages:
        yield from stages[0](exchange, lambda: _through(stages[1:], exchange))
