"""The whole way of one request: through the stages, into the record, out as a reply or an error."""

from __future__ import annotations

from collections.abc import Sequence

from upcall.errors import SamplingError, UpcallError
from upcall.host.engine.commands import Record
from upcall.host.engine.exchange import Arrival, Exchange, Keep
from upcall.host.engine.stage import Edited, Stage, Steps, Withdrawn
from upcall.host.records import ANSWERED, CANCELLED, Outcome
from upcall.models import Completion

__all__ = ["answering"]


def answering(arrival: Arrival, stages: Sequence[Stage], keep: Keep | None = None) -> Steps[Completion]:
    """Answer one request. The generator returns the reply.

    Args:
        arrival: The request.
        stages: From the door to the model; the last one obtains the answer.
        keep: Takes out of every entry what is not to be kept; ``None`` keeps all of it.

    Raises:
        SamplingError: Why there is no answer. A fault inside a stage comes out as one, too.
        Withdrawn: The asker cancelled.
    """
    exchange = Exchange(arrival, keep)
    try:
        yield from _all_the_way(stages, exchange)
        completion = exchange.reply()
    except Withdrawn:
        yield _record(exchange, CANCELLED)
        raise
    except SamplingError as error:
        yield _record(exchange, error.label, error)
        raise
    except Exception as bug:
        closed = SamplingError("The host could not process the request.", detail=f"{type(bug).__name__}: {bug}")
        yield _record(exchange, closed.label, closed)
        raise closed from bug
    yield _record(exchange, ANSWERED)
    return completion


def _all_the_way(stages: Sequence[Stage], exchange: Exchange) -> Steps[None]:
    while True:
        try:
            yield from _through(stages, exchange)
        except Edited:
            continue
        return


def _through(stages: Sequence[Stage], exchange: Exchange) -> Steps[None]:
    if stages:
        yield from stages[0](exchange, lambda: _through(stages[1:], exchange))


def _record(exchange: Exchange, outcome: Outcome, error: UpcallError | None = None) -> Record:
    return Record(entry=exchange.entry(outcome, error), record=exchange.record)
