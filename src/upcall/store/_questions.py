"""Questions to people. See `upcall.store.decisions` for states and rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from upcall.store._connection import Session
from upcall.store._times import micros, moment
from upcall.store._values import clean, from_json, to_json
from upcall.store.decisions import Attempt, Decision, Question, QuestionId, QuestionState, Standing

__all__ = ["ask", "decide", "pending", "standing", "take", "tidy", "withdraw"]

_COLUMNS = (
    "id, version, state, server, kind, body, asked_at, expires_at, taken_by, taken_until, verdict, decided_by, "
    "answer, note, decided_at"
)
_SELECT = f"SELECT {_COLUMNS} FROM questions"  # noqa: S608 constants
_KEPT = timedelta(days=1)

_ASK = """
INSERT INTO questions (version, state, server, kind, body, asked_at, expires_at)
VALUES (1, 'open', ?, ?, ?, ?, ?) RETURNING id
"""
_TAKE = """
UPDATE questions SET version = version + 1, taken_by = ?, taken_until = ?
WHERE id = ? AND version = ? AND state = 'open' AND expires_at > ?
"""
_DECIDE = """
UPDATE questions SET
    version = version + 1, state = 'decided', verdict = ?, decided_by = ?, answer = ?, note = ?, decided_at = ?
WHERE id = ? AND version = ? AND state = 'open' AND expires_at > ?
"""
_WITHDRAW = """
UPDATE questions SET version = version + 1, state = CASE WHEN expires_at <= ? THEN 'expired' ELSE 'withdrawn' END
WHERE id = ? AND state = 'open'
"""


def ask(session: Session, question: Question, at: datetime) -> QuestionId:
    """Insert it."""
    parameters = (
        clean(question.server),
        clean(question.kind),
        to_json(question.body),
        micros(at),
        micros(question.expires_at),
    )
    return int(session.rows(_ASK, parameters)[0][0])


def pending(session: Session, at: datetime) -> list[Standing]:
    """Open ones."""
    sql = " ".join([_SELECT, "WHERE state = 'open' AND expires_at > ? ORDER BY id"])
    return [_parse(row, at) for row in session.rows(sql, (micros(at),))]


def standing(session: Session, question: QuestionId, at: datetime) -> Standing | None:
    """How one stands."""
    rows = session.rows(" ".join([_SELECT, "WHERE id = ?"]), (question,))
    return _parse(rows[0], at) if rows else None


def take(session: Session, question: QuestionId, who: str, version: int, at: datetime, lease: float) -> Attempt:
    """Compare and set who looks at it."""
    until = micros(at + timedelta(seconds=lease))
    won = session.run(_TAKE, (clean(who), until, question, version, micros(at))) > 0
    return Attempt(won=won, standing=_known(session, question, at))


def decide(session: Session, question: QuestionId, decision: Decision, version: int, at: datetime) -> Attempt:
    """Compare and set the decision."""
    now = micros(at)
    answer = decision.verdict, clean(decision.by), to_json(decision.body), clean(decision.note), now
    won = session.run(_DECIDE, (*answer, question, version, now)) > 0
    return Attempt(won=won, standing=_known(session, question, at))


def withdraw(session: Session, question: QuestionId, at: datetime) -> Standing:
    """End it, if it is open."""
    session.run(_WITHDRAW, (micros(at), question))
    return _known(session, question, at)


def tidy(session: Session, at: datetime) -> None:
    """Drop what is over for long: the records tell what came of it."""
    session.run("DELETE FROM questions WHERE expires_at < ?", (micros(at - _KEPT),))


def _known(session: Session, question: QuestionId, at: datetime) -> Standing:
    found = standing(session, question, at)
    if found is None:
        raise KeyError(question)
    return found


def _parse(row: Sequence[Any], at: datetime) -> Standing:
    (
        id_, version, state, server, kind, body, asked_at, expires_at, taken_by, taken_until, verdict, decided_by,
        answer, note, decided_at,
    ) = row  # fmt: skip
    taken = taken_until is not None and taken_until > micros(at)
    decision = None
    if verdict is not None:
        decision = Decision(verdict=verdict, by=decided_by, body=from_json(answer), note=note)
    return Standing(
        id=id_,
        version=version,
        state=_state(state, expires_at, at),
        question=Question(server=server, kind=kind, body=from_json(body), expires_at=moment(expires_at)),
        asked_at=moment(asked_at),
        taken_by=taken_by if taken else None,
        taken_until=moment(taken_until) if taken else None,
        decision=decision,
        decided_at=moment(decided_at) if decided_at is not None else None,
    )


def _state(state: QuestionState, expires_at: int, at: datetime) -> QuestionState:
    return "expired" if state == "open" and expires_at <= micros(at) else state
