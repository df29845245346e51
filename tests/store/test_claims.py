"""What several processes could do: one does it, and the others get what came of it."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from tests.store.samples import Clock
from upcall.store import Claim, Store, open_store

pytestmark = pytest.mark.anyio


async def claimed(store: Store, holder: str, name: str = "a", about: str = "task") -> Claim:
    return await store.claim(name, about=about, holder=holder, ttl=60)


async def test_of_many_who_claim_at_once_one_holds_it(store: Store, url: str, clock: Clock) -> None:
    async with open_store(url, clock=clock) as elsewhere:
        found = await asyncio.gather(*(claimed(one, f"{n}") for n, one in enumerate([store, elsewhere] * 10)))
    assert len({claim.holder for claim in found}) == 1
    assert {claim.result for claim in found} == {None}
    assert await store.claimed("a") == found[0]
    assert (await claimed(store, "other", "b")).holder == "other"


async def test_a_result_is_there_for_all_until_its_time_is_over(store: Store, clock: Clock) -> None:
    mine = await claimed(store, "one")
    assert await store.settle_claim(mine, "answer", 600) == "answer"
    for found in (await store.claimed("a"), await claimed(store, "two")):
        assert found is not None
        assert (found.holder, found.result) == ("one", "answer")
    clock.tick(600)
    assert await store.claimed("a") is None
    assert (await claimed(store, "two")).holder == "two"


async def test_a_claim_lapses_unless_it_is_renewed(store: Store, clock: Clock) -> None:
    mine = await claimed(store, "one")
    clock.tick(59)
    renewed = await store.renew_claim(mine, 60)
    assert renewed is not None
    clock.tick(59)
    assert (await claimed(store, "two")).holder == "one"
    clock.tick(1)
    assert await store.claimed("a") is None
    assert (await claimed(store, "two")).holder == "two"
    assert await store.renew_claim(mine, 60) is None
    assert not await store.release_claim(mine)


async def test_whoever_was_late_gets_the_result_that_is_there(store: Store, clock: Clock) -> None:
    late = await claimed(store, "late")
    clock.tick(60)
    second = await claimed(store, "second")
    assert await store.settle_claim(late, "first answer", 600) == "first answer"
    assert await store.settle_claim(second, "second answer", 600) == "first answer"
    assert not await store.release_claim(second)


async def test_a_claim_that_is_released_is_the_next_ones(store: Store) -> None:
    mine = await claimed(store, "one")
    assert await store.release_claim(mine)
    assert not await store.release_claim(mine)
    assert (await claimed(store, "two")).holder == "two"


async def test_all_about_one_thing_are_dropped_together(store: Store, clock: Clock) -> None:
    mine = await claimed(store, "one")
    await store.settle_claim(await claimed(store, "one", "b"), "answer", 600)
    await claimed(store, "one", "c", "another")
    assert await store.drop_claims("task", 30) == 2
    results = [found.result for name in "abc" if (found := await store.claimed(name))]
    assert results == ["", "", None]
    assert await store.renew_claim(mine, 60) is None
    assert not await store.release_claim(mine)
    assert await store.settle_claim(mine, "answer", 600) == ""
    assert (await claimed(store, "next")).result == ""
    clock.tick(30)
    assert await store.claimed("a") is None
    assert await store.settle_claim(mine, "answer", 600) is None
    assert (await claimed(store, "next")).holder == "next"


async def test_what_is_past_its_time_goes_from_the_database(store: Store, clock: Clock) -> None:
    await store.settle_claim(await claimed(store, "one"), "answer", 600)
    clock.tick(600)
    await store.prune()
    assert await store.drop_claims("task", 30) == 0


async def test_a_claim_whose_caller_left_is_taken_back(store: Store) -> None:
    for _ in range(20):
        task = asyncio.create_task(claimed(store, "gone"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        with anyio.fail_after(10):
            while (again := await claimed(store, "next")).holder == "gone":
                pass
        assert await store.release_claim(again)
