"""Whoever decides may fail in any way: that is a no, and never an exception or a hang."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest

from tests.host.playbook import YES, asked
from upcall.errors import SampleTimedOut
from upcall.host import SamplingContext
from upcall.host.approval import Answer, Question
from upcall.host.engine import Answered, Ask, Failed, Recall, Recalled
from upcall.host.performers import People, Run

pytestmark = pytest.mark.anyio

CONTEXT = SamplingContext(server="logs")
QUESTION = Question(kind="request", context=CONTEXT, model="test/model", request=asked(), deadline=60.0)

Behaviour = Callable[[], Awaitable[Answer | None]]


class _Decider:
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def standing(self, question: Question) -> Answer | None:
        return await self._behaviour()

    async def ask(self, question: Question) -> Answer:
        return await self._behaviour()  # type: ignore[return-value]


async def _says_yes() -> Answer:
    return YES


async def _says_nothing() -> None:
    return None


async def _raises() -> Answer:
    raise OSError("no such terminal")


async def _is_cancelled_inside() -> Answer:
    raise asyncio.CancelledError


async def _hangs() -> Answer:
    await anyio.sleep_forever()
    raise AssertionError


def _people(behaviour: Behaviour, timeout: float | None = None) -> People:
    return People(_Decider(behaviour), timeout=timeout)


def _run(timeout: float = 60.0) -> Run:
    return Run(CONTEXT, deadline=anyio.current_time() + timeout)


async def test_an_answer_is_handed_on() -> None:
    event = await _people(_says_yes).perform(Ask(question=QUESTION), _run())
    assert isinstance(event, Answered)
    assert event.answer == YES
    recalled = await _people(_says_nothing).perform(Recall(question=QUESTION), _run())
    assert isinstance(recalled, Recalled)
    assert recalled.answer is None


@pytest.mark.parametrize("behaviour", [_says_nothing, _raises, _is_cancelled_inside])
async def test_what_is_no_answer_is_a_no(behaviour: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    event = await _people(behaviour).perform(Ask(question=QUESTION), _run())
    assert isinstance(event, Answered)
    assert not event.answer.approved
    assert not event.answer.asked
    assert "approves" in caplog.text


async def test_failing_to_recall_is_a_no_as_well() -> None:
    event = await _people(_raises).perform(Recall(question=QUESTION), _run())
    assert isinstance(event, Recalled)
    assert event.answer is not None
    assert not event.answer.approved


async def test_a_person_does_not_have_more_time_than_the_request() -> None:
    with anyio.fail_after(5):
        event = await _people(_hangs, timeout=0.05).perform(Ask(question=QUESTION), _run(0.05))
    assert isinstance(event, Failed)
    assert isinstance(event.error, SampleTimedOut)
    assert event.error.attempts == 0


async def test_cancelling_the_request_takes_the_question_back() -> None:
    with anyio.move_on_after(0.05) as scope:
        await _people(_hangs).perform(Ask(question=QUESTION), _run())
    assert scope.cancelled_caught
