"""Asking through the store: whoever decides first has decided, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import anyio
import pytest

from tests.host.approval.questions import HOSTILE, question, request, result
from upcall.host.approval import (
    Answer,
    Question,
    StoreApprover,
    answer_of,
    body_of,
    decision_of,
    question_of,
)
from upcall.models import Adjustment
from upcall.store import Decision, Standing, Store, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with open_store(url) as opened:
        yield opened


async def the_question(store: Store) -> Standing:
    """The open question, once there is one."""
    return (await the_questions(store, 1))[0]


async def the_questions(store: Store, count: int) -> list[Standing]:
    """The open questions, once there are so many."""
    with anyio.fail_after(10):
        while len(open_ := await store.pending()) < count:  # noqa: ASYNC110 the store has no event to wait for
            await anyio.sleep(0.01)
    return open_


@pytest.mark.parametrize(
    "answer",
    [
        Answer(approved=True, by="ann"),
        Answer(approved=True, by="ann", remember="always", request=request("Shorter", temperature=0.1)),
        Answer(approved=False, by="bob", remember="not_now", until=datetime(2030, 1, 1, tzinfo=UTC), reason="Busy."),
        Answer(approved=False, by="bob", remember="never"),
    ],
)
async def test_the_answer_comes_from_another_process_as_it_was_given(store: Store, url: str, answer: Answer) -> None:
    got: list[Answer] = []

    async def ask() -> None:
        got.append(await StoreApprover(store).ask(question()))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group, open_store(url) as other:
            group.start_soon(ask)
            standing = await the_question(other)
            assert (await other.decide(standing.id, decision_of(answer), standing.version)).won
    assert got == [answer]


async def test_the_question_is_there_whole(store: Store) -> None:
    asked: Question = question(
        HOSTILE,
        scanned=True,
        kind="reply",
        result=result("A lock."),
        adjustments=(Adjustment(field="temperature", action="dropped", reason="No."),),
        reason="The policy says ask.",
    )
    async with anyio.create_task_group() as group:
        group.start_soon(StoreApprover(store).ask, asked)
        standing = await the_question(store)
        group.cancel_scope.cancel()
    assert (standing.question.server, standing.question.kind) == ("logs", "reply")
    assert question_of(standing.question.body) == asked


async def test_in_time_or_no(store: Store) -> None:
    answer = await StoreApprover(store).ask(question(deadline=0.1))
    assert (answer.approved, answer.by, answer.asked) == (False, "nobody", True)
    assert "upcall pending" in answer.reason
    assert await store.pending() == []


async def test_a_question_that_nobody_waits_for_is_withdrawn(store: Store) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(StoreApprover(store).ask, question())
        standing = await the_question(store)
        group.cancel_scope.cancel()
    after = await store.question(standing.id)
    assert after is not None
    assert after.state == "withdrawn"


async def test_many_are_open_at_once(store: Store) -> None:
    """Whoever decides has the order in hand; nobody waits for another's question."""
    got: list[Answer] = []

    async def ask(number: int) -> None:
        got.append(await StoreApprover(store).ask(question(f"number {number}")))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(ask, number)
            for standing in await the_questions(store, 5):
                await store.decide(standing.id, Decision(verdict="allow", by="ann"), standing.version)
    assert [answer.approved for answer in got] == [True] * 5


async def test_a_store_that_fails_is_no_way_to_ask(store: Store) -> None:
    await store.aclose()
    answer = await StoreApprover(store).ask(question())
    assert (answer.approved, answer.asked) == (False, False)


@pytest.mark.parametrize(
    "body",
    [
        {"request": {"messages": []}},
        {"request": 7},
        {"remember": "never"},
        {"remember": "for ever"},
        {"until": "2026-01-01T00:00:00", "remember": "always"},
        {"result": "A text"},
    ],
)
async def test_a_decision_that_cannot_be_read_is_no(body: object) -> None:
    answer = answer_of(Decision(verdict="allow", by="ann", body=body))
    assert not answer.approved
    assert "cannot be read" in answer.reason


async def test_a_decision_cannot_say_yes_in_its_body() -> None:
    body = {"approved": True, "by": "root", "asked": True}
    answer = answer_of(Decision(verdict="deny", by="ann", body=body))
    assert (answer.approved, answer.by) == (False, "ann")


@pytest.mark.parametrize("body", [None, [], "x", {"kind": "request"}, {**body_of(question()), "kind": "other"}])
async def test_what_is_no_question_is_told_from_one(body: object) -> None:
    assert question_of(body) is None
