"""Rates: so many in any 60 seconds, whichever process lets them through.

An *admission* counts under its key from the moment it is made, for `MINUTE`, and then no longer. Nobody gives one back,
so nobody has to: a process that is killed leaves nothing behind that lasts longer than that.

Invariant: no 60 seconds hold more admissions of a key than the rate that each of them was held to, in any interleaving
of processes, as far as their clocks agree. A clock that lags counts on from the last admission.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

__all__ = ["MINUTE", "Rate", "RateExceeded"]

MINUTE = timedelta(minutes=1)
"""How far a rate looks back."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """At most so many under ``key`` in any 60 seconds."""

    key: str
    """Such as ``server:logs``."""
    per_minute: int


class RateExceeded(Exception):  # an outcome, not a failure of the store: whoever names a rate expects it
    """There is no room under the rate now, and nothing was done.

    Attributes:
        rate: Which one.
        count: Admissions of the last 60 seconds.
        retry_after: Seconds until there is room, as far as is known now.
    """

    def __init__(self, rate: Rate, count: int, retry_after: float) -> None:
        super().__init__(f"{rate.key}: {count} within a minute, allowed: {rate.per_minute}")
        self.rate = rate
        self.count = count
        self.retry_after = retry_after
