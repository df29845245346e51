"""Following the record: what is new, and what has been finished since it was seen.

An id is *unseen*, then *watched* if its record was not finished, then done with. Two things keep this from being as
simple as "greater than the last": a record changes once after it appeared, and on PostgreSQL one with a smaller id
may appear after one with a greater, since ids are drawn before transactions commit. So *skipped* ids are looked for
a while longer.

Looking changes nothing here: it may be repeated, as all work on a database. `Follower.note` takes what was seen.
"""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from upcall.store._connection import Session
from upcall.store._listing import fresh, last_id, matching, present
from upcall.store.records import Filter, Record, RecordId

__all__ = ["Follower", "Sighting"]

_STEP = 500
_GAP = 200
"""A longer row of missing ids is no gap: those were pruned."""
_PATIENCE = 60.0
"""Seconds within which a skipped id may still appear: far longer than any transaction takes."""


class Sighting(NamedTuple):
    """What a look has found."""

    records: list[Record]
    """Those that are new, or finished since, and pass the filter."""
    ids: dict[RecordId, bool]
    """All ids that are new or were watched, filter or not, and whether they are finished."""
    start: RecordId
    """Nothing up to this id is new."""


class Follower:
    """Knows what has been seen.

    Args:
        filter: Which records come out.
        after: Those with a greater id; ``None`` for those that begin from the first look on.
        bodies: With requests and results.
    """

    def __init__(self, filter: Filter, after: RecordId | None, *, bodies: bool) -> None:
        self._filter = filter
        self._bodies = bodies
        self._last = after
        self._watched: set[RecordId] = set()
        self._skipped: dict[RecordId, float] = {}

    def look(self, session: Session, at: int) -> Sighting:
        """What there is to see now, some hundred records at most."""
        if self._last is None:
            last = last_id(session)
            return Sighting([], dict(fresh(session, max(0, last - _GAP), _GAP)), max(0, last - _GAP))
        ids = dict(fresh(session, self._last, _STEP))
        new = list(ids)
        for record, finished in present(session, sorted({*self._watched, *self._skipped})):
            ids[record] = finished
            if finished or record in self._skipped:
                new.append(record)
        return Sighting(matching(session, self._filter, new, at, bodies=self._bodies), ids, self._last)

    def note(self, sighting: Sighting) -> bool:
        """Take in what was seen. Whether there may be more to see at once."""
        before, now = self._last, monotonic()
        new = [record for record in sighting.ids if record > sighting.start]
        last = max(new, default=sighting.start)
        if last - sighting.start - len(new) <= _GAP:
            missing = (number for number in range(sighting.start + 1, last) if number not in sighting.ids)
            self._skipped.update(dict.fromkeys(missing, now))
        self._skipped = {
            record: since
            for record, since in self._skipped.items()
            if record not in sighting.ids and now - since < _PATIENCE
        }
        self._watched = {record for record, finished in sighting.ids.items() if not finished}
        self._last = last
        return before is not None and last > before
