"""Values to store, and a clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from upcall.store import Intent, Outcome

NOON = datetime(2026, 11, 21, 12, 0, 30, 123456, tzinfo=UTC)


class Clock:
    """Stands at ``at``."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def tick(self, seconds: float = 0, **more: float) -> datetime:
        """Go on, and say what time it is then."""
        self.at += timedelta(seconds=seconds, **more)
        return self.at


def intent(**changes: Any) -> Intent:
    """An intent of the server ``logs``."""
    return Intent(**{"server": "logs", "started_at": NOON, **changes})


def outcome(**changes: Any) -> Outcome:
    """An answer."""
    values = {"label": "answered", "latency": 1.5, "finished_at": NOON + timedelta(seconds=1.5), **changes}
    return Outcome(**values)
