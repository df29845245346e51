"""The record of one sampling request: a value without an id, written once, at whichever exit the request takes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from upcall.errors import UpcallError
from upcall.host.context import SamplingContext
from upcall.models import Adjustment, Usage
from upcall.wire import SamplingRequest, SamplingResult

__all__ = ["ANSWERED", "CANCELLED", "Entry", "Fault", "Outcome"]

Outcome: TypeAlias = str
"""`ANSWERED`, `CANCELLED`, or the ``label`` of the error (see `upcall.errors`)."""

ANSWERED = "answered"
CANCELLED = "cancelled"


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


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one sampling request."""

    context: SamplingContext
    """Who asked: our name for the server, protocol version, the client's request around it."""
    request: SamplingRequest | None
    """What was asked, as the model was to see it; ``None`` when it could not be read."""
    raw: Any = None
    """The JSON as it came, where it could not be read."""
    outcome: Outcome
    result: SamplingResult | None = None
    """What the model gave; also kept when the answer was refused afterwards (then ``fault`` is set)."""
    fault: Fault | None = None
    model_asked: str | None = None
    """Name under which the model was called; ``None`` when none was."""
    model_used: str | None = None
    """Name of the model that says it answered."""
    usage: Usage | None = None
    adjustments: tuple[Adjustment, ...] = ()
    started_at: datetime
    """When the request arrived, wall clock, with a time zone."""
    latency: float
    """Seconds from arrival to this record."""
