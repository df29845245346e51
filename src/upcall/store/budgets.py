"""Budgets: limits on calls, tokens and money within windows of time, and what is set aside within them.

A *reservation* is open until it is settled, released or expired. While it is open its whole amount counts in every
window that it began in; settled, the actual amount counts there instead; released or expired, nothing does. A
reservation that expired is still settled truthfully when its call comes to an end after all.

Invariant: for every limit that was checked, what is settled and what is open never exceed it together, in any
interleaving of processes, as long as nothing is settled above what was reserved.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

__all__ = ["WINDOWS", "Amount", "Exceeded", "Limit", "Measure", "Reservation", "Spent", "Window", "window_of"]

Window: TypeAlias = Literal["minute", "hour", "day", "month", "ever"]
WINDOWS: tuple[Window, ...] = ("minute", "hour", "day", "month", "ever")

Measure: TypeAlias = Literal["calls", "tokens", "micro_usd"]

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """So many calls, tokens (input and output) and millionths of a US dollar.

    Raises:
        ValueError: One of them is negative.
    """

    calls: int = 1
    tokens: int = 0
    micro_usd: int = 0

    def __post_init__(self) -> None:
        if min(self.calls, self.tokens, self.micro_usd) < 0:
            raise ValueError("an amount is not negative")


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most so much under ``key`` within each ``window``. A limit of nothing only has the key counted.

    Raises:
        ValueError: One of the numbers is negative.
    """

    key: str
    """Such as ``overall``, ``server:logs`` or ``model:anthropic/claude-sonnet-5``."""
    window: Window = "ever"
    """Windows begin with the minute, hour, day or month of UTC."""
    calls: int | None = None
    tokens: int | None = None
    micro_usd: int | None = None

    def __post_init__(self) -> None:
        if any(value is not None and value < 0 for value in (self.calls, self.tokens, self.micro_usd)):
            raise ValueError("a limit is not negative")


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Set aside. To be given to `settle` or `release`, by any process."""

    id: str
    amount: Amount
    expires_at: datetime


class Exceeded(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was set aside: ``used + reserved + asked`` would exceed ``limit.<measure>``."""

    limit: Limit
    measure: Measure
    used: int
    """Settled in the current window."""
    reserved: int
    """Set aside at the moment by others."""
    asked: int
    resets_at: datetime | None
    """When the next window begins; ``None`` for ``ever``."""

    @property
    def allowed(self) -> int:
        """The limit's number."""
        return getattr(self.limit, self.measure) or 0


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with one key in one window, now."""

    key: str
    window: Window
    since: datetime
    resets_at: datetime | None
    settled: Amount
    reserved: Amount


def window_of(window: Window, at: datetime) -> tuple[datetime, datetime | None]:
    """Start of the window that ``at`` lies in, and of the one after it. ``ever`` starts in 1970 and does not end."""
    at = at.astimezone(UTC)
    match window:
        case "minute":
            start = at.replace(second=0, microsecond=0)
            return start, start + timedelta(minutes=1)
        case "hour":
            start = at.replace(minute=0, second=0, microsecond=0)
            return start, start + timedelta(hours=1)
        case "day":
            start = at.replace(hour=0, minute=0, second=0, microsecond=0)
            return start, start + timedelta(days=1)
        case "month":
            start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return start, start + timedelta(days=monthrange(start.year, start.month)[1])
        case "ever":
            return _BEGINNING, None
