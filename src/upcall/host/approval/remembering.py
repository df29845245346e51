"""`Remembering`: asks only what nothing remembered answers, and sees to it that an answer sticks.

An answer that is remembered also settles the questions that wait meanwhile, in this process, and that it covers: a
server that asks ten times at once is denied once. What a person said for the session is in memory; what is to last is
in the store, where other processes find it, and where it can be forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from anyio import CancelScope

from upcall.errors import StoreError
from upcall.host.approval.memory import Memory, answer_from, consent_of, keys_of, lasts
from upcall.host.approval.question import Answer, Approver, Question
from upcall.store import Consent, Store

__all__ = ["Remembering"]

_log = logging.getLogger("upcall.host")


def _now() -> datetime:
    return datetime.now(UTC)


class Remembering:
    """An approver in front of another one.

    Args:
        approver: Is asked what nothing remembered answers.
        store: Keeps what is to last; without one, that too lasts as long as this process.
        clock: The time, with a time zone.
    """

    def __init__(self, approver: Approver, *, store: Store | None = None, clock: Callable[[], datetime] = _now) -> None:
        self._approver = approver
        self._store = store
        self._clock = clock
        self._memory = Memory()
        self._waiting: set[_Waiting] = set()

    async def standing(self, question: Question) -> Answer | None:
        """The remembered answer to ``question``, a no before a yes; ``None`` when a person is to be asked.

        When what was remembered cannot be read, the answer is no.
        """
        no, yes = keys_of(question)
        try:
            held = await self._held(no) or await self._held(yes)
        except StoreError as error:
            reason = f"What people said before cannot be read: {error} {error.detail}"
            return Answer(approved=False, reason=reason, asked=False)
        return answer_from(held) if held is not None else None

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        with CancelScope() as scope:
            # From before the look: what is settled after it, and before the question is out, must not be missed.
            waiting = _Waiting(question, scope)
            self._waiting.add(waiting)
            try:
                standing = await self.standing(question)
                if standing is not None:
                    return standing
                answer = await self._approver.ask(question)
            finally:
                self._waiting.discard(waiting)
        if scope.cancelled_caught and waiting.settled is not None:
            return waiting.settled
        await self._remember(question, answer)
        return answer

    async def _held(self, key: str) -> Consent | None:
        held = self._memory.held(key, self._clock())
        return held if held is not None or self._store is None else await self._store.consent(key)

    async def _remember(self, question: Question, answer: Answer) -> None:
        consent = consent_of(question, answer, self._clock())
        if consent is None:
            return
        if self._store is None or not lasts(answer):
            self._settle(self._memory.remember(consent, self._clock()))
            return
        self._settle(consent)  # before anything else is shown to the same person
        try:
            self._settle(await self._store.remember(consent))
        except StoreError as error:
            _log.error("A decision holds for this process only: %s %s", error, error.detail)
            self._memory.remember(consent, self._clock())

    def _settle(self, consent: Consent) -> None:
        for waiting in list(self._waiting):
            if consent.key in keys_of(waiting.question):
                waiting.settled = answer_from(consent)
                waiting.scope.cancel()


class _Waiting:
    """A question that somebody is being asked."""

    def __init__(self, question: Question, scope: CancelScope) -> None:
        self.question = question
        self.scope = scope
        self.settled: Answer | None = None
