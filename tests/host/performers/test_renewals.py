"""What a running request has set aside stays so, however long it runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import anyio
import pytest

from tests.host.faulty import Faulty, full_disk
from tests.waiting import until
from upcall.host.engine import Release, Reserve, Reserved, Settle
from upcall.host.performers import Ledger
from upcall.store import Amount, Exceeded, Limit, Reservation, open_store

pytestmark = pytest.mark.anyio

LIMIT = Limit(key="overall", window="ever", calls=1)
TTL = 0.15


@pytest.fixture
async def store() -> AsyncIterator[Faulty]:
    async with open_store(":memory:") as store:
        yield Faulty(store)


async def reserved(ledger: Ledger, ttl: float = TTL) -> Reservation | Exceeded:
    event = await ledger.perform(Reserve(limits=(LIMIT,), amount=Amount(calls=1), ttl=ttl))
    assert isinstance(event, Reserved)
    return event.outcome


async def test_a_call_that_outlives_its_reservation_keeps_it(store: Faulty) -> None:
    ledger = Ledger(store)
    held = await reserved(ledger)
    assert isinstance(held, Reservation)
    await until(lambda: store.calls["renew"] >= 6)  # twice the time that it was made for
    assert isinstance(await reserved(ledger), Exceeded)
    await ledger.perform(Settle(reservation=held, actual=Amount(calls=1)))
    renewed = store.calls["renew"]
    await anyio.sleep(TTL)
    assert store.calls["renew"] == renewed, "what is settled is renewed no more"
    assert isinstance(await reserved(ledger), Exceeded)


async def test_what_is_released_is_free_at_once_and_stays_so(store: Faulty) -> None:
    ledger = Ledger(store)
    held = await reserved(ledger)
    assert isinstance(held, Reservation)
    await until(lambda: store.calls["renew"] >= 1)
    await ledger.perform(Release(reservation=held))
    assert isinstance(await reserved(ledger, 60), Reservation)
    await ledger.aclose(1)


async def test_without_anybody_to_renew_it_a_reservation_lapses(store: Faulty) -> None:
    ledger = Ledger(store)
    assert isinstance(await reserved(ledger), Reservation)
    await ledger.aclose(1)
    other = Ledger(store)
    with anyio.fail_after(10):
        while isinstance(await reserved(other, 60), Exceeded):  # noqa: ASYNC110 - the store has no event for it
            await anyio.sleep(0.02)
    assert store.calls["renew"] == 0
    await other.aclose(1)


async def test_a_renewal_that_fails_is_tried_again(store: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(store)
    store.troubles["renew"] = full_disk
    with caplog.at_level(logging.ERROR, "upcall.host"):
        held = await reserved(ledger, 0.6)
        await until(lambda: store.calls["renew"] >= 1)
    del store.troubles["renew"]
    assert "could not be renewed yet" in caplog.text
    await until(lambda: store.calls["renew"] >= 3)
    assert isinstance(await reserved(ledger), Exceeded)
    assert isinstance(held, Reservation)
    await ledger.perform(Release(reservation=held))


async def test_one_that_is_gone_is_left_alone(store: Faulty) -> None:
    ledger = Ledger(store)
    held = await reserved(ledger)
    assert isinstance(held, Reservation)
    await store.release(held)
    await until(lambda: store.calls["renew"] >= 1)
    await anyio.sleep(TTL)
    assert store.calls["renew"] == 1
