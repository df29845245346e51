"""``store``: what writing the record costs, and whether it stays quick to list when it is long.

SQLite on this machine's disk, and PostgreSQL where one is to be had.
Every write counted here is on the disk before its caller goes on, in both.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from typing import TypeVar

from benchmarks.measure import Goal, Outcome, Table, paired, spread, turns
from benchmarks.stores import postgres_maker, sqlite_maker
from upcall.store import Amount, Cursor, Exceeded, Filter, Intent, Limit, Store, open_store
from upcall.store import Outcome as Ending
from upcall.store._dialect import for_postgres

__all__ = ["TITLE", "run"]

TITLE = "store: the record, in SQLite and PostgreSQL"

_TOGETHER = 64
_FEW = 1_000
_MANY = 1_000_000
_FLAT = 2.0
"""How much slower than among a thousand a page may be and count as quick: indexes get deeper, caches colder."""

_LIMITS = [
    Limit(key="overall", window="month", micro_usd=10**14),
    Limit(key="server:logs", window="day", tokens=10**14),
    Limit(key="model:anthropic/claude-sonnet-5", window="hour", calls=10**14),
]
_REQUEST = {"messages": [{"role": "user", "content": {"type": "text", "text": "why? " * 100}}], "maxTokens": 100}
_RESULT = {"role": "assistant", "content": {"type": "text", "text": "because. " * 30}, "model": "claude-sonnet-5"}

_SECOND = 1_000_000
_START = 1_790_000_000 * _SECOND
_FILL = (
    """
    INSERT INTO records (server, method, name, version, era, request_id, request_mode, result_mode, model_asked,
        model_used, model, adjustments, flags, decision, decided_by, outcome, stop_reason, input_tokens, output_tokens,
        cached_tokens, micro_usd, price_version, latency, started_at, finished_at, lease_until)
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 'server-' || (i % 20), 'tools/call', 'tool-' || (i % 7), '2026-07-28', 'modern', '"k"', 'full', 'full',
        'anthropic/model-' || (i % 10), 'model-' || (i % 10), 'model-' || (i % 10), '[]', '[]', 'allow', 'policy',
        CASE WHEN i % 1000 = 0 THEN 'refused' ELSE 'answered' END, 'endTurn', 800, 120, 0, 4200, '2026-11-01', 1.5,
        1790000000000000 + i * 3000000, 1790000000000000 + i * 3000000 + 1500000, 0
    FROM n
    """,
    """
    INSERT INTO bodies (record_id, request, result)
    SELECT id, '{"messages":[{"role":"user","content":{"type":"text","text":"line ' || id || ' of the log"}}]}',
        '{"role":"assistant","content":{"type":"text","text":"It says that a transaction met a deadlock."}}'
    FROM records
    """,
)
"""Records three seconds apart, of 20 servers and 10 models."""

K = TypeVar("K")
_Op = Callable[[Store], Awaitable[object]]


async def _record(store: Store) -> None:
    now = datetime.now(UTC)
    intent = Intent(
        server="logs", name="explain", request=_REQUEST, model_asked="a/b", decision="allow", started_at=now
    )
    record = await store.begin(intent)
    ending = Ending(label="answered", latency=0.0, finished_at=now, result=_RESULT, input_tokens=500, output_tokens=60)
    await store.finish(record, ending)


async def _budget(store: Store) -> None:
    reserved = await store.reserve(_LIMITS, Amount(tokens=900, micro_usd=5000), 60)
    assert not isinstance(reserved, Exceeded)
    await store.settle(reserved, Amount(tokens=700, micro_usd=4000))


_WRITES: dict[str, _Op] = {"begin and finish": _record, "reserve and settle, 3 limits": _budget}


def _reads(number: int) -> dict[str, _Op]:
    middle = Cursor(started_at=datetime.fromtimestamp(_START / _SECOND + number * 1.5, UTC), id=number // 2)
    day = middle.started_at + timedelta(days=1)
    return {
        "first page": lambda store: store.page(),
        "page in the middle": lambda store: store.page(after=middle),
        "page of one server": lambda store: store.page(Filter(server="server-7")),
        "page of a rare outcome": lambda store: store.page(Filter(outcome="refused"), after=middle),
        "page found by text": lambda store: store.page(Filter(text="deadlock")),
        "one record": lambda store: store.get(number // 2),
        "usage of a day": lambda store: store.usage(Filter(since=middle.started_at, until=day), by=("server", "model")),
        "usage of all, by day": lambda store: store.usage(by=("day", "server")),
        "page by text found nowhere": lambda store: store.page(Filter(text="no such words")),
    }


_PAGES = ("first page", "page in the middle", "page of one server", "page found by text")
"""Those that are full among few records as well, and are to be independent of the number."""


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Measure writing, then listing."""
    outcome = Outcome()
    with ExitStack() as stack:
        makers: dict[str, Callable[[], str]] = {"SQLite": sqlite_maker(stack)}
        try:
            makers["PostgreSQL"] = stack.enter_context(postgres_maker())
        except Exception as error:  # whatever is in the way: this one is then not measured
            outcome.missing["PostgreSQL"] = f"no server to be had ({type(error).__name__})"
        say("writing")
        asyncio.run(_writing({name: make() for name, make in makers.items()}, quick, outcome))
        addresses = {}
        for name, make in makers.items():
            for number in (_FEW, _MANY):
                say(f"{name}: filling in {number:,} records")
                addresses[name, number] = make()
                asyncio.run(_fill(addresses[name, number], number))
        say("listing")
        asyncio.run(_listing(addresses, quick, outcome))
    return outcome


async def _writing(addresses: dict[str, str], quick: bool, outcome: Outcome) -> None:
    rounds = 3 if quick else 12
    alone: dict[tuple[str, str], list[float]] = defaultdict(list)
    together: dict[tuple[str, str], list[float]] = defaultdict(list)
    contenders = [(name, write) for write in _WRITES for name in addresses]
    async with _opened(addresses) as stores:
        for order in turns(contenders, rounds):
            for contender in order:
                name, write = contender
                alone[contender].append(40 / await _timed(stores[name], _WRITES[write], 40, 1))
                together[contender].append(640 / await _timed(stores[name], _WRITES[write], 640, _TOGETHER))
    outcome.tables.append(
        Table(
            title="writing",
            columns=["", "pairs/s, one at a time", f"pairs/s, {_TOGETHER} at once"],
            rows=[
                [f"{name}: {write}", spread(alone[name, write]).show(0), spread(together[name, write]).show(0)]
                for name, write in contenders
            ],
            note="A pair is two transactions, each on the disk before the next. Those that come at once share them.",
        )
    )
    outcome.data["writing"] = {
        f"{name}: {write}": {"alone": alone[name, write], "together": together[name, write]}
        for name, write in contenders
    }


async def _listing(addresses: dict[tuple[str, int], str], quick: bool, outcome: Outcome) -> None:
    rounds = 5 if quick else 20
    many = _MANY
    names = list(dict.fromkeys(name for name, _ in addresses))
    blocks: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    async with _opened(addresses) as stores:
        for read in _reads(many):
            slow = "nowhere" in read or "of all" in read
            for order in turns(list(addresses), 3 if slow else rounds):
                for key in order:
                    taken = [await _timed(stores[key], _reads(key[1])[read], 1, 1) for _ in range(1 if slow else 5)]
                    blocks[(*key, read)].append(median(taken) * 1e3)
    outcome.tables.append(
        Table(
            title=f"reading among {many:,} records, milliseconds",
            columns=["", *(f"{name}{among}" for name in names for among in ("", f", x among {_FEW:,}"))],
            rows=[
                [
                    read,
                    *(
                        cell
                        for name in names
                        for cell in (
                            spread(blocks[name, many, read]).show(2),
                            paired(blocks[name, many, read], blocks[name, _FEW, read]).show(1),
                        )
                    ),
                ]
                for read in _reads(many)
            ],
            note="Pages of 50. Text is searched from the newest record on until the page is full.",
        )
    )
    outcome.data["listing"] = {f"{name}, {number}: {read}": times for (name, number, read), times in blocks.items()}
    for name in names:
        ratios = [paired(blocks[name, many, read], blocks[name, _FEW, read]).median for read in _PAGES]
        outcome.goals.append(Goal(f"a page among {many:,} / among {_FEW:,}, {name}", max(ratios), _FLAT))


async def _timed(store: Store, op: _Op, count: int, at_once: int) -> float:
    async def some() -> None:
        for _ in range(count // at_once):
            await op(store)

    started = perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return perf_counter() - started


@asynccontextmanager
async def _opened(addresses: dict[K, str]) -> AsyncIterator[dict[K, Store]]:
    async with AsyncExitStack() as stack:
        yield {key: await stack.enter_async_context(open_store(url, patience=120)) for key, url in addresses.items()}


async def _fill(url: str, number: int) -> None:
    async with open_store(url):
        pass
    if not url.startswith("postgresql"):
        connection = sqlite3.connect(url, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_FILL[0], (number,))
        connection.execute(_FILL[1])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute(for_postgres(_FILL[0]), (number,))
        server.execute(_FILL[1])
        server.execute("VACUUM ANALYZE")
