"""Processes with less than they need: ``python -m tests.store.starved full|forbidden PATH``. They print JSON lines."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from tests.store.processes import say
from tests.store.samples import intent
from upcall.errors import StoreError
from upcall.store import Amount, Limit, Reservation, Store, open_store

_ROOM = 300_000
"""Bytes that files may have while the disk is "full"."""


async def _tries(store: Store, count: int, size: int) -> tuple[list[int], list[list[str]]]:
    tried = await asyncio.gather(
        *(store.begin(intent(request="x" * size)) for _ in range(count)), return_exceptions=True
    )
    errors = [[type(one).__name__, str(one)] for one in tried if isinstance(one, BaseException)]
    return [one for one in tried if isinstance(one, int)], errors


async def full(path: str) -> None:
    """Write until the disk is full, make room, and go on. Says what was written, and which errors there were."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = [Limit(key="overall", calls=100)]
    async with open_store(path, timeout=2) as store:
        written, errors = await _tries(store, 5, 100)
        assert not errors
        _, before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, before))
        for _ in range(20):
            more, failed = await _tries(store, 10, 5_000)
            written += more
            errors += failed
        listed = len((await store.page(limit=1000)).records)
        try:
            starved: Any = await store.reserve(
                [*limits, *(Limit(key="k" * 200_000 + str(n)) for n in range(3))], Amount(), 60
            )
        except StoreError as error:
            starved = str(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, before))
        again, failed = await _tries(store, 5, 5_000)
        fits = await store.reserve(limits, Amount(calls=100), 60)
    say(
        {
            "written": written,
            "errors": errors,
            "listed": listed,
            "starved": starved,
            "again": again,
            "failed": failed,
            "fits": isinstance(fits, Reservation),
        }
    )


async def forbidden(path: str) -> None:
    """As somebody who may not write there. Says the error and its detail."""
    async with open_store(":memory:") as warm:  # what Python loads lazily, it cannot load later
        await warm.begin(intent())
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    store = open_store(Path(path), timeout=1)
    try:
        await store.begin(intent())
    except StoreError as error:
        say([str(error), error.detail])
    await store.aclose()


if __name__ == "__main__":
    asyncio.run({"full": full, "forbidden": forbidden}[sys.argv[1]](sys.argv[2]))
