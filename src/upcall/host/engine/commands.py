"""What the engine wants done. Frozen values; drivers perform them and report back with an event each."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from upcall.host.records import Entry
from upcall.wire import SamplingRequest

__all__ = ["Call", "Command", "Record"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a model once. Answered by `Completed`, `Failed` or `Cancelled`."""

    model: str
    """The name under which the driver finds the model."""
    request: SamplingRequest


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Write the entry down. Answered by `Done`; a driver that cannot write says so in its own log."""

    entry: Entry


Command: TypeAlias = Call | Record
