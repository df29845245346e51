"""What drivers tell the engine: how a command went, and when."""

from __future__ import annotations

import msgspec

from upcall.errors import SamplingError
from upcall.models import Completion

__all__ = ["Cancelled", "Completed", "Done", "Event", "Failed"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. The engine has no clock: time reaches it here."""

    at: float
    """Seconds on the driver's monotonic clock, the one that stamped the arrival."""


class Done(Event, frozen=True, kw_only=True):
    """A command without a result was performed."""


class Completed(Event, frozen=True, kw_only=True):
    """The model answered a `Call`."""

    completion: Completion


class Failed(Event, frozen=True, kw_only=True):
    """The command failed; the driver has already put foreign exceptions into terms of `upcall.errors`."""

    error: SamplingError


class Cancelled(Event, frozen=True, kw_only=True):
    """The asker does not want the answer any more. May stand in for the outcome of any command."""
