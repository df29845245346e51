"""A function decides: only an explicit yes is one."""

from __future__ import annotations

import threading
from collections.abc import Awaitable

import anyio
import anyio.lowlevel
import pytest

from tests.host.approval.questions import question, request
from upcall.host.approval import Answer, CallableApprover, Question

pytestmark = pytest.mark.anyio


def decides_yes(asked: Question) -> bool:
    return True


async def test_true_is_yes_and_the_function_is_named() -> None:
    assert await CallableApprover(decides_yes).ask(question()) == Answer(approved=True, by="decides_yes")


async def test_an_async_function_and_an_object_that_is_called_are_waited_for() -> None:
    async def decide(asked: Question) -> bool:
        await anyio.lowlevel.checkpoint()
        return asked.context.server == "logs"

    class Object:
        async def __call__(self, asked: Question) -> bool:
            return True

    def sync_that_gives_an_awaitable(asked: Question) -> Awaitable[bool]:
        return decide(asked)

    for function in (decide, Object(), sync_that_gives_an_awaitable):
        assert (await CallableApprover(function).ask(question())).approved
    assert not (await CallableApprover(decide).ask(question(server="files"))).approved


async def test_an_answer_is_what_it_says() -> None:
    edited = Answer(approved=True, request=request("Shorter"), remember="session")
    got = await CallableApprover(lambda asked: edited, by="ann").ask(question())
    assert got == Answer(approved=True, request=request("Shorter"), remember="session", by="ann")
    named = Answer(approved=False, by="bob", reason="No.")
    assert await CallableApprover(lambda asked: named).ask(question()) == named


@pytest.mark.parametrize("given", [None, 1, "yes", "no", [True], object])
async def test_anything_else_is_no(given: object) -> None:
    answer = await CallableApprover(lambda asked: given).ask(question())  # type: ignore[arg-type, return-value]
    assert not answer.approved
    assert "True, False or an Answer is needed" in answer.reason


async def test_an_exception_is_no(caplog: pytest.LogCaptureFixture) -> None:
    def fails(asked: Question) -> bool:
        raise KeyError("broken")

    answer = await CallableApprover(fails).ask(question())
    assert (answer.approved, answer.asked) == (False, True)
    assert "KeyError" in answer.reason
    assert "failed" in caplog.text


async def test_an_answer_that_contradicts_itself_is_no() -> None:
    answer = await CallableApprover(lambda asked: Answer(approved=True, remember="never")).ask(question())
    assert not answer.approved


async def test_too_late_is_no() -> None:
    release = threading.Event()

    def slow(asked: Question) -> bool:
        release.wait(30)
        return True

    async def slower(asked: Question) -> bool:
        await anyio.sleep(30)
        return True

    try:
        for function in (slow, slower):
            with anyio.fail_after(10):
                answer = await CallableApprover(function).ask(question(deadline=0.05))
            assert (answer.approved, answer.by) == (False, "nobody")
            assert "within 0.05 seconds" in answer.reason
    finally:
        release.set()


async def test_a_blocking_function_does_not_block_others() -> None:
    release = threading.Event()
    got: list[Answer] = []

    def blocks(asked: Question) -> bool:
        return release.wait(30)

    async def ask() -> None:
        got.append(await CallableApprover(blocks).ask(question()))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            assert got == []
            release.set()
    assert got[0].approved
