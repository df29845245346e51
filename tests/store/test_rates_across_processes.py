"""One rate, real processes: not one too many, none too few, and the killed hold nothing for longer than a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.store.children import child, children
from tests.store.processes import RATE_KEY
from upcall.store import Rate, RateExceeded, open_store

pytestmark = pytest.mark.anyio

_MINUTE = 60_000_000


async def test_of_a_thousand_requests_at_once_as_many_pass_as_the_rate_allows(url: str) -> None:
    line = ("admit_all", url, "250", "123")
    with children(line, line, line, line) as processes:
        for process in processes:
            process.go()
        passed = [process.hear() for process in processes]
        for process in processes:
            process.end()
    assert sum(passed) == 123


async def test_no_sixty_seconds_hold_more_while_processes_hammer_without_a_pause(url: str) -> None:
    line = ("admit_for", url, "150", "15")
    with children(line, line, line) as processes:
        for process in processes:
            process.go()
        passed = sum(process.hear() for process in processes)
        for process in processes:
            process.end()
    async with open_store(url) as store:
        rows = await store._read(  # type: ignore[attr-defined]
            lambda session: session.rows("SELECT at, number FROM admissions WHERE key = ? ORDER BY at", (RATE_KEY,))
        )
    times = [at for at, _ in rows]
    assert [number for _, number in rows] == list(range(1, passed + 1))
    assert all(times[later] - times[later - 15] >= _MINUTE for later in range(15, passed))
    assert passed > 15, "room comes back"


async def test_what_a_killed_process_took_is_free_again_after_a_minute(url: str) -> None:
    rate = Rate(key=RATE_KEY, per_minute=10)
    with child("admit_forever", url, "7") as doomed:
        for _ in range(7):
            doomed.hear()
        doomed.kill()
    async with open_store(url) as store:
        for _ in range(3):
            await store.admit(rate)
        with pytest.raises(RateExceeded) as caught:
            await store.admit(rate)
        assert caught.value.count == 10
        assert caught.value.retry_after <= 60
    later = datetime.now(UTC) + timedelta(seconds=60)
    async with open_store(url, clock=lambda: later) as store:
        for _ in range(7):
            await store.admit(rate)


async def test_a_process_that_is_killed_in_the_middle_closes_it_for_nobody(url: str) -> None:
    with child("admit_forever", url, "100000") as doomed:
        promised = len([doomed.hear() for _ in range(50)])
        doomed.kill()
        promised += len(doomed.rest())
    async with open_store(url) as store:
        kept = len([record async for record in store.export()])
        with pytest.raises(RateExceeded) as caught:
            await store.admit(Rate(key=RATE_KEY, per_minute=1))
    assert promised <= kept <= promised + 1
    assert caught.value.count == kept, "a record and its admission are there, or neither is"
