"""What is kept of one sampling request: the intent, written before a model is called, and how it ended.

An intent is *started* until its outcome is there, and from then on *finished* for good. One that stays without an
outcome for as long as its lease is *lost*: the process that had it is gone. Should the outcome come after all, the
record is finished like any other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from upcall.models import Adjustment
from upcall.store._times import micros, moment

__all__ = ["Cursor", "Failure", "Filter", "Intent", "Keeping", "Outcome", "Page", "Record", "RecordId", "State"]

RecordId: TypeAlias = int
"""Given by the store, growing with time, never used twice."""

State: TypeAlias = Literal["started", "lost", "finished"]

Keeping: TypeAlias = Literal["full", "redacted", "hashed", "none"]
"""What was done to a body before it was handed to the store, which keeps what it is given."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is kept: ``code`` and ``message`` went to the server, ``detail`` did not."""

    code: int
    message: str
    detail: str = ""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be done, and for whom.

    Fields typed ``Any`` hold JSON: what `json.loads` gives, or msgspec structs, which are kept as JSON objects.
    """

    server: str
    """The name under which *we* started or reached the server."""
    method: str | None = None
    """The client's request around it, such as ``tools/call``."""
    name: str | None = None
    """Name of the tool or prompt, or URI of the resource."""
    version: str | None = None
    """Protocol version of the connection."""
    era: str | None = None
    request_id: str | int | None = None
    """JSON-RPC id, or key among the ``inputRequests``."""
    trace: str | None = None
    """W3C trace context (``traceparent``), where there is one."""
    request: Any = None
    request_mode: Keeping = "full"
    model_asked: str | None = None
    """Name under which the model is called; ``None`` when none is."""
    adjustments: tuple[Adjustment | Any, ...] = ()
    """Read back as JSON objects."""
    flags: tuple[Any, ...] = ()
    """What scanning found."""
    decision: str | None = None
    """Such as ``allow`` or ``deny``."""
    decided_by: str | None = None
    """The rule or the person that decided."""
    started_at: datetime
    """When the request arrived, with a time zone."""
    lease: float = 3600.0
    """Seconds after which an intent without outcome counts as lost."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. What is ``None`` among the last four fields stays as the intent has it."""

    label: str
    """``answered``, ``cancelled``, or the label of an error (see `upcall.errors`)."""
    latency: float
    """Seconds from arrival to the end."""
    finished_at: datetime
    """With a time zone."""
    result: Any = None
    result_mode: Keeping = "full"
    model_used: str | None = None
    """Name of the model that says it answered."""
    stop_reason: str | None = None
    input_tokens: int | None = None
    """``None`` when the provider did not say, here and below."""
    output_tokens: int | None = None
    cached_tokens: int | None = None
    """Part of ``input_tokens`` that came from the provider's cache."""
    micro_usd: int | None = None
    """Millionths of a US dollar; ``None`` when the price is unknown."""
    price_version: str | None = None
    """The snapshot of prices that ``micro_usd`` was computed with."""
    attempts: tuple[Any, ...] = ()
    """Calls that were made before the last one: retries and alternates."""
    error: Failure | None = None
    adjustments: tuple[Adjustment | Any, ...] | None = None
    flags: tuple[Any, ...] | None = None
    decision: str | None = None
    decided_by: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is in the store; see `Intent` and `Outcome` for the fields. Times are in UTC."""

    id: RecordId
    state: State
    server: str
    method: str | None
    name: str | None
    version: str | None
    era: str | None
    request_id: str | int | None
    trace: str | None
    request_mode: Keeping
    result_mode: Keeping | None
    model_asked: str | None
    model_used: str | None
    adjustments: tuple[Any, ...]
    flags: tuple[Any, ...]
    decision: str | None
    decided_by: str | None
    outcome: str | None
    """`Outcome.label`; ``None`` while there is none."""
    error: Failure | None
    attempts: tuple[Any, ...]
    stop_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    micro_usd: int | None
    price_version: str | None
    latency: float | None
    started_at: datetime
    finished_at: datetime | None
    request: Any = None
    """``None`` in listings, which leave bodies out unless asked for them; the same holds for ``result``."""
    result: Any = None

    @property
    def cursor(self) -> Cursor:
        """Where this record stands in listings."""
        return Cursor(started_at=self.started_at, id=self.id)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the listing, which is ordered by start, then id. ``str`` and `parse` are for addresses."""

    started_at: datetime
    id: RecordId

    def __str__(self) -> str:
        return f"{micros(self.started_at)}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that was written as ``text``.

        Raises:
            ValueError: It is none.
        """
        start, _, number = text.partition("-")
        try:
            return cls(started_at=moment(int(start)), id=int(number))
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} is no cursor") from None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records. All that is given must hold."""

    server: str | None = None
    model: str | None = None
    """The model that answered or, where none has yet, the one that was asked."""
    outcome: str | None = None
    era: str | None = None
    state: State | None = None
    since: datetime | None = None
    """Started then or later."""
    until: datetime | None = None
    """Started before."""
    text: str | None = None
    """Somewhere in the bodies, the error's message, or the names; ASCII letters match in either case."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a listing, and where the next one begins."""

    records: tuple[Record, ...]
    next: Cursor | None
    """``None`` on the last page."""
