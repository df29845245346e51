"""One budget, four real processes, a thousand requests at once: not one token over, and none lost to ``kill -9``."""

from __future__ import annotations

import anyio
import pytest

from tests.store.children import child, children
from tests.store.processes import LIMIT_KEY
from upcall.store import Amount, Exceeded, Limit, Reservation, open_store

pytestmark = pytest.mark.anyio


async def _settled(url: str) -> tuple[Amount, Amount]:
    async with open_store(url) as store:
        spent = (await store.spent([LIMIT_KEY]))[-1]
        return spent.settled, spent.reserved


async def test_a_budget_is_used_up_to_the_last_token_that_fits_and_not_beyond(url: str) -> None:
    # 1,000 times 7 tokens are asked for, 500 times fit into 3,506.
    line = ("reserve_all", url, "250", "7", "3506")
    with children(line, line, line, line) as processes:
        for process in processes:
            process.go()
        granted = [process.hear() for process in processes]
        for process in processes:
            process.end()
    assert sum(granted) == 500
    assert await _settled(url) == (Amount(calls=500, tokens=3500), Amount(calls=0))


async def test_settling_less_and_releasing_meanwhile_adds_up(url: str) -> None:
    line = ("work", url, "250", "9", "2000")
    with children(line, line, line, line) as processes:
        for process in processes:
            process.go()
        used = sum(process.hear() for process in processes)
        for process in processes:
            process.end()
    settled, reserved = await _settled(url)
    assert settled.tokens == used
    assert reserved == Amount(calls=0)
    # They gave up when 9 more did not fit beside what was used, and all of it would have been 3,200.
    assert 1992 <= used <= 2000


async def test_what_a_killed_process_had_reserved_comes_back_when_it_expires(url: str) -> None:
    limits = [Limit(key=LIMIT_KEY, tokens=100)]
    async with open_store(url) as store:
        with child("reserve_and_hang", url, "60", "3") as doomed:
            assert doomed.hear() == "ready"
            doomed.kill()
        refused = await store.reserve(limits, Amount(tokens=50), 60)
        assert isinstance(refused, Exceeded)
        assert (refused.used, refused.reserved) == (0, 60)
        got: Reservation | Exceeded = refused
        with anyio.fail_after(20):
            while isinstance(got, Exceeded):
                await anyio.sleep(0.05)
                got = await store.reserve(limits, Amount(tokens=50), 60)
        await store.settle(got, Amount(tokens=50))
    assert await _settled(url) == (Amount(tokens=50), Amount(calls=0))
