"""`Ledger`: begins and ends records, reserves and settles budgets, counts what comes within a minute.

Two kinds of commands. What has to be there *before* something is done (`Begin`, `Reserve`, `Admit`) fails when the
store does, and then nothing is done: without a record there is no call. What is written *afterwards* (`Record`,
`Settle`, `Release`) never stands in the way: the money is spent, and the intent has been on record all along. So an
answer goes out although its outcome could not be written yet. It is tried again in the background (`Backlog`); until it
succeeds the record counts as started, and a budget has the whole reservation counted, until that lapses. While a
request runs, its reservation is renewed (`Renewals`), however long a model takes.
"""

from __future__ import annotations

import logging
import secrets
from time import monotonic
from typing import TYPE_CHECKING

from upcall.errors import SamplingError, StoreError
from upcall.host.engine import Admit, Begin, Begun, Done, Event, Failed, Limited, Release, Reserve, Reserved, Settle
from upcall.host.performers.backlog import Backlog
from upcall.host.performers.renewals import Renewals

if TYPE_CHECKING:
    from upcall.host.records import Entry
    from upcall.store import RecordId, Store

__all__ = ["LEASE", "Ledger"]

LEASE = 3600.0
"""Seconds after which a record without an outcome counts as lost."""

_log = logging.getLogger("upcall.host")


class Ledger:
    """Performs the commands that concern the store.

    Args:
        store: Where it is kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._backlog = Backlog()
        self._renewals = Renewals(store)

    async def perform(self, command: Admit | Begin | Reserve | Settle | Release) -> Event:
        """Do it, and say how it went."""
        from upcall.store import RateExceeded

        try:
            match command:
                case Admit(rate=rate):
                    await self._store.admit(rate)
                case Begin(entry=entry, rate=rate):
                    from upcall.host.filing import intent_of

                    record = await self._store.begin(intent_of(entry, lease=LEASE), rate=rate)
                    return Begun(at=monotonic(), record=record)
                case Reserve():
                    from upcall.store import Reservation

                    outcome = await self._store.reserve(command.limits, command.amount, command.ttl, rate=command.rate)
                    if isinstance(outcome, Reservation):
                        self._renewals.hold(outcome, command.ttl)
                    return Reserved(at=monotonic(), outcome=outcome)
                case Settle(reservation=reservation, actual=actual):
                    self._renewals.let_go(reservation)
                    what = f"The use of a budget ({actual.tokens} tokens)"
                    await self._backlog.do(what, lambda: self._store.settle(reservation, actual))
                case Release(reservation=reservation):
                    self._renewals.let_go(reservation)
                    await self._backlog.do("The release of a budget", lambda: self._store.release(reservation))
        except RateExceeded as exceeded:
            return Limited(at=monotonic(), count=exceeded.count, retry_after=exceeded.retry_after)
        except StoreError as error:
            _log.error("The record of this host fails: %s %s", error, error.detail)
            closed = SamplingError("The answering side cannot keep its record.", detail=f"{error} {error.detail}")
            return Failed(at=monotonic(), error=closed)
        return Done(at=monotonic())

    async def record(self, entry: Entry, record: RecordId | None) -> None:
        """Write down how a request ended; the whole record, where none was begun."""
        from upcall.host.filing import intent_of, outcome_of

        outcome = outcome_of(entry)
        what = f"The record of a sampling request of {entry.context.server} ({entry.outcome})"
        if record is None:
            intent = intent_of(entry, lease=LEASE)
            key = secrets.token_hex(12)
            await self._backlog.do(what, lambda: self._store.add(intent, outcome, key=key))
        else:
            await self._backlog.do(what, lambda: self._store.finish(record, outcome))

    async def aclose(self, grace: float) -> None:
        """Write what is still to be written."""
        self._renewals.close()
        await self._backlog.aclose(grace)
