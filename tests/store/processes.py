"""Processes of their own that use a store: ``python -m tests.store.processes COMMAND URL [ARGUMENT…]``.

They print JSON, a line each. Where a command says *gate*, it waits for a line on standard input.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from tests.store.samples import NOON, intent
from upcall.store import Amount, Decision, Exceeded, Limit, Rate, RateExceeded, Store, _rates, open_store
from upcall.store._times import now

LIMIT_KEY = "overall"
RATE_KEY = "server:logs"
FAST = 60
"""Seconds of the stores' clock in one of ours, where a command says *fast*."""


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


async def gate() -> None:
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)


async def begin_forever(store: Store) -> None:
    """Say each id once its intent is written."""

    async def one() -> None:
        while True:
            say(await store.begin(intent(request={"text": "x" * 500}, started_at=datetime.now(UTC))))

    await asyncio.gather(*(one() for _ in range(8)))


async def reserve_all(store: Store, requests: str, tokens: str, limit: str) -> None:
    """Gate; then so many reservations at once, none settled before all were tried. Says how many were granted."""
    await gate()
    limits = [Limit(key=LIMIT_KEY, window="ever", tokens=int(limit)), Limit(key="other", window="day", calls=10**6)]
    amount = Amount(tokens=int(tokens))
    tried = await asyncio.gather(*(store.reserve(limits, amount, 600) for _ in range(int(requests))))
    granted = [one for one in tried if not isinstance(one, Exceeded)]
    await asyncio.gather(*(store.settle(one, amount) for one in granted))
    say(len(granted))


async def work(store: Store, requests: str, tokens: str, limit: str) -> None:
    """Gate; then so many calls at once, each of which uses less than it reserved or none of it. Says what was used."""
    await gate()
    limits = [Limit(key=LIMIT_KEY, window="ever", tokens=int(limit))]

    async def one(number: int) -> int:
        reserved = await store.reserve(limits, Amount(tokens=int(tokens)), 600)
        while isinstance(reserved, Exceeded):
            if reserved.used + int(tokens) > int(limit):
                return 0
            await asyncio.sleep(0.01)  # what others have set aside may come back
            reserved = await store.reserve(limits, Amount(tokens=int(tokens)), 600)
        if number % 5 == 0:
            await store.release(reserved)
            return 0
        actual = number % int(tokens)
        await store.settle(reserved, Amount(tokens=actual))
        return actual

    say(sum(await asyncio.gather(*(one(number) for number in range(int(requests))))))


async def reserve_and_hang(store: Store, tokens: str, ttl: str) -> None:
    """Reserve, say so, and never settle."""
    reserved = await store.reserve([Limit(key=LIMIT_KEY, tokens=100)], Amount(tokens=int(tokens)), float(ttl))
    assert not isinstance(reserved, Exceeded)
    await gate()


async def admit_all(store: Store, requests: str, per_minute: str) -> None:
    """Gate; then so many requests at once, each by another way of admitting it. Says how many were let through."""
    await gate()
    rate = Rate(key=RATE_KEY, per_minute=int(per_minute))
    limits = [Limit(key=LIMIT_KEY, calls=10**6)]
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: store.admit(rate),
        lambda: store.begin(intent(), rate=rate),
        lambda: store.reserve(limits, Amount(), 600, rate=rate),
    ]

    async def one(number: int) -> int:
        try:
            await ways[number % len(ways)]()
        except RateExceeded:
            return 0
        return 1

    say(sum(await asyncio.gather(*(one(number) for number in range(int(requests))))))


async def admit_for(store: Store, seconds: str, per_minute: str) -> None:
    """Fast. Gate; then one request after the other for so long, by the stores' clock, of which all are kept in the
    table. Says how many were let through."""
    vars(_rates)["_TIDY_EVERY"] = 10**9
    await gate()
    rate = Rate(key=RATE_KEY, per_minute=int(per_minute))
    until, admitted = _fast_clock().timestamp() + float(seconds), 0
    while _fast_clock().timestamp() < until:
        try:
            await store.admit(rate)
            admitted += 1
        except RateExceeded:
            continue
    say(admitted)


async def admit_forever(store: Store, per_minute: str) -> None:
    """Say each that was let through."""
    rate = Rate(key=RATE_KEY, per_minute=int(per_minute))
    while True:
        say(await store.begin(intent(started_at=datetime.now(UTC)), rate=rate))


async def decide(store: Store, question: str, version: str, who: str) -> None:
    """Gate; then try to decide. Says whether this one won."""
    await gate()
    attempt = await store.decide(int(question), Decision(verdict="allow", by=who), int(version))
    assert attempt.standing.decision is not None
    say([attempt.won, attempt.standing.decision.by])


def hold(url: str, kind: str) -> None:
    """Gate while holding a lock of ``kind`` on the SQLite file."""
    connection = sqlite3.connect(url, isolation_level=None, timeout=10)
    connection.execute(f"BEGIN {kind}")
    say("ready")
    sys.stdin.readline()
    connection.execute("ROLLBACK")
    connection.close()


def _fast_clock() -> datetime:
    return NOON + (datetime.fromtimestamp(time.time(), UTC) - NOON) * FAST


def main(command: str, url: str, *arguments: str) -> None:
    """Run one command."""
    if command == "hold":
        hold(url, *arguments)
        return
    commands: dict[str, Callable[..., Awaitable[Any]]] = {
        "begin_forever": begin_forever,
        "reserve_all": reserve_all,
        "work": work,
        "reserve_and_hang": reserve_and_hang,
        "admit_all": admit_all,
        "admit_for": admit_for,
        "admit_forever": admit_forever,
        "decide": decide,
    }

    async def run() -> None:
        clock = _fast_clock if command == "admit_for" else now
        async with open_store(url, timeout=20, clock=clock) as store:
            await commands[command](store, *arguments)

    asyncio.run(run())


if __name__ == "__main__":
    main(*sys.argv[1:])
