"""So many at once, servers in turn, and no place is ever lost."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from anyio.lowlevel import checkpoint

from upcall.host.queue import FairQueue

pytestmark = pytest.mark.anyio


class _Floor:
    """Lets tasks hold places until they are told to go, and notes the order in which they got them."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.entered: list[str] = []
        self.leave: dict[str, anyio.Event] = {}

    async def visit(self, name: str, line: str) -> None:
        self.leave[name] = anyio.Event()
        async with self.queue.place(line):
            self.entered.append(name)
            await self.leave[name].wait()

    async def let_go(self, name: str) -> None:
        self.leave[name].set()
        await _settle()


async def _settle() -> None:
    for _ in range(10):
        await checkpoint()


async def test_no_more_than_the_capacity_are_inside_at_once() -> None:
    floor = _Floor(FairQueue(2))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for name in "abcd":
                tasks.start_soon(floor.visit, name, "logs")
                await _settle()
            assert floor.entered == ["a", "b"]
            await floor.let_go("b")
            assert floor.entered == ["a", "b", "c"]
            await floor.let_go("a")
            assert floor.entered == ["a", "b", "c", "d"]
            await floor.let_go("c")
            await floor.let_go("d")


async def test_a_server_with_many_requests_does_not_keep_the_others_waiting() -> None:
    floor = _Floor(FairQueue(1))
    names = ["greedy1", "greedy2", "greedy3", "modest1", "modest2", "late1"]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(floor.visit, name, name[:-1])
                await _settle()
            for _ in names:
                await floor.let_go(floor.entered[-1])
    assert floor.entered == ["greedy1", "greedy2", "modest1", "late1", "greedy3", "modest2"]


async def test_one_who_gives_up_waiting_leaves_the_line() -> None:
    queue = FairQueue(1)
    floor = _Floor(queue)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(floor.visit, "a", "logs")
            await _settle()
            with anyio.move_on_after(0):
                await floor.visit("b", "logs")
            tasks.start_soon(floor.visit, "c", "logs")
            await _settle()
            await floor.let_go("a")
            assert floor.entered == ["a", "c"]
            await floor.let_go("c")
        async with queue.place("logs"):
            pass


async def test_a_place_granted_to_one_who_is_being_cancelled_goes_on_to_the_next() -> None:
    floor = _Floor(FairQueue(1))
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(floor.visit("a", "logs"))
        await _settle()
        doomed = tasks.create_task(floor.visit("b", "logs"))
        tasks.create_task(floor.visit("c", "logs"))
        await _settle()
        floor.leave["a"].set()
        await checkpoint()  # "a" has left and granted its place to "b", who has not woken up
        doomed.cancel()
        await _settle()
        assert floor.entered == ["a", "c"]
        await floor.let_go("c")


async def test_an_owner_that_fails_gives_its_place_back() -> None:
    queue = FairQueue(1)
    with pytest.raises(ZeroDivisionError):
        async with queue.place("logs"):
            raise ZeroDivisionError
    with anyio.fail_after(5):
        async with queue.place("logs"):
            pass
