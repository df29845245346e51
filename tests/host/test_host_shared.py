"""Limits that hold over all processes which share a store: real processes, one SQLite file, one PostgreSQL."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.host.governed import ALLOW, office, refused
from tests.host.playbook import asked
from tests.store.children import child, children
from tests.store.conftest import postgres_database, postgres_url, sqlite_file, url
from upcall.errors import LimitExceeded
from upcall.store import Filter, Rate, RateExceeded, open_store

__all__ = ["postgres_database", "postgres_url", "sqlite_file", "url"]

pytestmark = pytest.mark.anyio

PER_MINUTE = "limits.per_minute = 10\n"
BUDGET = '[[budget]]\nfor = "overall"\nper = "day"\ncalls = 1000\n'


@pytest.mark.parametrize(
    "text", [ALLOW + PER_MINUTE, ALLOW + PER_MINUTE + BUDGET, '[default]\ndecision = "ask"\n' + PER_MINUTE]
)
async def test_a_server_in_three_clients_gets_as_much_in_a_minute_as_in_one(url: str, text: str) -> None:
    line = ("answer", url, text, "12")
    with children(line, line, line, module="tests.host.sharing") as processes:
        for process in processes:
            process.go()
        told = [process.hear() for process in processes]
        for process in processes:
            process.end()
    outcomes: Counter[str] = Counter()
    for counted, _, _ in told:
        outcomes.update(counted)
    assert outcomes == {"answered": 10, "limits.per_minute": 26}
    assert sum(calls for _, calls, _ in told) == 10
    assert sum(people for _, _, people in told) == (10 if "ask" in text else 0), "nobody is asked in vain"
    async with open_store(url) as store:
        records = (await store.page(limit=100)).records
        assert Counter(record.outcome for record in records) == {"answered": 10, "limit_exceeded": 26}
        assert all("limits.per_minute" in (record.decided_by or "") for record in records if record.error)
        (day,) = [spent for spent in await store.spent(["overall"]) if spent.window == "day"]
        assert (day.settled.calls, day.reserved.calls) == (10 if BUDGET in text else 0, 0)


async def test_a_process_that_is_killed_keeps_no_place_beyond_its_minute(url: str) -> None:
    with child("forever", url, ALLOW + PER_MINUTE, "", module="tests.host.sharing") as doomed:
        answered = [doomed.hear() for _ in range(6)]
        doomed.kill()
        answered += doomed.rest()
    taken = answered.count("answered")
    async with office(ALLOW + PER_MINUTE, store=url) as made:
        records = (await made.store.page(Filter(outcome="answered"))).records
        begun = (await made.store.page(Filter(state="started"))).records
        for _ in range(10 - len(records) - len(begun)):
            await made.host.answer(asked(), server="logs")
        error = await refused(made, asked())
        assert isinstance(error, LimitExceeded)
        assert error.limit == "limits.per_minute"
    assert taken <= len(records) <= taken + 1


async def test_a_new_start_does_not_open_it_anew_and_other_servers_have_their_own(tmp_path: Path) -> None:
    file = str(tmp_path / "record.db")
    for number in range(2):
        async with office(ALLOW + "limits.per_minute = 2\n", store=file) as made:
            await made.host.answer(asked(), server="logs")
            await made.host.answer(asked(), server=f"other {number}")
    async with office(ALLOW + "limits.per_minute = 2\n", store=file) as made:
        error = await refused(made, asked())
        assert isinstance(error, LimitExceeded)
        assert (await made.records())[0].outcome == "limit_exceeded"
    async with office(ALLOW + "limits.per_minute = 3\n", store=file) as made:
        await made.host.answer(asked(), server="logs")


async def test_what_is_denied_before_it_is_written_down_takes_nothing_from_other_processes(tmp_path: Path) -> None:
    file = str(tmp_path / "record.db")
    async with office('[default]\ndecision = "deny"\n' + PER_MINUTE, store=file) as made:
        for _ in range(5):
            await refused(made, asked())
    async with open_store(file) as store:
        await store.admit(Rate(key="server:logs", per_minute=1))
        with pytest.raises(RateExceeded):
            await store.admit(Rate(key="server:logs", per_minute=1))
