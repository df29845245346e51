"""Counting admissions. See `upcall.store.rates` for states and invariants.

All of it happens in transactions that hold the lock. Numbers of a key have no gaps, and its times grow with them, so
how many there are between two moments is the difference of two numbers, for ten and for ten thousand alike. Those that
come in one transaction have one moment and one row: the first makes it, the others are added to it in the end.
"""

from __future__ import annotations

from datetime import datetime

from upcall.store._connection import Session, Transaction
from upcall.store._times import micros
from upcall.store._values import clean
from upcall.store.rates import MINUTE, Rate, RateExceeded

__all__ = ["admit", "tidy"]

_TIDY_EVERY = 64
"""Rows of a key, about, after which those that count no longer are dropped."""

# In one statement, which is one round trip.
_ADMIT = """
INSERT INTO admissions (key, at, count, number)
SELECT
    CAST(? AS TEXT), CASE WHEN last.at >= here.now THEN last.at + 1 ELSE here.now END, 1, coalesce(last.number, 0) + 1
FROM (SELECT CAST(? AS BIGINT) AS now) AS here
LEFT JOIN (SELECT at, number FROM admissions WHERE key = ? ORDER BY at DESC LIMIT 1) AS last ON 1 = 1
LEFT JOIN (SELECT number - count AS before FROM admissions WHERE key = ? AND at > ? ORDER BY at LIMIT 1) AS first
    ON 1 = 1
WHERE first.before IS NULL OR last.number - first.before < ?
RETURNING at, number
"""
_MORE = "UPDATE admissions SET count = count + ?, number = number + ? WHERE key = ? AND at = ?"
_BEFORE = "SELECT number - count FROM admissions WHERE key = ? AND at > ? ORDER BY at LIMIT 1"
_LAST = "SELECT number FROM admissions WHERE key = ? ORDER BY at DESC LIMIT 1"
_NTH = "SELECT at FROM admissions WHERE key = ? AND at > ? AND number >= ? ORDER BY at LIMIT 1"


def admit(transaction: Transaction, rate: Rate, at: datetime) -> RateExceeded | None:
    """Count one more, or say why not. Is returned, not raised: others may share the transaction."""
    key = clean(rate.key)
    tally = transaction.kept.get((_Tally, key))
    if tally is not None:
        return None if tally.has_room(rate) else tally.exceeded(rate)
    now, since = micros(at), micros(at - MINUTE)
    parameters = (key, now, key, key, since, rate.per_minute)
    admitted = transaction.rows(_ADMIT, parameters)
    if not admitted and transaction.run("DELETE FROM admissions WHERE key = ? AND at > ?", (key, micros(at + MINUTE))):
        # The clock was set back: what lies so far ahead would close the key until then.
        admitted = transaction.rows(_ADMIT, parameters)
    if not admitted:
        return _exceeded(transaction, rate, key, since)
    moment, number = admitted[0]
    if number % _TIDY_EVERY == 0:
        transaction.run("DELETE FROM admissions WHERE key = ? AND at <= ?", (key, since))
    tally = transaction.kept[_Tally, key] = _Tally(transaction, key, moment, number, since)
    transaction.last.append(tally.write)
    return None


def tidy(session: Session, at: datetime) -> None:
    """Drop what counts no longer, of all keys."""
    session.run("DELETE FROM admissions WHERE at <= ?", (micros(at - MINUTE),))


class _Tally:
    """The row of a key and a transaction, and what is to be added to it."""

    def __init__(self, session: Session, key: str, moment: int, number: int, since: int) -> None:
        self._session = session
        self._place = key, moment
        self._number = number
        self._window = key, since
        self._before: int | None = None
        self._more = 0

    def has_room(self, rate: Rate) -> bool:
        """Whether there is room for one more, which is taken."""
        if self._before is None:
            self._before = int(self._session.rows(_BEFORE, self._window)[0][0])
        if self._number + self._more - self._before >= rate.per_minute:
            return False
        self._more += 1
        return True

    def exceeded(self, rate: Rate) -> RateExceeded:
        """Why there is none."""
        self.write()
        return _exceeded(self._session, rate, *self._window)

    def write(self) -> None:
        """Add what is to be added."""
        more, self._more = self._more, 0
        if more:
            self._number += more
            self._session.run(_MORE, (more, more, *self._place))


def _exceeded(session: Session, rate: Rate, key: str, since: int) -> RateExceeded:
    last = session.rows(_LAST, (key,))[0][0]
    count = last - session.rows(_BEFORE, (key, since))[0][0]
    # Room comes once so many have grown old that fewer than ``per_minute`` are left.
    frees = session.rows(_NTH, (key, since, last - rate.per_minute + 1))[0][0]
    return RateExceeded(rate, count, (frees - since) / 1e6)
