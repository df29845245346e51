"""Listings, sums and pruning."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.store.samples import NOON, Clock, intent, outcome
from upcall.store import Cursor, Failure, Filter, Record, Store

pytestmark = pytest.mark.anyio


def _at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


async def _fill(store: Store, *changes: dict[str, Any]) -> list[int]:
    """A record for each, a minute apart; what an intent does not know belongs to the outcome."""
    ids = []
    for minutes, change in enumerate(changes):
        begun = {name: value for name, value in change.items() if name in intent().__struct_fields__}
        ended = {name: value for name, value in change.items() if name not in begun}
        begun.setdefault("started_at", _at(minutes))
        ids.append(await store.add(intent(**begun), outcome(**ended)))
    return ids


async def _names(store: Store, filter: Filter) -> list[str | None]:
    return [record.name for record in (await store.page(filter)).records]


async def test_the_newest_comes_first_and_pages_join(store: Store) -> None:
    ids = await _fill(store, *({"name": str(number)} for number in range(7)))
    seen: list[int] = []
    after = None
    sizes = []
    while True:
        page = await store.page(limit=3, after=after)
        seen += [record.id for record in page.records]
        sizes.append(len(page.records))
        if page.next is None:
            break
        after = Cursor.parse(str(page.next))  # as it goes through an address
        assert after == page.next
    assert seen == ids[::-1]
    assert sizes == [3, 3, 1]


async def test_records_of_the_same_moment_are_neither_lost_nor_doubled_between_pages(store: Store) -> None:
    ids = await _fill(store, *({"started_at": NOON} for _ in range(5)))
    first = await store.page(limit=2)
    second = await store.page(limit=2, after=first.next)
    third = await store.page(limit=2, after=second.next)
    assert [record.id for page in (first, second, third) for record in page.records] == ids[::-1]
    assert third.next is None


async def test_new_records_do_not_shift_the_next_page(store: Store) -> None:
    ids = await _fill(store, {}, {}, {}, {})
    first = await store.page(limit=2)
    await store.add(intent(started_at=_at(100)), outcome())
    second = await store.page(limit=2, after=first.next)
    assert [record.id for record in second.records] == ids[1::-1]


@pytest.mark.parametrize("text", ["", "x", "12", "12-", "-3", "12-3-4", "9" * 40 + "-1"])
def test_what_is_no_cursor_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        Cursor.parse(text)


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        (Filter(), ["d", "c", "b", "a"]),
        (Filter(server="logs"), ["d", "a"]),
        (Filter(model="m/1"), ["b", "a"]),
        (Filter(model="used-2"), ["c"]),
        (Filter(outcome="answered"), ["d", "c", "a"]),
        (Filter(outcome="refused"), ["b"]),
        (Filter(era="modern"), ["c", "b"]),
        (Filter(since=_at(1)), ["d", "c", "b"]),
        (Filter(until=_at(1)), ["a"]),
        (Filter(since=_at(1), until=_at(3)), ["c", "b"]),
        (Filter(state="finished", server="blog"), ["c", "b"]),
        (Filter(state="started"), []),
        (Filter(server="logs", model="m/1", outcome="answered", era="legacy", since=NOON, text="dead"), ["a"]),
        (Filter(server="nobody"), []),
    ],
)
async def test_a_filter_keeps_what_fulfils_all_of_it(store: Store, filter: Filter, names: list[str]) -> None:
    await _fill(
        store,
        {"name": "a", "server": "logs", "model_asked": "m/1", "era": "legacy", "request": "deadlock"},
        {"name": "b", "server": "blog", "model_asked": "m/1", "era": "modern", "label": "refused"},
        {"name": "c", "server": "blog", "model_asked": "m/2", "model_used": "used-2", "era": "modern"},
        {"name": "d", "server": "logs"},
    )
    assert await _names(store, filter) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("deadlock", ["request"]),
        ("DeadLock", ["request"]),
        ('say "hi"\nthere', ["request"]),
        ("Zürich", ["result"]),
        ("100%", ["result"]),
        ("a_b", ["result"]),
        ("it!", ["error"]),
        ("model-x", ["model"]),
        ("ann@", ["who"]),
        ("request", ["request"]),
        ("nowhere", []),
        ("%", ["result"]),
        ("a\\b", []),
    ],
)
async def test_text_is_found_wherever_it_stands_and_only_literally(store: Store, text: str, names: list[str]) -> None:
    await _fill(
        store,
        {"name": "request", "request": {"text": 'A deadlock. say "hi"\nthere'}},
        {"name": "result", "result": {"text": "Zürich, 100%, a_b"}},
        {"name": "error", "label": "model_error", "error": Failure(code=1, message="It failed. Mend it!")},
        {"name": "model", "model_asked": "model-x", "request": "axb 100"},
        {"name": "who", "decided_by": "ann@example"},
    )
    assert await _names(store, Filter(text=text)) == names


async def test_bodies_are_listed_only_when_asked_for(store: Store) -> None:
    await _fill(store, {"request": {"a": 1}, "result": {"b": 2}})
    (bare,) = (await store.page()).records
    (full,) = (await store.page(bodies=True)).records
    assert (bare.request, bare.result) == (None, None)
    assert (full.request, full.result) == ({"a": 1}, {"b": 2})


async def test_an_export_has_everything_oldest_first_and_goes_through_json(store: Store) -> None:
    ids = await _fill(store, *({"request": {"number": number}} for number in range(120)))
    exported = [record async for record in store.export()]
    assert [record.id for record in exported] == ids
    assert [record.request["number"] for record in exported] == list(range(120))
    line = msgspec.json.encode(exported[5])
    assert msgspec.json.decode(line, type=Record) == exported[5]
    assert [record.id async for record in store.export(Filter(since=_at(118)))] == ids[118:]


async def test_usage_is_summed_by_what_is_asked_for(store: Store) -> None:
    spent = {"input_tokens": 10, "output_tokens": 1, "cached_tokens": 4}
    await _fill(
        store,
        {"server": "a", "model_asked": "m", "micro_usd": 100, **spent},
        {"server": "a", "model_asked": "m", "micro_usd": 50, **spent},
        {"server": "a", "model_asked": "n", **spent},
        {"server": "b", "model_asked": "m"},
        {"server": "b", "label": "refused"},
        {"server": "b", "model_asked": "m", "started_at": NOON + timedelta(days=1), "micro_usd": 7, **spent},
    )
    await store.begin(intent(server="b", model_asked="m", started_at=_at(9)))

    by_server = {row.server: row for row in await store.usage()}
    a, b = by_server["a"], by_server["b"]
    assert (a.calls, a.answered, a.input_tokens, a.output_tokens, a.cached_tokens) == (3, 3, 30, 3, 12)
    assert (a.micro_usd, a.unpriced, a.uncounted) == (150, 1, 0)
    assert (b.calls, b.answered, b.micro_usd, b.unpriced, b.uncounted) == (4, 2, 7, 0, 1)

    by_day = await store.usage(by=("day", "model"))
    today, tomorrow = NOON.replace(hour=0, minute=0, second=0, microsecond=0), _at(0).replace(day=22)
    assert [(row.since, row.model, row.calls) for row in by_day] == [
        (today, None, 1),
        (today, "m", 4),
        (today, "n", 1),
        (tomorrow.replace(hour=0, minute=0, second=0, microsecond=0), "m", 1),
    ]
    (hour, _) = await store.usage(by=("hour",))
    assert hour.since == NOON.replace(minute=0, second=0, microsecond=0)
    (total,) = await store.usage(Filter(server="a"), by=())
    assert (total.server, total.calls) == (None, 3)
    outcomes = {row.outcome: row.calls for row in await store.usage(by=("outcome",))}
    assert outcomes == {"answered": 5, "refused": 1, None: 1}


async def test_sums_do_not_overflow(store: Store) -> None:
    await _fill(store, *({"output_tokens": 10**40, "micro_usd": 10**40} for _ in range(3)))
    (row,) = await store.usage()
    assert (row.output_tokens, row.micro_usd) == (3 * 10**15, 3 * 10**15)


async def test_pruning_by_age_takes_the_older_ones_with_their_bodies(store: Store) -> None:
    ids = await _fill(store, *({"request": number} for number in range(5)))
    assert await store.prune(older_than=_at(3)) == 3
    assert [record.id for record in (await store.page()).records] == ids[:2:-1]
    assert [record.request async for record in store.export()] == [3, 4]
    assert await store.prune(older_than=_at(3)) == 0


async def test_pruning_by_number_keeps_the_newest(store: Store) -> None:
    ids = await _fill(store, *({} for _ in range(5)))
    assert await store.prune(keep=9) == 0
    assert await store.prune(keep=2) == 3
    assert [record.id for record in (await store.page()).records] == ids[:2:-1]


async def test_pruning_leaves_what_is_under_way(store: Store, clock: Clock) -> None:
    running = await store.begin(intent(started_at=_at(-100), lease=600 * 60))
    lost = await store.begin(intent(started_at=_at(-100), lease=60))
    await _fill(store, {}, {})
    assert await store.prune(older_than=_at(50)) == 3
    assert [record.id for record in (await store.page()).records] == [running]
    assert await store.get(lost) is None
    clock.tick(hours=600)
    assert await store.prune(keep=0) == 1


async def test_pruning_goes_through_more_than_one_step(store: Store) -> None:
    starts = [NOON + timedelta(seconds=number) for number in range(1203)]
    await asyncio.gather(*(store.add(intent(started_at=start), outcome()) for start in starts))
    assert await store.prune(older_than=NOON + timedelta(seconds=1201)) == 1201
    assert len((await store.page()).records) == 2
