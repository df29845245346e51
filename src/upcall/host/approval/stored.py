"""`StoreApprover`: lays the question into the store, for whoever decides there: another terminal, a page.

What travels is `body_of` a question and, the other way, `decision_of` an answer. Whoever can write to the store can
decide; what comes back is nevertheless checked like any stranger's JSON, and what cannot be read is a no.

A question is withdrawn when the one who asked is gone. Should the whole process be gone, it expires by itself.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from upcall.errors import StoreError
from upcall.host.approval.question import NOBODY, Answer, Question
from upcall.store import Decision, QuestionId, Store
from upcall.store import Question as StoredQuestion

__all__ = ["StoreApprover", "answer_of", "body_of", "decision_of", "question_of"]

_log = logging.getLogger("upcall.host")

_GRACE = 5.0
"""Seconds for withdrawing a question when the asker is already being cancelled."""


def body_of(question: Question) -> Any:
    """``question`` as JSON."""
    return msgspec.to_builtins(question)


def question_of(body: Any) -> Question | None:
    """What `body_of` made; ``None`` for anything else."""
    try:
        return msgspec.convert(body, Question)
    except msgspec.ValidationError:
        return None


def decision_of(answer: Answer) -> Decision:
    """``answer`` as the store keeps decisions."""
    body = {
        name: value
        for name, value in msgspec.to_builtins(answer).items()
        if name in ("request", "result", "remember", "until") and value is not None
    }
    return Decision(verdict="allow" if answer.approved else "deny", by=answer.by, body=body, note=answer.reason)


def answer_of(decision: Decision) -> Answer:
    """What `decision_of` was given; a no when it cannot be read."""
    body = decision.body if isinstance(decision.body, dict) else {}
    said = {"approved": decision.allowed, "by": decision.by, "reason": decision.note}
    try:
        return msgspec.convert({**body, **said}, Answer)
    except msgspec.ValidationError as error:
        return Answer(approved=False, by=decision.by, reason=f"The decision cannot be read: {error}")


class StoreApprover:
    """Asks through the store.

    Args:
        store: Where the question lies until somebody decides. It holds the whole prompt for that time and a day
            longer, whatever the policy keeps in the record.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        expires = datetime.now(UTC) + timedelta(seconds=question.deadline)
        laid = StoredQuestion(
            server=question.context.server, kind=question.kind, body=body_of(question), expires_at=expires
        )
        number: QuestionId | None = None
        try:
            number = await self._store.ask(laid)
            answer = answer_of(await self._store.wait(number))
        except StoreError as error:
            await self._withdraw(number)
            _log.error("A question could not be asked through the store: %s %s", error, error.detail)
            return Answer(approved=False, reason=f"The store failed: {error} {error.detail}", asked=False)
        except anyio.get_cancelled_exc_class():
            await self._withdraw(number)
            raise
        if answer.by == NOBODY and not answer.reason:
            reason = f"Nobody decided within {question.deadline:g} seconds; `upcall pending` lists what is open."
            return replace(answer, reason=reason)
        return answer

    async def _withdraw(self, number: QuestionId | None) -> None:
        if number is None:
            return  # a cancelled `ask` of the store takes itself back
        with anyio.move_on_after(_GRACE, shield=True):
            try:
                await self._store.withdraw(number)
            except StoreError as error:
                _log.error("A question could not be withdrawn: %s %s", error, error.detail)
