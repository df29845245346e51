"""What drivers tell the engine: how a command went, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from upcall.errors import SamplingError
from upcall.models import Completion

if TYPE_CHECKING:
    from upcall.host.approval import Answer
    from upcall.store import Exceeded, RecordId, Reservation

__all__ = ["Answered", "Begun", "Cancelled", "Completed", "Done", "Event", "Failed", "Limited", "Recalled", "Reserved"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. The engine has no clock: time reaches it here."""

    at: float
    """Seconds on the driver's monotonic clock, the one that stamped the arrival."""


class Done(Event, frozen=True, kw_only=True):
    """A command without a result was performed."""


class Completed(Event, frozen=True, kw_only=True):
    """The model answered a `Call`."""

    completion: Completion


class Begun(Event, frozen=True, kw_only=True):
    """The record was begun; it would survive the process from now on."""

    record: RecordId


class Reserved(Event, frozen=True, kw_only=True):
    """How a `Reserve` went."""

    outcome: Reservation | Exceeded


class Limited(Event, frozen=True, kw_only=True):
    """The rate that an `Admit`, a `Begin` or a `Reserve` came with has no room. Nothing was counted or written."""

    count: int
    """Requests of the last minute."""
    retry_after: float
    """Seconds until there is room."""


class Recalled(Event, frozen=True, kw_only=True):
    """What people said before; ``None`` when nothing of it holds."""

    answer: Answer | None


class Answered(Event, frozen=True, kw_only=True):
    """A person has decided, or nobody has in time, which is a no."""

    answer: Answer


class Failed(Event, frozen=True, kw_only=True):
    """The command failed; the driver has already put foreign exceptions into terms of `upcall.errors`.

    ``error.attempts`` of a `Call` says how many calls of a provider were made; 0 when none was, for certain.
    """

    error: SamplingError


class Cancelled(Event, frozen=True, kw_only=True):
    """The asker does not want the answer any more. May stand in for the outcome of any command."""

    attempts: int = 0
    """Calls of a provider that had been begun, when the command was a `Call`."""
