"""`Store`: what the record can do, whichever database it is in.

Every method may raise a `StoreError`, within a bounded time; then nothing was written (see there for the one
exception). What a method has written when it returns survives the process, whatever becomes of it. A method that is
cancelled has either not happened or is taken back; `finish`, `settle`, `release`, `forget` and what ends a claim may
have happened, and happen at most once however often they are called. What was admitted under a rate stays counted.

One store may be used from several tasks and event loops (asyncio) at once, one database by several processes. The
clocks of machines that share a database should agree within a second or so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from upcall.store.budgets import Amount, Exceeded, Limit, Reservation, Spent
from upcall.store.claims import Claim
from upcall.store.decisions import Attempt, Consent, Decision, Question, QuestionId, Standing
from upcall.store.rates import Rate
from upcall.store.records import Cursor, Filter, Intent, Outcome, Page, Record, RecordId
from upcall.store.usage import By, UsageRow

__all__ = ["EVERYTHING", "Store"]

EVERYTHING = Filter()


class Store(Protocol):
    """The record of everything asked and answered, the budgets, and the decisions of people."""

    shared: bool
    """Whether other processes may use the same one."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def open(self) -> None:
        """Connect, and bring the schema up to date. Otherwise the first use does that.

        Raises:
            StoreError: Also when the database is of a newer upcall than this one.
        """
        ...

    async def aclose(self) -> None:
        """Write what is under way, then let go of the database. A closed store stays closed."""
        ...

    # -- records

    async def begin(self, intent: Intent, *, rate: Rate | None = None) -> RecordId:
        """Write down what is about to be done. When this returns, it is safe to do it.

        Args:
            intent: What is to be done.
            rate: `admit` it in the same transaction.

        Raises:
            RateExceeded: There is no room under ``rate``; nothing was written.
        """
        ...

    async def finish(self, record: RecordId, outcome: Outcome) -> bool:
        """Write down how it ended; false when that was known already, or the record was pruned."""
        ...

    async def add(self, intent: Intent, outcome: Outcome, *, key: str | None = None) -> RecordId:
        """A whole record at once, for what ended before it began.

        Args:
            intent: What was to be done.
            outcome: How it ended.
            key: Whoever writes again with the same key, not knowing whether the first time came through, adds nothing.
        """
        ...

    async def get(self, record: RecordId) -> Record | None:
        """One record, with its bodies."""
        ...

    async def page(
        self, filter: Filter = EVERYTHING, *, limit: int = 50, after: Cursor | None = None, bodies: bool = False
    ) -> Page:
        """Records, newest first, of which those that come ``after`` a place in the listing."""
        ...

    def follow(
        self, filter: Filter = EVERYTHING, *, after: RecordId | None = None, interval: float = 0.5, bodies: bool = False
    ) -> AsyncIterator[Record]:
        """New records as they come, without end: each once as it is found and, if it was not finished then, once
        more when it is.

        Args:
            filter: Which ones. With a filter on the outcome each comes once, finished.
            after: Those with a greater id; ``None`` for what begins, or ends, from now on.
            interval: Seconds between two looks.
            bodies: With requests and results.
        """
        ...

    def export(self, filter: Filter = EVERYTHING) -> AsyncIterator[Record]:
        """All records with their bodies, oldest first."""
        ...

    async def usage(self, filter: Filter = EVERYTHING, *, by: Sequence[By] = ("server",)) -> list[UsageRow]:
        """Sums, ordered by what they are summed by; times first."""
        ...

    async def prune(self, *, older_than: datetime | None = None, keep: int | None = None) -> int:
        """Remove records that started before ``older_than``, and all but the newest ``keep``. How many went.

        Those that are under way stay. Goes in small steps, so that others can write in between.
        """
        ...

    # -- budgets

    async def reserve(
        self, limits: Sequence[Limit], amount: Amount, ttl: float, *, rate: Rate | None = None
    ) -> Reservation | Exceeded:
        """Set ``amount`` aside under all limits for ``ttl`` seconds, or under none of them.

        Args:
            limits: Which ones.
            amount: How much.
            ttl: Seconds until it expires.
            rate: `admit` it in the same transaction. It stays counted when a limit is in the way.

        Raises:
            RateExceeded: There is no room under ``rate``; nothing was set aside.
        """
        ...

    async def renew(self, reservation: Reservation, ttl: float) -> Reservation | None:
        """Let it expire ``ttl`` seconds from now; ``None`` when it was settled or released."""
        ...

    async def settle(self, reservation: Reservation, actual: Amount) -> bool:
        """Count what was really used, more or less than reserved; false when it was settled or released before."""
        ...

    async def release(self, reservation: Reservation) -> bool:
        """Nothing was used; false when it was settled or released before."""
        ...

    async def spent(self, keys: Sequence[str]) -> list[Spent]:
        """How it stands with each key in each window."""
        ...

    # -- rates

    async def admit(self, rate: Rate) -> None:
        """Count one more now under ``rate``; it counts for 60 seconds, whatever becomes of it.

        Raises:
            RateExceeded: There is no room; nothing was counted.
        """
        ...

    # -- decisions

    async def ask(self, question: Question) -> QuestionId:
        """Lay a question out for whoever decides."""
        ...

    async def pending(self) -> list[Standing]:
        """Open questions, oldest first."""
        ...

    async def question(self, question: QuestionId) -> Standing | None:
        """How one stands; ``None`` when there is none, or it was over a day ago."""
        ...

    async def take(self, question: QuestionId, who: str, expected_version: int, *, lease: float = 60.0) -> Attempt:
        """Tell others that ``who`` looks at it for the next ``lease`` seconds.

        Raises:
            KeyError: There is no such question (here and below).
        """
        ...

    async def decide(self, question: QuestionId, decision: Decision, expected_version: int) -> Attempt:
        """Decide it, unless it has changed or is not open any more."""
        ...

    async def withdraw(self, question: QuestionId) -> Standing:
        """Nobody waits for the answer any more. One that was decided stays so."""
        ...

    async def wait(self, question: QuestionId, deadline: datetime | None = None) -> Decision:
        """The decision, as soon as there is one.

        A question that expires, or is still open at the ``deadline`` (which withdraws it), or was withdrawn or is
        unknown, is answered by a ``deny``; its ``by`` is then ``nobody``.
        """
        ...

    # -- consents

    async def remember(self, consent: Consent) -> Consent:
        """Have it hold from now on, in place of an older one, and give back what holds.

        An ``allow`` does not replace a ``deny`` that still holds; that has to be forgotten first.
        """
        ...

    async def consent(self, key: str) -> Consent | None:
        """What holds for ``key``."""
        ...

    async def consents(self) -> list[Consent]:
        """All that hold, by key."""
        ...

    async def forget(self, key: str) -> bool:
        """Remove it; false when there was none."""
        ...

    # -- claims

    async def claim(self, name: str, *, about: str, holder: str, ttl: float) -> Claim:
        """Hold ``name`` for ``ttl`` seconds, unless somebody does, or it is settled; how it stands then.

        Args:
            name: Of what is done once.
            about: What it belongs to, for `drop_claims`.
            holder: Tells this attempt from all others.
            ttl: Seconds after which it lapses, if it is not renewed.
        """
        ...

    async def claimed(self, name: str) -> Claim | None:
        """How it stands; ``None`` when nobody holds it and no result is kept."""
        ...

    async def renew_claim(self, claim: Claim, ttl: float) -> Claim | None:
        """Let it lapse ``ttl`` seconds from now; ``None`` when its holder does not hold it any more."""
        ...

    async def settle_claim(self, claim: Claim, result: str, ttl: float) -> str | None:
        """Keep the result for ``ttl`` seconds, also when somebody else holds the claim by now.

        Gives the result that is kept: another one, when somebody was faster, and an empty one when the claim was
        dropped; ``None`` when it lapsed.
        """
        ...

    async def release_claim(self, claim: Claim) -> bool:
        """Nothing came of it: the next one may have it. False when its holder did not hold it any more."""
        ...

    async def drop_claims(self, about: str, ttl: float) -> int:
        """Nobody needs what belongs to this: remove results, and say so for ``ttl`` seconds. How many there were."""
        ...
