"""Of several gateways that are shown the same sample one asks, on real stores: two of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from tests.host.faulty import Faulty, full_disk
from tests.store.conftest import postgres_database, postgres_url, sqlite_file, url
from tests.waiting import until
from upcall.errors import LimitExceeded, SampleAbandoned, SamplingError
from upcall.gateway.claiming import Claiming
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import Answered, Once, Outcome, Refused
from upcall.store import open_store

__all__ = ["postgres_database", "postgres_url", "sqlite_file", "url"]

pytestmark = pytest.mark.anyio

KEY = b"k" * 32
ONCE = Once("7a" * 32, "0b" * 32)
ANSWER = b'{"role":"assistant","content":{"type":"text","text":"an answer that is nobody else\'s"},"model":"m"}'


class Asking:
    """Asks when it is let."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.outcome = outcome or Answered(ANSWER)
        self.begun = self.stopped = 0
        self.go = asyncio.Event()

    async def __call__(self) -> Outcome:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return self.outcome


def claiming(store: object, *, key: bytes = KEY, seconds: float = 30) -> Claiming:
    return Claiming(store, Sealer([key], "logs"), seconds=seconds)  # type: ignore[arg-type]


@asynccontextmanager
async def two(url: str, *, seconds: float = 30) -> AsyncIterator[tuple[Claiming, Claiming]]:
    """Two replicas, each with a connection of its own to the store."""
    async with open_store(url) as one, open_store(url) as other:
        yield claiming(one, seconds=seconds), claiming(other, seconds=seconds)


async def started(one: Claiming, ask: Callable[[], Awaitable[Outcome]]) -> asyncio.Task[Outcome]:
    """Under way, and past its first look at the store."""
    task = asyncio.create_task(one.outcome(ONCE, ask))
    await asyncio.wait((task,), timeout=0.05)
    return task


async def test_one_asks_and_all_have_the_same_outcome(url: str) -> None:
    async with two(url) as both:
        asks = [Asking() for _ in range(6)]
        tasks = [asyncio.create_task(both[n % 2].outcome(ONCE, ask)) for n, ask in enumerate(asks)]
        await until(lambda: any(ask.begun for ask in asks))
        assert not any(task.done() for task in tasks)
        for ask in asks:
            ask.go.set()
        with anyio.fail_after(10):
            outcomes = await asyncio.gather(*tasks)
        assert sum(ask.begun for ask in asks) == 1
        assert outcomes.count(Answered(ANSWER)) == 1
        assert outcomes.count(Answered(ANSWER, elsewhere=True)) == 5


async def test_a_refusal_is_everybodys(url: str) -> None:
    async with two(url) as (one, other):
        ask = Asking(Refused(LimitExceeded("Not today.", hint="Tomorrow.", limit="per_minute", detail="a secret")))
        ask.go.set()
        assert await one.outcome(ONCE, ask) is ask.outcome
        told = await other.outcome(ONCE, Asking())
        assert isinstance(told, Refused)
        assert (str(told.error), told.error.detail) == ("Not today. Tomorrow.", "")


async def test_what_is_left_by_one_that_closes_is_asked_by_the_next_at_once(url: str) -> None:
    async with two(url) as (one, other):
        first, second = Asking(), Asking()
        closing = await started(one, first)
        await until(lambda: first.begun)
        waiting = await started(other, second)
        assert not second.begun
        closing.cancel()
        await asyncio.wait((closing,))
        assert (closing.cancelled(), first.stopped) == (True, 1)
        second.go.set()
        with anyio.fail_after(10):
            assert await waiting == Answered(ANSWER)


async def test_another_takes_over_when_the_claim_of_a_dead_one_lapses_and_not_before(url: str) -> None:
    async with two(url) as (one, _), open_store(url) as store:
        await store.claim(ONCE.name, about=ONCE.task, holder="dead", ttl=1)
        ask = Asking()
        ask.go.set()
        waiting = asyncio.create_task(one.outcome(ONCE, ask))
        while (await store.claimed(ONCE.name)) is not None:
            assert not waiting.done()
        with anyio.fail_after(10):
            assert await waiting == Answered(ANSWER)


async def test_a_claim_holds_for_as_long_as_the_model_thinks(url: str) -> None:
    async with two(url, seconds=0.6) as (one, other):
        first, second = Asking(), Asking()
        task = await started(one, first)
        waiting = await started(other, second)
        await asyncio.wait((task, waiting), timeout=2)
        assert (first.begun, second.begun) == (1, 0)
        first.go.set()
        with anyio.fail_after(10):
            assert await waiting == Answered(ANSWER, elsewhere=True)


async def test_the_end_of_a_task_stops_who_asks_and_who_waits_and_what_is_kept_goes(url: str) -> None:
    async with two(url, seconds=0.6) as (one, other), open_store(url) as store:
        first, second = Asking(), Asking()
        task = await started(one, first)
        await until(lambda: first.begun)
        waiting = await started(other, second)
        await other.over(ONCE.task)
        with anyio.fail_after(10):
            for outcome in await asyncio.gather(task, waiting, other.outcome(ONCE, second)):
                assert isinstance(outcome, Refused)
                assert isinstance(outcome.error, SampleAbandoned)
        assert (first.stopped, second.begun) == (1, 0)
        first.go.set()
        later = Once(ONCE.task, "0c" * 32)
        assert await one.outcome(later, first) == Answered(ANSWER)
        assert await one.outcome(later, second) == Answered(ANSWER, elsewhere=True)
        await one.over(ONCE.task)
        found = await store.claimed(later.name)
        assert found is not None
        assert found.result == ""


async def test_what_is_kept_is_sealed_for_this_sample_alone(url: str) -> None:
    async with two(url) as (one, _), open_store(url) as store:
        ask, again = Asking(), Asking(Answered(b'{"model":"mine"}'))
        ask.go.set()
        again.go.set()
        await one.outcome(ONCE, ask)
        kept = await store.claimed(ONCE.name)
        assert kept is not None
        assert kept.result is not None
        assert "nobody else" not in kept.result
        other = Once(ONCE.task, "0c" * 32)
        forged = await store.claim(other.name, about=other.task, holder="forger", ttl=60)
        await store.settle_claim(forged, kept.result, 60)
        assert await one.outcome(other, again) == again.outcome, "it does not open for another one"
        stranger = claiming(store, key=b"x" * 32)
        assert await stranger.outcome(ONCE, again) == again.outcome, "nor with another key"


async def test_a_store_that_fails_keeps_no_sample_from_being_asked(url: str) -> None:
    async with open_store(url) as store:
        for method in ("claim", "settle_claim", "release_claim", "drop_claims"):
            faulty = Faulty(store, **{method: full_disk})
            ask = Asking()
            ask.go.set()
            assert await claiming(faulty).outcome(Once("t", f"{len(method):064x}"), ask) == Answered(ANSWER)
            await claiming(faulty).over("t")
        faulty = Faulty(store, claimed=full_disk, renew_claim=full_disk)
        first, second = Asking(), Asking()
        task = await started(claiming(store), first)
        waiting = await started(claiming(faulty, seconds=0.3), second)
        await until(lambda: faulty.calls["claimed"] > 1)
        del faulty.troubles["claimed"]
        first.go.set()
        with anyio.fail_after(10):
            assert (await task, await waiting) == (Answered(ANSWER), Answered(ANSWER, elsewhere=True))


async def test_an_answer_too_long_to_be_kept_is_its_askers_all_the_same(url: str) -> None:
    async with open_store(url) as store:
        ask = Asking(Answered(b'"' + b"x" * 1000 + b'"'))
        ask.go.set()
        one = Claiming(store, Sealer([KEY], "logs", cap=500))
        assert await one.outcome(ONCE, ask) == ask.outcome
        found = await store.claimed(ONCE.name)
        assert found is not None
        assert found.result is None


async def test_an_outcome_of_any_class_of_refusal_can_be_kept(url: str) -> None:
    async with two(url) as (one, other):
        ask = Asking(Refused(SamplingError("No.", data={"x": 1})))
        ask.go.set()
        await one.outcome(ONCE, ask)
        told = await other.outcome(ONCE, ask)
        assert isinstance(told, Refused)
        assert (str(told.error), ask.begun) == ("No.", 1)
