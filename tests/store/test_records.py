"""A record is written before and after, once each, and read back as it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.samples import NOON, Clock, intent, outcome
from upcall.models import Adjustment
from upcall.store import Failure, Filter, Record, Store, open_store

pytestmark = pytest.mark.anyio


async def _kept(store: Store, record: int) -> Record:
    found = await store.get(record)
    assert found is not None
    return found


async def test_an_intent_is_there_before_anything_is_done(store: Store) -> None:
    record = await store.begin(
        intent(
            method="tools/call",
            name="explain",
            version="2026-07-28",
            era="modern",
            request_id="sample-1",
            trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            request={"messages": [{"role": "user", "content": {"type": "text", "text": "why?"}}], "maxTokens": 100},
            request_mode="redacted",
            model_asked="anthropic/claude-sonnet-5",
            adjustments=(Adjustment(field="temperature", action="dropped", reason="not known there"),),
            flags=({"rule": "bidi", "where": "messages[0]"},),
            decision="allow",
            decided_by="policy: servers.logs",
        )
    )
    kept = await _kept(store, record)
    assert (kept.id, kept.state, kept.outcome, kept.finished_at) == (record, "started", None, None)
    assert (kept.server, kept.method, kept.name) == ("logs", "tools/call", "explain")
    assert (kept.version, kept.era, kept.request_id) == ("2026-07-28", "modern", "sample-1")
    assert kept.trace == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert kept.request == {
        "messages": [{"role": "user", "content": {"type": "text", "text": "why?"}}],
        "maxTokens": 100,
    }
    assert (kept.request_mode, kept.result_mode, kept.result) == ("redacted", None, None)
    assert (kept.model_asked, kept.model_used) == ("anthropic/claude-sonnet-5", None)
    assert kept.adjustments == ({"field": "temperature", "action": "dropped", "reason": "not known there"},)
    assert kept.flags == ({"rule": "bidi", "where": "messages[0]"},)
    assert (kept.decision, kept.decided_by, kept.started_at) == ("allow", "policy: servers.logs", NOON)


async def test_an_outcome_completes_it(store: Store) -> None:
    record = await store.begin(intent(model_asked="a/b", flags=("before",), decision="ask"))
    done = outcome(
        result={"model": "b-1", "content": []},
        result_mode="hashed",
        model_used="b-1",
        stop_reason="endTurn",
        input_tokens=100,
        output_tokens=20,
        cached_tokens=80,
        micro_usd=1234,
        price_version="2026-11-01",
        attempts=({"model": "a/b", "error": "rate_limited"},),
        flags=("before", "after"),
        decided_by="ann",
    )
    assert await store.finish(record, done)
    kept = await _kept(store, record)
    assert (kept.state, kept.outcome, kept.latency) == ("finished", "answered", 1.5)
    assert kept.finished_at == NOON + timedelta(seconds=1.5)
    assert (kept.result, kept.result_mode) == ({"model": "b-1", "content": []}, "hashed")
    assert (kept.model_asked, kept.model_used, kept.stop_reason) == ("a/b", "b-1", "endTurn")
    assert (kept.input_tokens, kept.output_tokens, kept.cached_tokens) == (100, 20, 80)
    assert (kept.micro_usd, kept.price_version) == (1234, "2026-11-01")
    assert kept.attempts == ({"model": "a/b", "error": "rate_limited"},)
    assert (kept.flags, kept.decision, kept.decided_by) == (("before", "after"), "ask", "ann")
    assert kept.error is None


async def test_what_is_unknown_is_none_and_not_zero(store: Store) -> None:
    record = await store.add(intent(), outcome())
    kept = await _kept(store, record)
    assert (kept.input_tokens, kept.output_tokens, kept.cached_tokens) == (None, None, None)
    assert (kept.micro_usd, kept.price_version, kept.request, kept.result) == (None, None, None, None)


async def test_an_error_is_kept_with_its_detail(store: Store) -> None:
    error = Failure(code=-32603, message="The model failed.", detail="HTTP 500")
    record = await store.add(intent(), outcome(label="model_error", error=error))
    assert (await _kept(store, record)).error == error


async def test_a_finished_record_stays_as_it_is(store: Store) -> None:
    record = await store.begin(intent())
    assert await store.finish(record, outcome(label="answered", result="first"))
    assert not await store.finish(record, outcome(label="cancelled", result="second"))
    kept = await _kept(store, record)
    assert (kept.outcome, kept.result) == ("answered", "first")


async def test_a_record_that_is_not_there_cannot_be_finished(store: Store) -> None:
    assert not await store.finish(12345, outcome())
    assert await store.get(12345) is None


async def test_an_intent_without_outcome_is_lost_after_its_lease(store: Store, clock: Clock) -> None:
    record = await store.begin(intent(lease=60))
    clock.tick(59)
    assert (await _kept(store, record)).state == "started"
    clock.tick(1)
    assert (await _kept(store, record)).state == "lost"
    assert [found.id for found in (await store.page(Filter(state="lost"))).records] == [record]
    assert await store.finish(record, outcome())
    assert (await _kept(store, record)).state == "finished"


async def test_a_number_and_a_text_stay_apart_as_request_ids(store: Store) -> None:
    ids = [await store.begin(intent(request_id=value)) for value in (7, "7", None)]
    assert [(await _kept(store, record)).request_id for record in ids] == [7, "7", None]


async def test_what_no_database_can_hold_does_not_cost_the_record(store: Store) -> None:
    nasty = "nul \x00, half a pair \ud83d, whole \N{GRINNING FACE}"
    readable = "nul \ufffd, half a pair \ufffd, whole \N{GRINNING FACE}"
    huge = 10**30
    record = await store.begin(intent(server=nasty, name=nasty, request={"text": nasty, "n": 2**60}))
    error = Failure(code=huge, message=nasty, detail=nasty)
    assert await store.finish(record, outcome(label=nasty, output_tokens=huge, error=error, result=[nasty]))
    kept = await _kept(store, record)
    assert (kept.server, kept.name, kept.outcome) == (readable, readable, readable)
    assert kept.error == Failure(code=10**15, message=readable, detail=readable)
    assert kept.output_tokens == 10**15
    # JSON has escapes for all of it.
    assert kept.request == {"text": nasty, "n": 2**60}
    assert kept.result == [nasty]


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        await store.begin(intent(started_at=NOON.replace(tzinfo=None)))
    assert (await store.page()).records == ()


async def test_a_value_that_is_not_json_is_refused_and_others_are_kept(store: Store) -> None:
    results = await asyncio.gather(
        store.begin(intent(name="one")),
        store.begin(intent(name="two", request=object())),
        store.begin(intent(name="three")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [int, TypeError, int]
    assert sorted(str(record.name) for record in (await store.page()).records) == ["one", "three"]


async def test_many_at_once_get_an_id_each(store: Store) -> None:
    ids = await asyncio.gather(*(store.begin(intent(name=str(number))) for number in range(300)))
    assert len(set(ids)) == 300
    kept = (await store.page(limit=300)).records
    assert {(record.id, record.name) for record in kept} == {(id_, str(number)) for number, id_ in enumerate(ids)}


async def test_an_intent_whose_caller_was_cancelled_is_taken_back(store: Store) -> None:
    kept = []
    for turns in range(40):
        task = asyncio.create_task(store.begin(intent(request="why")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            kept.append(task.result())
    listed: list[int] = []
    for _ in range(200):  # it happens behind the caller's back
        listed = [record.id async for record in store.export()]
        if listed == kept:
            break
        await asyncio.sleep(0.01)
    assert listed == kept


async def test_an_id_is_not_used_again_after_pruning(store: Store) -> None:
    first = await store.add(intent(), outcome())
    assert await store.prune(keep=0) == 1
    assert await store.add(intent(), outcome()) > first


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=_JSON, result=_JSON)
def test_bodies_come_back_as_they_went_in(request: Any, result: Any) -> None:
    async def there_and_back() -> Record | None:
        async with open_store(":memory:") as store:
            record = await store.add(intent(request=request), outcome(result=result))
            return await store.get(record)

    kept = asyncio.run(there_and_back())
    assert kept is not None
    assert (kept.request, kept.result) == (request, result)


async def test_a_record_that_is_added_again_under_its_key_is_there_once(store: Store) -> None:
    first = await store.add(intent(), outcome(), key="one")
    assert await store.add(intent(), outcome(label="refused"), key="one") == first
    assert await store.add(intent(), outcome(), key="two") != first
    assert await store.add(intent(), outcome()) != await store.add(intent(), outcome())
    records = (await store.page()).records
    assert len(records) == 4
    assert {record.outcome for record in records} == {outcome().label}
