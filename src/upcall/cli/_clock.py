"""How times are read and said: in local time, or in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

__all__ = ["Clock", "utc_option"]

_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

utc_option = click.option("--utc", is_flag=True, help="Times in UTC instead of local time.")


class Clock:
    """A zone, and what time it is.

    Args:
        utc: UTC instead of local time.
        now: What time it is; for tests.
    """

    def __init__(self, *, utc: bool = False, now: datetime | None = None) -> None:
        self.now = (now or datetime.now(UTC)).astimezone(UTC if utc else None)
        self._utc = utc

    def local(self, at: datetime) -> datetime:
        """``at`` in the zone that is shown."""
        return at.astimezone(UTC if self._utc else None)

    @property
    def zone(self) -> str:
        """Name of that zone."""
        return self.now.tzname() or "local"

    def short(self, at: datetime) -> str:
        """``07-28 14:00:01``, with the year in place of the time when it is another one."""
        at = self.local(at)
        return f"{at:%m-%d %H:%M:%S}" if at.year == self.now.year else f"{at:%Y-%m-%d}"

    def full(self, at: datetime) -> str:
        """``2026-07-28 14:00:01 CEST``."""
        at = self.local(at)
        return f"{at:%Y-%m-%d %H:%M:%S} {at.tzname()}"

    def iso(self, at: datetime) -> str:
        """For programs."""
        return self.local(at).isoformat(timespec="milliseconds")

    def read(self, text: str) -> datetime:
        """``30m``, ``2h``, ``7d``, ``2w`` ago; or a date, or a moment, in the zone that is shown.

        Raises:
            click.BadParameter: It is none of these.
        """
        if found := _SPAN.fullmatch(text.strip()):
            try:
                return self.now - timedelta(**{_UNITS[found[2]]: int(found[1])})
            except OverflowError:
                raise click.BadParameter(f"{text} is before the calendar begins.") from None
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is no time; write 30m, 2h, 7d, 2026-07-28, or 2026-07-28T14:00."
            ) from None
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC) if self._utc else at.astimezone()
