"""Following: every record that comes, once when it begins and once when it ends, and none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio
import psycopg
import pytest

from tests.store.samples import intent, outcome
from upcall.store import Filter, Record, Store, open_store

pytestmark = pytest.mark.anyio

_OFTEN = 0.01


async def _next(news: AsyncIterator[Record]) -> tuple[int, str]:
    with anyio.fail_after(10):
        record = await anext(news)
    return record.id, record.state


async def _quiet(store: Store, news: AsyncIterator[Record]) -> None:
    """Nothing else is to come but what begins now."""
    marker = await store.add(intent(name="marker"), outcome())
    assert await _next(news) == (marker, "finished")


async def test_what_comes_after_an_id_comes_once_begun_and_once_finished(store: Store) -> None:
    old = await store.add(intent(), outcome())
    first = await store.add(intent(), outcome())
    running = await store.begin(intent())
    news = store.follow(after=old, interval=_OFTEN)
    assert await _next(news) == (first, "finished")
    assert await _next(news) == (running, "started")
    await store.finish(running, outcome())
    assert await _next(news) == (running, "finished")
    await _quiet(store, news)


async def test_without_an_id_only_what_happens_from_now_on_comes(store: Store) -> None:
    await store.add(intent(), outcome())
    running = await store.begin(intent())
    news = store.follow(interval=_OFTEN)
    found: list[tuple[int, str]] = []
    async with anyio.create_task_group() as tasks:

        async def listen() -> None:
            found.append(await _next(news))

        tasks.start_soon(listen)
        while not found:  # whatever the first look saw, one of these comes after it
            with anyio.move_on_after(0.05):
                await anyio.sleep_forever()
            await store.finish(running, outcome())
            await store.add(intent(name="new"), outcome())
    assert found[0] in {(running, "finished"), (running + 1, "finished")} or found[0][0] > running


async def test_a_filter_holds_for_what_comes(store: Store) -> None:
    news = store.follow(Filter(server="logs", outcome="refused"), after=0, interval=_OFTEN, bodies=True)
    await store.add(intent(server="blog"), outcome(label="refused"))
    record = await store.begin(intent(request="why"))
    await store.add(intent(), outcome())
    await store.finish(record, outcome(label="refused"))
    with anyio.fail_after(10):
        found = await anext(news)
    assert (found.id, found.outcome, found.request) == (record, "refused", "why")


async def test_more_than_one_look_can_hold_comes_in_order(store: Store) -> None:
    ids = sorted(await asyncio.gather(*(store.begin(intent()) for _ in range(1100))))
    news = store.follow(after=0, interval=60)  # so long that it must not be waited for
    assert [(await _next(news))[0] for _ in ids] == ids


async def test_a_pruned_record_is_followed_no_more(store: Store) -> None:
    record = await store.begin(intent(lease=-1))
    news = store.follow(after=0, interval=_OFTEN)
    assert await _next(news) == (record, "lost")
    assert await store.prune(keep=0) == 1
    await _quiet(store, news)


@pytest.mark.postgres
async def test_a_smaller_id_that_is_committed_later_is_not_missed(postgres_url: str) -> None:
    async with open_store(postgres_url) as store:
        news = store.follow(after=0, interval=_OFTEN)
        insert = (
            "INSERT INTO records (server, request_mode, adjustments, flags, started_at, lease_until) "
            "VALUES ('slow', 'none', '[]', '[]', 0, 0) RETURNING id"
        )
        with psycopg.connect(postgres_url) as slow:
            row = slow.execute(insert).fetchone()
            assert row is not None
            fast = await store.add(intent(), outcome())
            assert row[0] < fast
            assert await _next(news) == (fast, "finished")
            slow.commit()
        assert await _next(news) == (row[0], "lost")
        await _quiet(store, news)
