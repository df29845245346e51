"""Moments as the database has them: whole microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["micros", "moment", "now"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """``at`` as a number. A ``TypeError`` when it has no time zone."""
    return (at - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The moment behind ``number``, in UTC. An ``OverflowError`` when it is not in the calendar."""
    return _EPOCH + number * _MICROSECOND


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
