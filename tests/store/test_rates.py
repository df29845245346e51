"""Rates: so many in any 60 seconds, and what is told when there is no room."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.samples import NOON, Clock, intent
from upcall.store import (
    Amount,
    Exceeded,
    Intent,
    Limit,
    Rate,
    RateExceeded,
    RecordId,
    Reservation,
    Store,
    _rates,
    _records,
    open_store,
)
from upcall.store._dialect import for_postgres
from upcall.store._sqlite import SqliteBackend

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


def rate(per_minute: int, key: str = "server:logs") -> Rate:
    return Rate(key=key, per_minute=per_minute)


async def admitted(store: Store, given: Rate) -> bool:
    try:
        await store.admit(given)
    except RateExceeded:
        return False
    return True


async def test_a_minute_is_the_last_sixty_seconds_not_the_one_on_the_clock(store: Store, clock: Clock) -> None:
    let_in = []
    for gap in (0.0, 59.0, 0.5, 0.5, 0.5, 58.4, 0.1):
        clock.tick(gap)
        let_in.append(await admitted(store, rate(2)))
    assert let_in == [True, True, False, True, False, False, True]


async def test_a_refusal_tells_how_many_there_are_and_when_there_is_room(store: Store, clock: Clock) -> None:
    for _ in range(3):
        await store.admit(rate(3))
        clock.tick(10)
    with pytest.raises(RateExceeded) as caught:
        await store.admit(rate(3))
    assert (caught.value.rate, caught.value.count, caught.value.retry_after) == (rate(3), 3, 30.0)
    clock.tick(29.999999)
    assert not await admitted(store, rate(3))
    clock.tick(0.000001)
    assert await admitted(store, rate(3))


async def test_one_that_is_lowered_or_raised_holds_at_once(store: Store, clock: Clock) -> None:
    for _ in range(5):
        await store.admit(rate(5))
        clock.tick(1)
    with pytest.raises(RateExceeded) as caught:
        await store.admit(rate(2))
    assert (caught.value.count, caught.value.retry_after) == (5, 58.0)
    assert await admitted(store, rate(6))
    assert not await admitted(store, rate(6))


async def test_those_that_come_together_are_counted_one_by_one(store: Store, clock: Clock) -> None:
    await store.admit(rate(100))
    clock.tick(20)
    for most, let_in in ((31, 30), (30, 0), (41, 10)):
        together = await asyncio.gather(*(admitted(store, rate(most)) for _ in range(60)))
        assert sum(together) == let_in
    alone = await asyncio.gather(*(admitted(store, rate(number, "b")) for number in (1, 3, 2, 1, 3, 3, 3)))
    assert alone == [True, True, False, False, True, False, False]
    with pytest.raises(RateExceeded) as caught:
        await store.admit(rate(41))
    assert (caught.value.count, caught.value.retry_after) == (41, 40.0)
    clock.tick(40)
    assert await admitted(store, rate(41))
    with pytest.raises(RateExceeded) as caught:
        await store.admit(rate(41))
    assert caught.value.count == 41
    assert caught.value.retry_after == pytest.approx(20.0, abs=1e-3)
    clock.tick(20.1)
    assert sum(await asyncio.gather(*(admitted(store, rate(41)) for _ in range(60)))) == 40


async def test_one_that_fails_beside_others_takes_none_of_them_along(store: Store, monkeypatch: Any) -> None:
    begin = _records.begin

    def faulty(session: Any, given: Intent, key: str | None = None) -> int:
        if given.name == "broken":
            raise ValueError("a bug")
        return begin(session, given, key)

    monkeypatch.setattr(_records, "begin", faulty)
    names = ["a", "b", "broken", "c", "d", "e"]
    tried = await asyncio.gather(
        *(store.begin(intent(name=name), rate=rate(4)) for name in names), return_exceptions=True
    )
    assert [type(one) for one in tried] == [int, int, ValueError, int, int, RateExceeded]
    assert len((await store.page()).records) == 4
    left = await asyncio.gather(*(admitted(store, rate(6)) for _ in range(4)))
    assert sum(left) == 2, "what was rolled back has not counted"


async def test_keys_do_not_count_for_each_other(store: Store) -> None:
    assert [await admitted(store, rate(1, key)) for key in ("a", "b", "a")] == [True, True, False]


async def test_nothing_is_begun_or_reserved_when_there_is_no_room(store: Store) -> None:
    limits = [Limit(key="overall", calls=10)]
    await store.begin(intent(), rate=rate(2))
    assert isinstance(await store.reserve(limits, Amount(), 60, rate=rate(2)), Reservation)
    with pytest.raises(RateExceeded):
        await store.begin(intent(), rate=rate(2))
    with pytest.raises(RateExceeded):
        await store.reserve(limits, Amount(), 60, rate=rate(2))
    assert len((await store.page()).records) == 1
    assert (await store.spent(["overall"]))[-1].reserved.calls == 1


async def test_what_a_budget_refuses_has_counted(store: Store) -> None:
    assert isinstance(await store.reserve([Limit(key="overall", calls=0)], Amount(), 60, rate=rate(1)), Exceeded)
    assert not await admitted(store, rate(1))


async def test_what_is_settled_or_released_counts_on(store: Store) -> None:
    limits = [Limit(key="overall", calls=10)]
    for end in (store.release, lambda reservation: store.settle(reservation, Amount())):
        reservation = await store.reserve(limits, Amount(), 60, rate=rate(2))
        assert isinstance(reservation, Reservation)
        assert await end(reservation)
    assert not await admitted(store, rate(2))


async def test_machines_whose_clocks_differ_let_no_more_in(url: str, store: Store, clock: Clock) -> None:
    late = Clock(NOON - timedelta(seconds=2))
    async with open_store(url, clock=late) as other:
        let_in = [await admitted(one, rate(4)) for one in (store, other, other, store, store, other)]
        assert let_in == [True] * 4 + [False] * 2
        for each in (clock, late):
            each.tick(60.1)
        assert not await admitted(other, rate(4)), "the two seconds are waited for"
        assert [await admitted(store, rate(4)) for _ in range(5)] == [True] * 4 + [False]


async def test_a_clock_that_is_set_back_does_not_close_it_for_long(store: Store, clock: Clock) -> None:
    clock.tick(hours=3)
    for _ in range(2):
        await store.admit(rate(2))
    clock.tick(hours=-3)
    assert [await admitted(store, rate(2)) for _ in range(3)] == [True, True, False]
    clock.tick(60.1)
    assert [await admitted(store, rate(2)) for _ in range(3)] == [True, True, False]


async def test_strange_keys_are_keys_as_any(store: Store) -> None:
    for key in ("server:naïve 日本", "server:\x00", "server:\n", "server:'; DROP TABLE admissions; --"):
        assert [await admitted(store, rate(1, key)) for _ in range(2)] == [True, False]


async def test_what_counts_no_longer_is_dropped(url: str, store: Store, clock: Clock) -> None:
    for number in range(4 * _rates._TIDY_EVERY):
        await store.admit(rate(10**6))
        clock.tick(30 if number % 2 else 0)
    kept = await store._read(lambda session: session.rows("SELECT count(*) FROM admissions"))  # type: ignore[attr-defined]
    assert kept[0][0] <= _rates._TIDY_EVERY + 4
    clock.tick(60)
    await store.prune()
    assert await store._read(lambda session: session.rows("SELECT key FROM admissions")) == []  # type: ignore[attr-defined]


async def test_a_cancelled_begin_leaves_no_record_behind(store: Store) -> None:
    begun: set[RecordId] = set()
    for turns in range(40):
        task = asyncio.create_task(store.begin(intent(), rate=rate(20)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and not isinstance(task.exception(), RateExceeded):
            begun.add(task.result())  # it was through before it was cancelled

    async def kept() -> set[RecordId]:
        return {record.id for record in (await store.page()).records}

    for _ in range(2000):  # what was under way is taken back behind the caller's back
        if await kept() == begun:
            break
        await asyncio.sleep(0.01)
    assert await kept() == begun


def test_an_admission_is_found_and_counted_by_its_key(sqlite_file: Any) -> None:
    connection = SqliteBackend(sqlite_file, timeout=5, patience=5).connect(write=True)
    connection.begin(lock=False)
    parameters = ("k", 100, "k", "k", 40, 5)
    plan = [row[3] for row in connection.rows(f"EXPLAIN QUERY PLAN {_rates._ADMIT}", parameters)]
    connection.close()
    assert len([step for step in plan if step.startswith("SEARCH admissions USING PRIMARY KEY")]) == 2
    assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN admissions")]


@pytest.mark.postgres
def test_postgres_finds_it_by_its_key_too(postgres_url: str) -> None:
    import psycopg

    from upcall.store._postgres import PostgresBackend

    PostgresBackend(postgres_url, timeout=5, patience=5).connect(write=True).close()
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "INSERT INTO admissions SELECT 'k' || n % 20, n, 1, n / 20 FROM generate_series(1, 20000) AS n"
        )
        connection.execute("ANALYZE")
        rows = connection.execute(f"EXPLAIN {for_postgres(_rates._ADMIT)}", ("k1", 30_000, "k1", "k1", 10_000, 5))
        plan = "\n".join(row[0] for row in rows)
    assert plan.count("using admissions_pkey") == 2
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from("ab"), st.integers(1, 5)), max_size=40))
def test_any_history_lets_in_what_fits_and_nothing_else(steps: list[tuple[float, str, int]]) -> None:
    """Against a model that keeps every admission and counts anew each time."""
    asyncio.run(_history(steps))


async def _history(steps: list[tuple[float, str, int]]) -> None:
    clock, let_in = Clock(), list[tuple[datetime, str]]()
    async with open_store(":memory:", clock=clock) as store:
        for gap, key, per_minute in steps:
            clock.tick(gap)
            within = [at for at, other in let_in if other == key and at > clock.at - MINUTE]
            if len(within) < per_minute:
                await store.admit(rate(per_minute, key))
                last = max((at for at, other in let_in if other == key), default=clock.at - MINUTE)
                let_in.append((max(clock.at, last + timedelta(microseconds=1)), key))
                continue
            with pytest.raises(RateExceeded) as caught:
                await store.admit(rate(per_minute, key))
            room = within[len(within) - per_minute] + MINUTE - clock.at
            assert (caught.value.count, caught.value.retry_after) == (len(within), room.total_seconds())
