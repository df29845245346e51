"""What the engine wants done. Frozen values; drivers perform them and report back with an event each.

Any of them may also be answered by `Failed` or `Cancelled`, unless it says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from upcall.host.records import Entry
from upcall.wire import SamplingRequest

if TYPE_CHECKING:
    from upcall.host.approval import Question
    from upcall.store import Amount, Limit, Rate, RecordId, Reservation

__all__ = ["Admit", "Ask", "Begin", "Call", "Command", "Recall", "Record", "Release", "Reserve", "Settle"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a model once. Answered by `Completed`."""

    model: str
    """The name under which the driver finds the model."""
    request: SamplingRequest
    alternates: tuple[str, ...] = ()
    """Models to ask in its place, in order, when it is down or rate limited."""
    most: int | None = None
    """Calls of this server at one time. More wait; ``None`` for as many as the driver allows."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Write down how it ended, and hand it to the observers. Answered by `Done`, never by `Failed`: a driver that
    cannot write now writes later, or says in its own log what is lost."""

    entry: Entry
    record: RecordId | None = None
    """The record that was begun; ``None`` when none was."""


class Admit(msgspec.Struct, frozen=True, kw_only=True):
    """Count the request under its server's rate, in all processes that share the store. Answered by `Done`, or by
    `Limited` when there is no room."""

    rate: Rate


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Write down what is about to be done. Answered by `Begun` once it would survive the process."""

    entry: Entry
    rate: Rate | None = None
    """`Admit` it with the same write, or do neither."""


class Reserve(msgspec.Struct, frozen=True, kw_only=True):
    """Set ``amount`` aside under all limits, or under none of them. Answered by `Reserved`."""

    limits: tuple[Limit, ...]
    amount: Amount
    ttl: float
    """Seconds after which it lapses, should nobody settle or release it."""
    rate: Rate | None = None
    """`Admit` it with the same write; without room there, nothing is set aside."""


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """Count what was used in place of what was set aside. Answered by `Done`; never fails, as `Record`."""

    reservation: Reservation
    actual: Amount


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was used. Answered by `Done`; never fails, as `Record`."""

    reservation: Reservation


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an answer that people gave before holds for this question. Answered by `Recalled`."""

    question: Question


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a person. Answered by `Answered`."""

    question: Question


Command: TypeAlias = Call | Record | Admit | Begin | Reserve | Settle | Release | Recall | Ask
