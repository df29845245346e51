"""One sampling request on its way: how it arrived, and what has become of it so far."""

from __future__ import annotations

from datetime import datetime

import msgspec

from upcall.errors import UpcallError
from upcall.host.context import SamplingContext
from upcall.host.records import Entry, Fault, Outcome
from upcall.models import Adjustment, Completion
from upcall.wire import SamplingCapability, SamplingRequest

__all__ = ["Arrival", "Exchange"]


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came through the door."""

    params: object
    """A `SamplingRequest`, or the parsed JSON that ought to be one."""
    context: SamplingContext
    declared: SamplingCapability
    """What this side declared on that connection."""
    started_at: datetime
    """Wall clock, with a time zone."""
    at: float
    """Seconds on the driver's monotonic clock."""


class Exchange:
    """What the stages know and pass on. Stages write here; the record is drawn from here at the exit.

    Invariants: ``request`` can be read once the validity stage is through, and is from then on what the model
    sees; ``completion`` can be read once a model has answered; ``adjustments`` only grows; ``at`` is the time of
    the last event.
    """

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.at = arrival.at
        self.adjustments: list[Adjustment] = []
        self.model: str | None = None
        self._request = arrival.params if isinstance(arrival.params, SamplingRequest) else None
        self._completion: Completion | None = None

    @property
    def request(self) -> SamplingRequest:
        """The request, with the changes that stages made to it."""
        if self._request is None:
            raise RuntimeError("A stage looked at the request before it was read.")
        return self._request

    @request.setter
    def request(self, request: SamplingRequest) -> None:
        self._request = request

    @property
    def completion(self) -> Completion:
        """The model's answer, with the changes that stages made to it; ``adjustments`` are the model's own."""
        if self._completion is None:
            raise RuntimeError("A stage looked at the answer before there was one.")
        return self._completion

    @completion.setter
    def completion(self, completion: Completion) -> None:
        self._completion = completion

    def reply(self) -> Completion:
        """The answer as it leaves: with every adjustment, those of the stages first."""
        completion = self.completion
        if not self.adjustments:
            return completion
        return msgspec.structs.replace(completion, adjustments=(*self.adjustments, *completion.adjustments))

    def entry(self, outcome: Outcome, error: UpcallError | None = None) -> Entry:
        """The record of this exchange, as things stand."""
        completion = self._completion
        return Entry(
            context=self.arrival.context,
            request=self._request,
            raw=self.arrival.params if self._request is None else None,
            outcome=outcome,
            result=completion.result if completion is not None else None,
            fault=Fault.of(error) if error is not None else None,
            model_asked=self.model,
            model_used=completion.result.model if completion is not None else None,
            usage=completion.usage if completion is not None else None,
            adjustments=(*self.adjustments, *(completion.adjustments if completion is not None else ())),
            started_at=self.arrival.started_at,
            latency=self.at - self.arrival.at,
        )
