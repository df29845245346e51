"""The ledger over a real store, in good and bad days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.host.faulty import Faulty, full_disk
from tests.host.playbook import NOON, answer, asked
from upcall.errors import StoreError
from upcall.host import SamplingContext
from upcall.host.engine import Begin, Begun, Done, Failed, Release, Reserve, Reserved, Settle
from upcall.host.performers import Ledger
from upcall.host.performers import backlog as backlog_module
from upcall.host.records import Entry
from upcall.store import Amount, Exceeded, Intent, Limit, Outcome, RecordId, Reservation, open_store

pytestmark = pytest.mark.anyio

LIMIT = Limit(key="overall", window="ever", tokens=1000)


@pytest.fixture
async def store() -> AsyncIterator[Faulty]:
    async with open_store(":memory:") as store:
        yield Faulty(store)


@pytest.fixture
def ledger(store: Faulty) -> Ledger:
    return Ledger(store)


def _entry(**fields: Any) -> Entry:
    whole = {"context": SamplingContext(server="logs"), "request": asked(), "started_at": NOON, "latency": 0.0}
    return Entry(**{"outcome": "started", **whole, **fields})


async def _reserved(ledger: Ledger, tokens: int = 600) -> Reservation | Exceeded:
    command = Reserve(limits=(LIMIT,), amount=Amount(tokens=tokens), ttl=60.0)
    event = await ledger.perform(command)
    assert isinstance(event, Reserved)
    return event.outcome


async def _settled(store: Faulty) -> tuple[int, int]:
    found = await store.spent(["overall"])
    ever = next(spent for spent in found if spent.window == "ever")
    return ever.settled.tokens, ever.reserved.tokens


async def test_a_record_is_begun_and_ended(store: Faulty, ledger: Ledger) -> None:
    event = await ledger.perform(Begin(entry=_entry(model_asked="test/model")))
    assert isinstance(event, Begun)
    assert (await store.get(event.record)).state == "lost", "NOON is long ago, and nothing has ended it"
    await ledger.record(_entry(outcome="answered", result=answer().result), event.record)
    record = await store.get(event.record)
    assert (record.state, record.outcome, record.model_asked) == ("finished", "answered", "test/model")


async def test_what_never_began_is_written_at_once(store: Faulty, ledger: Ledger) -> None:
    await ledger.record(_entry(outcome="refused"), None)
    (record,) = (await store.page()).records
    assert (record.state, record.outcome) == ("finished", "refused")


class _Unsure(Faulty):
    """Adds the record, and then says the first time that it does not know."""

    async def add(self, intent: Intent, outcome: Outcome, *, key: str | None = None) -> RecordId:
        record = await self._store.add(intent, outcome, key=key)
        self.calls["add"] += 1
        if self.calls["add"] == 1:
            raise StoreError("The record's database cannot be reached.", detail="during commit: outcome unknown")
        return record


async def test_a_record_whose_fate_was_unknown_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "PAUSES", (0.01,))
    async with open_store(":memory:") as kept:
        store = _Unsure(kept)
        ledger = Ledger(store)
        await ledger.record(_entry(outcome="refused"), None)
        await ledger.aclose(5)
        assert store.calls["add"] == 2
        assert len((await kept.page()).records) == 1


async def test_budgets_are_reserved_settled_and_released(store: Faulty, ledger: Ledger) -> None:
    first = await _reserved(ledger)
    assert isinstance(first, Reservation)
    assert isinstance(await _reserved(ledger), Exceeded)
    assert isinstance(await ledger.perform(Settle(reservation=first, actual=Amount(tokens=10))), Done)
    second = await _reserved(ledger)
    assert isinstance(second, Reservation)
    assert await _settled(store) == (10, 600)
    assert isinstance(await ledger.perform(Release(reservation=second)), Done)
    assert await _settled(store) == (10, 0)


@pytest.mark.parametrize("method", ["begin", "reserve"])
async def test_what_has_to_be_there_before_fails_with_the_store_and_says_no_more_than_that(
    store: Faulty, ledger: Ledger, method: str
) -> None:
    store.troubles[method] = full_disk
    commands = {
        "begin": Begin(entry=_entry()),
        "reserve": Reserve(limits=(LIMIT,), amount=Amount(tokens=1), ttl=60.0),
    }
    event = await ledger.perform(commands[method])  # type: ignore[arg-type]
    assert isinstance(event, Failed)
    assert "disk" not in str(event.error)
    assert "/secret/path" in event.error.detail


async def test_what_comes_afterwards_is_tried_again_until_it_is_written(
    store: Faulty, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "PAUSES", (0.001,) * 10_000)
    reserved = await _reserved(ledger)
    assert isinstance(reserved, Reservation)
    begun = await ledger.perform(Begin(entry=_entry()))
    assert isinstance(begun, Begun)
    for method in ("settle", "finish", "add"):
        store.troubles[method] = full_disk
    with anyio.fail_after(10):
        assert isinstance(await ledger.perform(Settle(reservation=reserved, actual=Amount(tokens=10))), Done)
        await ledger.record(_entry(outcome="answered"), begun.record)
        await ledger.record(_entry(outcome="refused"), None)
        assert await _settled(store) == (0, 600), "until it is written, the reservation counts"
        store.troubles.clear()
        while (await store.page()).records[0].state != "finished" or await _settled(store) != (10, 0):
            await checkpoint()
        while len((await store.page()).records) < 2:
            await checkpoint()
    assert {record.outcome for record in (await store.page()).records} == {"answered", "refused"}


async def test_closing_writes_what_waits(store: Faulty, ledger: Ledger) -> None:
    store.troubles["add"] = full_disk
    await ledger.record(_entry(outcome="refused"), None)
    store.troubles.clear()
    await ledger.aclose(5.0)
    assert len((await store.page()).records) == 1
