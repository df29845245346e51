"""`SqlStore`: the store, in one database. What is done there is in the query modules beside this one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import anyio
from msgspec.structs import replace

from upcall.errors import StoreError
from upcall.store import _budgets, _claims, _consents, _listing, _questions, _rates, _records
from upcall.store._connection import Session, Transaction, Work
from upcall.store._database import Database
from upcall.store._following import Follower
from upcall.store._times import micros
from upcall.store.base import EVERYTHING, Store
from upcall.store.budgets import Amount, Exceeded, Limit, Reservation, Spent
from upcall.store.claims import Claim
from upcall.store.decisions import Attempt, Consent, Decision, Question, QuestionId, Standing
from upcall.store.rates import Rate, RateExceeded
from upcall.store.records import Cursor, Filter, Intent, Outcome, Page, Record, RecordId
from upcall.store.usage import By, UsageRow

__all__ = ["SqlStore"]

T = TypeVar("T")

_TIDY = 3600.0
"""Seconds between two rounds of dropping what nobody needs any more."""
_EXPORT_STEP = 50
_PRUNE_STEP = 500
_FIRST_LOOK, _LONGEST_LOOK = 0.02, 0.25
"""Seconds between two looks at a question that is waited for: at first, and in the long run."""
_NOBODY = Decision(verdict="deny", by="nobody")


class SqlStore(Store):
    """See `Store`.

    Args:
        database: Where it is kept.
        clock: What time it is, with a time zone.
        shared: Whether other processes may use it.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime], shared: bool = True) -> None:
        self.shared = shared
        self._database = database
        self._read = database.read
        self._clock = clock
        self._tidy_at = 0.0

    def __repr__(self) -> str:
        return f"<Store {self._database!r}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        await self._write(_listing.last_id)

    async def aclose(self) -> None:
        await self._database.aclose()

    # -- records

    async def begin(self, intent: Intent, *, rate: Rate | None = None) -> RecordId:
        return await self._write_within(
            rate,
            lambda session: _records.begin(session, intent),
            undo=lambda record: lambda session: _records.take_back(session, record),
        )

    async def finish(self, record: RecordId, outcome: Outcome) -> bool:
        return await self._write(lambda session: _records.finish(session, record, outcome))

    async def add(self, intent: Intent, outcome: Outcome, *, key: str | None = None) -> RecordId:
        def work(session: Session) -> RecordId:
            record = _records.begin(session, intent, key)
            _records.finish(session, record, outcome)
            return record

        return await self._write(work)

    async def get(self, record: RecordId) -> Record | None:
        return await self._read(lambda session: _records.get(session, record, self._now()))

    async def page(
        self, filter: Filter = EVERYTHING, *, limit: int = 50, after: Cursor | None = None, bodies: bool = False
    ) -> Page:
        return await self._read(
            lambda session: _listing.page(session, filter, limit, after, self._now(), bodies=bodies)
        )

    async def follow(
        self, filter: Filter = EVERYTHING, *, after: RecordId | None = None, interval: float = 0.5, bodies: bool = False
    ) -> AsyncIterator[Record]:
        follower = Follower(filter, after, bodies=bodies)
        while True:
            sighting = await self._read(partial(follower.look, at=self._now()))
            more = follower.note(sighting)
            for record in sighting.records:
                yield record
            if not more:
                await anyio.sleep(interval)

    async def export(self, filter: Filter = EVERYTHING) -> AsyncIterator[Record]:
        after: Cursor | None = None
        while True:
            at = self._now()
            step = partial(_listing.oldest, filter=filter, limit=_EXPORT_STEP, after=after, at=at)
            records = await self._read(step)
            for record in records:
                yield record
            if len(records) < _EXPORT_STEP:
                return
            after = records[-1].cursor

    async def usage(self, filter: Filter = EVERYTHING, *, by: Sequence[By] = ("server",)) -> list[UsageRow]:
        return await self._read(lambda session: _listing.usage(session, filter, by, self._now()))

    async def prune(self, *, older_than: datetime | None = None, keep: int | None = None) -> int:
        gone = 0
        if older_than is not None:
            gone += await self._prune_before(Cursor(started_at=older_than, id=0))
        if keep is not None:
            place = await self._read(lambda session: _listing.place_of(session, keep))
            if place is not None:
                gone += await self._prune_before(Cursor(started_at=place.started_at, id=place.id + 1))
        await self._write(self._tidy, lock=True)
        return gone

    async def _prune_before(self, place: Cursor) -> int:
        gone = 0
        while True:
            at = self._now()
            count = await self._write(partial(_listing.prune_step, before=place, limit=_PRUNE_STEP, at=at))
            gone += count
            if count < _PRUNE_STEP:
                return gone

    # -- budgets

    async def reserve(
        self, limits: Sequence[Limit], amount: Amount, ttl: float, *, rate: Rate | None = None
    ) -> Reservation | Exceeded:
        reservation = _budgets.new_reservation(amount, self._clock(), ttl)
        exceeded = await self._write_within(
            rate,
            lambda session: _budgets.reserve(session, reservation, limits, self._clock()),
            lock=True,
            undo=lambda _: lambda session: _budgets.release(session, reservation.id),
        )
        return exceeded or reservation

    async def renew(self, reservation: Reservation, ttl: float) -> Reservation | None:
        expires_at = self._clock() + timedelta(seconds=ttl)
        renewed = await self._write(lambda session: _budgets.renew(session, reservation, expires_at), lock=True)
        if not renewed:
            return None
        return Reservation(id=reservation.id, amount=reservation.amount, expires_at=expires_at)

    async def settle(self, reservation: Reservation, actual: Amount) -> bool:
        return await self._write(lambda session: _budgets.settle(session, reservation, actual), lock=True)

    async def release(self, reservation: Reservation) -> bool:
        return await self._write(lambda session: _budgets.release(session, reservation.id), lock=True)

    async def spent(self, keys: Sequence[str]) -> list[Spent]:
        return await self._read(lambda session: _budgets.spent(session, keys, self._clock()))

    # -- rates

    async def admit(self, rate: Rate) -> None:
        await self._write_within(rate, _nothing)

    # -- decisions

    async def ask(self, question: Question) -> QuestionId:
        return await self._write(
            lambda session: _questions.ask(session, question, self._clock()),
            undo=lambda asked: lambda session: _questions.withdraw(session, asked, self._clock()),
        )

    async def pending(self) -> list[Standing]:
        return await self._read(lambda session: _questions.pending(session, self._clock()))

    async def question(self, question: QuestionId) -> Standing | None:
        return await self._read(lambda session: _questions.standing(session, question, self._clock()))

    async def take(self, question: QuestionId, who: str, expected_version: int, *, lease: float = 60.0) -> Attempt:
        return await self._write(
            lambda session: _questions.take(session, question, who, expected_version, self._clock(), lease)
        )

    async def decide(self, question: QuestionId, decision: Decision, expected_version: int) -> Attempt:
        return await self._write(
            lambda session: _questions.decide(session, question, decision, expected_version, self._clock())
        )

    async def withdraw(self, question: QuestionId) -> Standing:
        return await self._write(lambda session: _questions.withdraw(session, question, self._clock()))

    async def wait(self, question: QuestionId, deadline: datetime | None = None) -> Decision:
        interval = _FIRST_LOOK
        standing = await self.question(question)
        while standing is not None and standing.state == "open":
            end = min(deadline or standing.question.expires_at, standing.question.expires_at)
            left = (end - self._clock()).total_seconds()
            if left <= 0:
                break
            await anyio.sleep(min(interval, left))
            interval = min(interval * 1.5, _LONGEST_LOOK)
            standing = await self.question(question)
        if standing is not None and standing.decision is None:
            # Somebody may decide at this very moment; the database says who was first.
            standing = await self.withdraw(question)
        return standing.decision or _NOBODY if standing is not None else _NOBODY

    # -- consents

    async def remember(self, consent: Consent) -> Consent:
        return await self._write(lambda session: _consents.remember(session, consent, self._clock()))

    async def consent(self, key: str) -> Consent | None:
        return await self._read(lambda session: _consents.holding(session, key, self._clock()))

    async def consents(self) -> list[Consent]:
        return await self._read(lambda session: _consents.holding_all(session, self._clock()))

    async def forget(self, key: str) -> bool:
        return await self._write(lambda session: _consents.forget(session, key))

    # -- claims

    async def claim(self, name: str, *, about: str, holder: str, ttl: float) -> Claim:
        def undo(claim: Claim) -> Work[object]:
            return lambda session: claim.holder == holder and _claims.release(session, claim)

        at = self._clock()
        expires_at = at + timedelta(seconds=ttl)
        work = partial(_claims.claim, name=name, about=about, holder=holder, expires_at=expires_at, at=at)
        return await self._write(work, lock=True, undo=undo)

    async def claimed(self, name: str) -> Claim | None:
        return await self._read(lambda session: _claims.standing(session, name, self._clock()))

    async def renew_claim(self, claim: Claim, ttl: float) -> Claim | None:
        expires_at = self._clock() + timedelta(seconds=ttl)
        renewed = await self._write(lambda session: _claims.renew(session, claim, expires_at), lock=True)
        return replace(claim, expires_at=expires_at) if renewed else None

    async def settle_claim(self, claim: Claim, result: str, ttl: float) -> str | None:
        at = self._clock()
        work = partial(_claims.settle, claim=claim, result=result, expires_at=at + timedelta(seconds=ttl), at=at)
        return await self._write(work, lock=True)

    async def release_claim(self, claim: Claim) -> bool:
        return await self._write(lambda session: _claims.release(session, claim), lock=True)

    async def drop_claims(self, about: str, ttl: float) -> int:
        expires_at = self._clock() + timedelta(seconds=ttl)
        return await self._write(lambda session: _claims.drop(session, about, expires_at), lock=True)

    def _now(self) -> int:
        return micros(self._clock())

    async def _write(self, work: Work[T], *, lock: bool = False, undo: Callable[[T], Work[object]] | None = None) -> T:
        if monotonic() >= self._tidy_at:
            self._tidy_at = monotonic() + _TIDY
            with suppress(StoreError):  # whatever it is, what is to be written now will meet it, too
                await self._database.write(self._tidy, lock=True)
        return await self._database.write(work, lock=lock, undo=undo)

    async def _write_within(
        self,
        rate: Rate | None,
        work: Work[T],
        *,
        lock: bool = False,
        undo: Callable[[T], Work[object]] | None = None,
    ) -> T:
        """Do ``work`` if ``rate`` has room for one more, and count that, in one transaction."""
        if rate is None:
            return await self._write(work, lock=lock, undo=undo)

        def within(transaction: Transaction) -> T | RateExceeded:
            return _rates.admit(transaction, rate, self._clock()) or work(transaction)

        def taking_back(done: T | RateExceeded) -> Work[object]:
            return _nothing if undo is None or isinstance(done, RateExceeded) else undo(done)

        done = await self._write(within, lock=True, undo=taking_back)
        if isinstance(done, RateExceeded):
            raise done
        return done

    def _tidy(self, session: Session) -> None:
        _budgets.tidy(session, self._clock())
        _rates.tidy(session, self._clock())
        _questions.tidy(session, self._clock())
        _claims.tidy(session, self._clock())


def _nothing(session: Session) -> None:
    """What was not done needs no undoing."""
