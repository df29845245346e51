"""The record of one sampling request: a value without an id, written once, at whichever exit the request takes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from upcall.errors import UpcallError
from upcall.host.context import SamplingContext
from upcall.models import Adjustment, Usage
from upcall.wire import SamplingRequest, SamplingResult

if TYPE_CHECKING:
    from upcall.host.scanning import Flag
    from upcall.models.prices import Cost
    from upcall.store import Keeping

__all__ = ["ANSWERED", "CANCELLED", "STARTED", "Entry", "Fault", "Outcome", "Ruling"]

Outcome: TypeAlias = str
"""`ANSWERED`, `CANCELLED`, the ``label`` of the error (see `upcall.errors`), or `STARTED` while there is none."""

ANSWERED = "answered"
CANCELLED = "cancelled"
STARTED = "started"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is kept: ``code`` and ``message`` went to the server, ``detail`` did not."""

    label: str
    code: int
    message: str
    detail: str = ""

    @classmethod
    def of(cls, error: UpcallError) -> Fault:
        """The fault that ``error`` leaves behind."""
        return cls(label=error.label, code=error.code, message=str(error), detail=error.detail)


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a request may be answered, and who says so. For this side only: it may name files and people."""

    decision: Literal["allow", "deny"]
    by: str
    """The rule, with its file and line, or the person."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one sampling request."""

    context: SamplingContext
    """Who asked: our name for the server, protocol version, the client's request around it."""
    request: SamplingRequest | None
    """What was asked, as the model was to see it; ``None`` when it could not be read, or is not kept."""
    raw: Any = None
    """The JSON as it came, where it could not be read."""
    outcome: Outcome
    result: SamplingResult | None = None
    """What the model gave; also kept when the answer was refused afterwards (then ``fault`` is set)."""
    trace: str | None = None
    """W3C trace context that the request brought along (``_meta.traceparent``)."""
    kept: Keeping = "full"
    """What was left of ``request``, ``raw`` and ``result`` for the record; see `upcall.host.keeping`."""
    request_hash: str | None = None
    """Where ``kept`` is ``hashed``: SHA-256 of the request's JSON, keys sorted and without blanks, in hexadecimal."""
    result_hash: str | None = None
    """The same of the result."""
    fault: Fault | None = None
    ruling: Ruling | None = None
    """Whether it was allowed, and by whom; ``None`` when nobody had to say."""
    flags: tuple[Flag, ...] = ()
    """What scanning found."""
    model_asked: str | None = None
    """Name under which the model was called; ``None`` when none was."""
    model_used: str | None = None
    """Name of the model that says it answered."""
    stop_reason: str | None = None
    """Why it stopped, also where ``result`` is not kept."""
    usage: Usage | None = None
    cost: Cost | None = None
    """What the call has cost; ``None`` when nobody worked it out."""
    adjustments: tuple[Adjustment, ...] = ()
    started_at: datetime
    """When the request arrived, wall clock, with a time zone."""
    latency: float
    """Seconds from arrival to this record."""
