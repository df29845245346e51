"""Questions to people: asked by one process, decided by another, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tests.store.children import children
from tests.store.samples import NOON, Clock
from upcall.store import Decision, Question, Store, open_store

pytestmark = pytest.mark.anyio

_YES = Decision(verdict="allow", by="ann")
_NO = Decision(verdict="deny", by="ben")


def _question(seconds: float = 60, **changes: object) -> Question:
    return Question(server="logs", body={"text": "May I?"}, expires_at=NOON + timedelta(seconds=seconds), **changes)  # type: ignore[arg-type]


@pytest.fixture
async def live(url: str) -> AsyncIterator[Store]:
    """A store on the wall clock: for waiting."""
    async with open_store(url) as opened:
        yield opened


def _soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_question_is_pending_until_it_is_decided(store: Store, clock: Clock) -> None:
    first, second = await store.ask(_question()), await store.ask(_question(kind="reply"))
    clock.tick(5)
    pending = await store.pending()
    assert [(standing.id, standing.state, standing.version) for standing in pending] == [
        (first, "open", 1),
        (second, "open", 1),
    ]
    assert pending[0].question == _question()
    assert (pending[1].question.kind, pending[1].asked_at) == ("reply", NOON)
    edited = Decision(verdict="allow", by="ann", body={"maxTokens": 5}, note="shorter")
    attempt = await store.decide(first, edited, 1)
    assert attempt.won
    assert (attempt.standing.state, attempt.standing.version) == ("decided", 2)
    assert attempt.standing.decided_at == NOON + timedelta(seconds=5)
    assert [standing.id for standing in await store.pending()] == [second]
    assert await store.question(first) == attempt.standing
    assert attempt.standing.decision == edited
    assert edited.allowed


async def test_the_second_to_decide_is_told_what_the_first_decided(store: Store) -> None:
    question = await store.ask(_question())
    assert (await store.decide(question, _NO, 1)).won
    for version in (1, 2):
        late = await store.decide(question, _YES, version)
        assert not late.won
        assert (late.standing.state, late.standing.decision) == ("decided", _NO)


async def test_taking_tells_others_and_ends_by_itself(store: Store, clock: Clock) -> None:
    question = await store.ask(_question())
    taken = await store.take(question, "ann", 1, lease=10)
    assert taken.won
    assert (taken.standing.taken_by, taken.standing.version) == ("ann", 2)
    assert taken.standing.taken_until == NOON + timedelta(seconds=10)
    too_late = await store.take(question, "ben", 1)
    assert (too_late.won, too_late.standing.taken_by) == (False, "ann")
    assert [standing.taken_by for standing in await store.pending()] == ["ann"]
    clock.tick(10)
    assert [standing.taken_by for standing in await store.pending()] == [None]
    assert not (await store.decide(question, _YES, 1)).won
    assert (await store.decide(question, _YES, 2)).won


async def test_expiry_means_no_and_nobody_can_decide_any_more(store: Store, clock: Clock) -> None:
    question = await store.ask(_question(60))
    clock.tick(60)
    assert await store.pending() == []
    late = await store.decide(question, _YES, 1)
    assert (late.won, late.standing.state, late.standing.decision) == (False, "expired", None)
    assert not (await store.take(question, "ann", 1)).won
    decision = await store.wait(question)
    assert (decision.verdict, decision.by) == ("deny", "nobody")
    standing = await store.question(question)
    assert standing is not None
    assert standing.state == "expired"


async def test_a_withdrawn_question_is_over_and_a_decided_one_stays_decided(store: Store) -> None:
    withdrawn, decided = await store.ask(_question()), await store.ask(_question())
    await store.decide(decided, _YES, 1)
    assert (await store.withdraw(withdrawn)).state == "withdrawn"
    assert (await store.withdraw(decided)).decision == _YES
    assert not (await store.decide(withdrawn, _YES, 1)).won
    assert (await store.wait(withdrawn)).verdict == "deny"
    assert await store.wait(decided) == _YES


async def test_a_question_that_is_not_there_is_answered_by_no(store: Store) -> None:
    assert (await store.wait(99)).verdict == "deny"
    assert await store.question(99) is None
    for attempt in (store.decide(99, _YES, 1), store.take(99, "ann", 1), store.withdraw(99)):
        with pytest.raises(KeyError):
            await attempt


async def test_old_questions_go(store: Store, clock: Clock) -> None:
    question = await store.ask(_question(60))
    clock.tick(days=1, seconds=61)
    await store.prune()
    assert await store.question(question) is None


async def test_who_waits_hears_the_decision_of_another_store(live: Store, url: str) -> None:
    question = await live.ask(Question(server="logs", expires_at=_soon(60)))
    async with open_store(url) as elsewhere:
        waiting = [asyncio.create_task(live.wait(question)) for _ in range(3)]
        await asyncio.wait(waiting, timeout=0.1)
        assert not any(task.done() for task in waiting)
        asked = await elsewhere.pending()
        await elsewhere.decide(asked[0].id, _YES, asked[0].version)
        with anyio.fail_after(5):
            assert await asyncio.gather(*waiting) == [_YES] * 3


async def test_waiting_ends_when_the_question_expires(live: Store) -> None:
    question = await live.ask(Question(server="logs", expires_at=_soon(0.3)))
    started = time.monotonic()
    with anyio.fail_after(10):
        assert (await live.wait(question)).verdict == "deny"
    assert time.monotonic() - started > 0.2


async def test_waiting_ends_at_the_deadline_and_takes_the_question_back(live: Store) -> None:
    question = await live.ask(Question(server="logs", expires_at=_soon(60)))
    with anyio.fail_after(10):
        assert (await live.wait(question, _soon(0.2))).verdict == "deny"
    assert await live.pending() == []
    assert not (await live.decide(question, _YES, 1)).won


async def test_of_four_processes_that_decide_at_once_one_wins_and_all_know_who(live: Store, url: str) -> None:
    for _ in range(3):
        question = await live.ask(Question(server="logs", expires_at=_soon(60)))
        lines = [("decide", url, str(question), "1", who) for who in ("ann", "ben", "cleo", "dan")]
        with children(*lines) as processes:
            for process in processes:
                process.go()
            told = [process.hear() for process in processes]
        assert sorted(won for won, _ in told) == [False, False, False, True]
        assert len({by for _, by in told}) == 1
        assert (await live.wait(question)).by == told[0][1]
