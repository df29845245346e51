"""One sampling request on its way: how it arrived, and what has become of it so far."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from upcall.errors import UpcallError
from upcall.host.context import SamplingContext
from upcall.host.records import Entry, Fault, Outcome
from upcall.models import Adjustment, Completion
from upcall.wire import SamplingCapability, SamplingRequest

if TYPE_CHECKING:
    from upcall.host.approval import Answer
    from upcall.host.records import Ruling
    from upcall.host.scanning import Flag
    from upcall.models.prices import Cost, Estimate
    from upcall.store import Rate, RecordId, Reservation

__all__ = ["Arrival", "Exchange", "Keep"]

Keep: TypeAlias = Callable[[Entry], Entry]
"""An entry as it may be kept."""


_LONGEST_TRACE = 128
"""Characters; a ``traceparent`` has 55."""


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
    """Seconds on the driver's monotonic clock, which is `time.monotonic`."""


class Exchange:
    """What the stages know and pass on. Stages write here; the record is drawn from here at the exit.

    Invariants: ``request`` can be read once the validity stage is through, and is from then on what the model
    sees; ``completion`` can be read once a model has answered; ``adjustments`` only grows; ``at`` is the time of
    the last event; ``reservation`` is there exactly as long as something is set aside and not yet settled or released;
    ``rate`` is taken once, by the first command that writes to the store.
    """

    def __init__(self, arrival: Arrival, keep: Keep | None = None) -> None:
        self.arrival = arrival
        self._keep = keep
        self.at = arrival.at
        self.adjustments: list[Adjustment] = []
        self.flags: tuple[Flag, ...] = ()
        """What scanning found in the request and, once there is one, in the answer."""
        self.ruling: Ruling | None = None
        """Whether the request may be answered, and who says so; the last word counts."""
        self.due: str | None = None
        """Why a person is to be asked; ``None`` while nobody is."""
        self.answer: Answer | None = None
        """What that person said."""
        self.chosen: str | None = None
        """The model that is to answer."""
        self.alternates: tuple[str, ...] = ()
        """Who answers in its place."""
        self.estimate: Estimate | None = None
        """The most that the call can take, where somebody has to know."""
        self.rate: Rate | None = None
        """What the request has still to be counted under, where processes count together."""
        self.reservation: Reservation | None = None
        self.record: RecordId | None = None
        """The record that was begun."""
        self.model: str | None = None
        """The model that was called."""
        self.cost: Cost | None = None
        """What the call has cost."""
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
    def is_read(self) -> bool:
        """Whether there is a request to read."""
        return self._request is not None

    @property
    def completion(self) -> Completion:
        """The model's answer, with the changes that stages made to it; ``adjustments`` are the model's own."""
        if self._completion is None:
            raise RuntimeError("A stage looked at the answer before there was one.")
        return self._completion

    @completion.setter
    def completion(self, completion: Completion) -> None:
        self._completion = completion

    def take_rate(self) -> Rate | None:
        """What is still to be counted under; whoever takes it gives it to the store."""
        rate, self.rate = self.rate, None
        return rate

    def note(self, adjustment: Adjustment) -> None:
        """Add an adjustment, unless it is there: an edited request goes the same way twice."""
        if adjustment not in self.adjustments:
            self.adjustments.append(adjustment)

    def reply(self) -> Completion:
        """The answer as it leaves: with every adjustment, those of the stages first."""
        completion = self.completion
        if not self.adjustments:
            return completion
        return msgspec.structs.replace(completion, adjustments=(*self.adjustments, *completion.adjustments))

    def entry(self, outcome: Outcome, error: UpcallError | None = None) -> Entry:
        """The record of this exchange, as things stand, with what may be kept of it."""
        completion = self._completion
        entry = Entry(
            context=self.arrival.context,
            request=self._request,
            raw=self.arrival.params if self._request is None else None,
            outcome=outcome,
            result=completion.result if completion is not None else None,
            fault=Fault.of(error) if error is not None else None,
            trace=_trace(self._request),
            ruling=self.ruling,
            flags=self.flags,
            model_asked=self.model,
            model_used=completion.result.model if completion is not None else None,
            stop_reason=completion.result.stop_reason if completion is not None else None,
            usage=completion.usage if completion is not None else None,
            cost=self.cost,
            adjustments=(*self.adjustments, *(completion.adjustments if completion is not None else ())),
            started_at=self.arrival.started_at,
            latency=self.at - self.arrival.at,
        )
        return entry if self._keep is None else self._keep(entry)


def _trace(request: SamplingRequest | None) -> str | None:
    parent = request.meta.get("traceparent") if request is not None and request.meta else None
    return parent if isinstance(parent, str) and len(parent) <= _LONGEST_TRACE else None
