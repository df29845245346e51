"""Counting admissions. See `upcall.store.rates` for states and invariants.

All of it happens in transactions that hold the lock. Numbers of a key have no gaps, and its times grow with them, so
how many there are between two moments is the difference of two numbers, for ten and for ten thousand alike.
"""

from __future__ import annotations

from datetime import datetime

from upcall.store._connection import Session
from upcall.store._times import micros
from upcall.store._values import clean
from upcall.store.rates import MINUTE, Rate, RateExceeded

__all__ = ["admit", "tidy"]

_TIDY_EVERY = 64
"""Admissions of a key, after which those that count no longer are dropped."""

# In one statement, which is one round trip.
_ADMIT = """
INSERT INTO admissions (key, at, number)
SELECT CAST(? AS TEXT), CASE WHEN last.at >= here.now THEN last.at + 1 ELSE here.now END, coalesce(last.number, 0) + 1
FROM (SELECT CAST(? AS BIGINT) AS now) AS here
LEFT JOIN (SELECT at, number FROM admissions WHERE key = ? ORDER BY at DESC LIMIT 1) AS last ON 1 = 1
LEFT JOIN (SELECT number FROM admissions WHERE key = ? AND at > ? ORDER BY at LIMIT 1) AS first ON 1 = 1
WHERE first.number IS NULL OR last.number - first.number + 1 < ?
RETURNING number
"""
_FIRST = "SELECT number FROM admissions WHERE key = ? AND at > ? ORDER BY at LIMIT 1"
_LAST = "SELECT number FROM admissions WHERE key = ? ORDER BY at DESC LIMIT 1"
_NTH = "SELECT at FROM admissions WHERE key = ? AND at > ? ORDER BY at LIMIT 1 OFFSET ?"


def admit(session: Session, rate: Rate, at: datetime) -> RateExceeded | None:
    """Count one more, or say why not. Is returned, not raised: others may share the transaction."""
    key, now, since = clean(rate.key), micros(at), micros(at - MINUTE)
    parameters = (key, now, key, key, since, rate.per_minute)
    admitted = session.rows(_ADMIT, parameters)
    if not admitted and session.run("DELETE FROM admissions WHERE key = ? AND at > ?", (key, micros(at + MINUTE))):
        # The clock was set back: what lies so far ahead would close the key until then.
        admitted = session.rows(_ADMIT, parameters)
    if not admitted:
        return _exceeded(session, rate, key, now, since)
    if admitted[0][0] % _TIDY_EVERY == 0:
        session.run("DELETE FROM admissions WHERE key = ? AND at <= ?", (key, since))
    return None


def tidy(session: Session, at: datetime) -> None:
    """Drop what counts no longer, of all keys."""
    session.run("DELETE FROM admissions WHERE at <= ?", (micros(at - MINUTE),))


def _exceeded(session: Session, rate: Rate, key: str, now: int, since: int) -> RateExceeded:
    count = session.rows(_LAST, (key,))[0][0] - session.rows(_FIRST, (key, since))[0][0] + 1
    # Room comes once so many have grown old that fewer than ``per_minute`` are left.
    last = session.rows(_NTH, (key, since, count - rate.per_minute))[0][0]
    return RateExceeded(rate, count, (last - since) / 1e6)
