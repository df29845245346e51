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


async def test_a_line_may_have_a_bound_of_its_own_and_keeps_nobody_else_waiting() -> None:
    queue = FairQueue(3)
    entered: list[str] = []
    leave: dict[str, anyio.Event] = {}

    async def visit(name: str, line: str, most: int | None) -> None:
        leave[name] = anyio.Event()
        async with queue.place(line, most):
            entered.append(name)
            await leave[name].wait()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for name in ("a1", "a2", "a3", "b1"):
                tasks.start_soon(visit, name, name[0], 1 if name[0] == "a" else None)
                await _settle()
            assert entered == ["a1", "b1"]
            leave["b1"].set()
            await _settle()
            assert entered == ["a1", "b1"], "the free place is not for a"
            leave["a1"].set()
            await _settle()
            assert entered == ["a1", "b1", "a2"]
            leave["a2"].set()
            await _settle()
            leave["a3"].set()
    assert entered == ["a1", "b1", "a2", "a3"]


async def test_whoever_gives_up_lets_the_one_behind_it_through() -> None:
    queue = FairQueue(2)
    entered = anyio.Event()

    async def wide() -> None:
        async with queue.place("a", 2):
            entered.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, queue.place("a", 1):
            with anyio.CancelScope() as narrow:
                async with anyio.create_task_group() as inner:

                    async def wait_in_vain() -> None:
                        async with queue.place("a", 1):
                            raise AssertionError

                    inner.start_soon(wait_in_vain)
                    await _settle()
                    tasks.start_soon(wide)
                    await _settle()
                    assert not entered.is_set()
                    narrow.cancel()
            await entered.wait()
