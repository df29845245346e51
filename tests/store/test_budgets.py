"""Budgets: what is set aside, settled, released, expired, and what it adds up to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.samples import NOON, Clock
from upcall.store import (
    WINDOWS,
    Amount,
    Exceeded,
    Limit,
    Reservation,
    Spent,
    Store,
    Window,
    open_store,
    window_of,
)

pytestmark = pytest.mark.anyio


async def _reserved(store: Store, limits: list[Limit], amount: Amount, ttl: float = 60) -> Reservation:
    got = await store.reserve(limits, amount, ttl)
    assert isinstance(got, Reservation), got
    return got


async def _exceeded(store: Store, limits: list[Limit], amount: Amount) -> Exceeded:
    got = await store.reserve(limits, amount, 60)
    assert isinstance(got, Exceeded), got
    return got


async def _spent(store: Store, key: str, window: Window = "ever") -> Spent:
    (found,) = [spent for spent in await store.spent([key]) if spent.window == window]
    return found


@pytest.mark.parametrize(
    ("window", "since", "resets_at"),
    [
        ("minute", NOON.replace(second=0, microsecond=0), NOON.replace(minute=1, second=0, microsecond=0)),
        ("hour", datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 21, 13, tzinfo=UTC)),
        ("day", datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)),
        ("month", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        ("ever", datetime(1970, 1, 1, tzinfo=UTC), None),
    ],
)
def test_windows_begin_with_those_of_utc(window: Window, since: datetime, resets_at: datetime | None) -> None:
    assert window_of(window, NOON) == (since, resets_at)
    elsewhere = NOON.astimezone(timezone(timedelta(hours=13, minutes=45)))
    assert window_of(window, elsewhere) == (since, resets_at)


def test_months_have_their_own_lengths() -> None:
    assert window_of("month", datetime(2028, 2, 29, tzinfo=UTC))[1] == datetime(2028, 3, 1, tzinfo=UTC)
    assert window_of("month", datetime(2026, 12, 31, tzinfo=UTC))[1] == datetime(2027, 1, 1, tzinfo=UTC)


def test_amounts_and_limits_are_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        Amount(tokens=-1)
    with pytest.raises(ValueError, match="negative"):
        Limit(key="k", micro_usd=-1)


async def test_a_limit_can_be_used_up_to_the_last_token_and_not_beyond(store: Store) -> None:
    limits = [Limit(key="overall", window="day", tokens=100)]
    first = await _reserved(store, limits, Amount(tokens=60))
    await _reserved(store, limits, Amount(tokens=40))
    assert await store.settle(first, Amount(tokens=60))
    assert await _exceeded(store, limits, Amount(tokens=1)) == Exceeded(
        limit=limits[0],
        measure="tokens",
        used=60,
        reserved=40,
        asked=1,
        resets_at=datetime(2026, 11, 22, tzinfo=UTC),
    )


@pytest.mark.parametrize("measure", ["calls", "tokens", "micro_usd"])
async def test_each_measure_is_limited_by_itself(store: Store, measure: Any) -> None:
    limits = [msgspec.structs.replace(Limit(key="overall"), **{measure: 5})]
    await _reserved(store, limits, Amount(**{"calls": 0, "tokens": 10**9, "micro_usd": 10**9, measure: 5}))
    exceeded = await _exceeded(store, limits, Amount(**{"calls": 0, measure: 1}))
    assert (exceeded.measure, exceeded.allowed, exceeded.reserved) == (measure, 5, 5)
    await _reserved(store, limits, Amount(**{"calls": 10, "tokens": 10, "micro_usd": 10, measure: 0}))


async def test_a_limit_of_nought_allows_nothing(store: Store) -> None:
    exceeded = await _exceeded(store, [Limit(key="overall", calls=0)], Amount())
    assert (exceeded.allowed, exceeded.asked) == (0, 1)


async def test_all_limits_are_reserved_or_none(store: Store) -> None:
    wide, narrow = Limit(key="overall", calls=10), Limit(key="server:logs", window="hour", calls=1)
    await _reserved(store, [wide, narrow], Amount())
    exceeded = await _exceeded(store, [wide, narrow], Amount())
    assert exceeded.limit == narrow
    assert (await _spent(store, "overall")).reserved.calls == 1
    await _reserved(store, [wide], Amount(calls=9))


async def test_one_key_counts_once_under_several_limits(store: Store) -> None:
    limits = [
        Limit(key="overall", window="hour", tokens=10),
        Limit(key="overall", window="hour", calls=3),
        Limit(key="overall", window="day", tokens=15),
    ]
    reservation = await _reserved(store, limits, Amount(tokens=10))
    assert (await _spent(store, "overall")).reserved == Amount(calls=1, tokens=10)
    await store.settle(reservation, Amount(tokens=10))
    assert (await _spent(store, "overall", "hour")).settled == Amount(calls=1, tokens=10)
    assert (await _exceeded(store, limits, Amount(tokens=6))).limit.window == "hour"


async def test_a_key_without_numbers_is_only_counted(store: Store) -> None:
    reservation = await _reserved(store, [Limit(key="model:m")], Amount(tokens=10**9))
    await store.settle(reservation, Amount(tokens=7))
    assert (await _spent(store, "model:m", "month")).settled == Amount(tokens=7)


async def test_reserving_under_no_limit_succeeds(store: Store) -> None:
    reservation = await _reserved(store, [], Amount())
    assert not await store.settle(reservation, Amount())


async def test_settling_frees_what_was_not_used(store: Store) -> None:
    limits = [Limit(key="overall", tokens=100)]
    reservation = await _reserved(store, limits, Amount(tokens=100))
    assert await store.settle(reservation, Amount(tokens=30))
    spent = await _spent(store, "overall")
    assert (spent.settled, spent.reserved) == (Amount(tokens=30), Amount(calls=0))
    await _reserved(store, limits, Amount(tokens=70))


async def test_more_than_was_reserved_is_recorded_as_it_was(store: Store) -> None:
    limits = [Limit(key="overall", tokens=100)]
    reservation = await _reserved(store, limits, Amount(tokens=10))
    await store.settle(reservation, Amount(calls=3, tokens=250, micro_usd=9))
    assert (await _spent(store, "overall")).settled == Amount(calls=3, tokens=250, micro_usd=9)
    assert (await _exceeded(store, limits, Amount(tokens=0, calls=0))).used == 250


async def test_a_reservation_is_settled_or_released_once(store: Store) -> None:
    limits = [Limit(key="overall", tokens=100)]
    settled = await _reserved(store, limits, Amount(tokens=10))
    released = await _reserved(store, limits, Amount(tokens=10))
    assert await store.settle(settled, Amount(tokens=5))
    assert not await store.settle(settled, Amount(tokens=5))
    assert not await store.release(settled)
    assert await store.release(released)
    assert not await store.release(released)
    assert not await store.settle(released, Amount(tokens=10))
    assert await store.renew(settled, 60) is None
    assert (await _spent(store, "overall")).settled == Amount(tokens=5)


async def test_what_expired_counts_no_longer_and_can_still_be_settled(store: Store, clock: Clock) -> None:
    limits = [Limit(key="overall", tokens=100)]
    late = await _reserved(store, limits, Amount(tokens=80), ttl=30)
    assert late.expires_at == NOON + timedelta(seconds=30)
    clock.tick(29.999)
    assert (await _exceeded(store, limits, Amount(tokens=30))).reserved == 80
    clock.tick(0.001)
    assert (await _spent(store, "overall")).reserved == Amount(calls=0)
    await _reserved(store, limits, Amount(tokens=30))
    assert await store.settle(late, Amount(tokens=77))
    assert (await _spent(store, "overall")).settled == Amount(tokens=77)


async def test_a_renewed_reservation_lives_on(store: Store, clock: Clock) -> None:
    limits = [Limit(key="overall", tokens=100)]
    reservation = await _reserved(store, limits, Amount(tokens=80), ttl=30)
    clock.tick(20)
    renewed = await store.renew(reservation, 30)
    assert renewed is not None
    assert renewed.expires_at == NOON + timedelta(seconds=50)
    clock.tick(20)
    assert (await _exceeded(store, limits, Amount(tokens=30))).reserved == 80
    assert await store.settle(renewed, Amount(tokens=1))


@pytest.mark.parametrize(("window", "seconds"), [("minute", 60), ("hour", 3600), ("day", 86400), ("month", 31 * 86400)])
async def test_a_new_window_starts_empty(store: Store, clock: Clock, window: Window, seconds: int) -> None:
    limits = [Limit(key="overall", window=window, calls=1)]
    await store.settle(await _reserved(store, limits, Amount()), Amount())
    assert isinstance(await store.reserve(limits, Amount(), 60), Exceeded)
    clock.tick(seconds)
    await store.settle(await _reserved(store, limits, Amount()), Amount())
    assert (await _spent(store, "overall")).settled == Amount(calls=2)


async def test_a_call_counts_in_the_window_that_it_began_in(store: Store, clock: Clock) -> None:
    limits = [Limit(key="overall", window="minute", tokens=10)]
    reservation = await _reserved(store, limits, Amount(tokens=10), ttl=600)
    clock.tick(60)
    assert (await _spent(store, "overall", "minute")).reserved == Amount(calls=0)
    assert (await _spent(store, "overall", "hour")).reserved == Amount(tokens=10)
    await store.settle(reservation, Amount(tokens=10))
    assert (await _spent(store, "overall", "minute")).settled == Amount(calls=0)
    assert (await _spent(store, "overall", "hour")).settled == Amount(tokens=10)


async def test_a_limit_that_comes_later_knows_what_was_used_before(store: Store) -> None:
    await store.settle(await _reserved(store, [Limit(key="overall", calls=9)], Amount(tokens=90)), Amount(tokens=90))
    assert (await _exceeded(store, [Limit(key="overall", window="hour", tokens=100)], Amount(tokens=11))).used == 90


async def test_what_is_spent_is_told_for_each_window(store: Store) -> None:
    await store.settle(await _reserved(store, [Limit(key="a")], Amount(tokens=5)), Amount(tokens=4, micro_usd=2))
    found = await store.spent(["a", "b", "a"])
    assert [(spent.key, spent.window) for spent in found] == [(key, window) for key in "ab" for window in WINDOWS]
    assert all(spent.settled == Amount(tokens=4, micro_usd=2) for spent in found[:5])
    assert all(spent.settled == spent.reserved == Amount(calls=0) for spent in found[5:])
    assert (found[2].since, found[2].resets_at) == window_of("day", NOON)
    assert await store.spent([]) == []


async def test_old_minutes_are_dropped_and_long_windows_kept(store: Store, clock: Clock) -> None:
    limits = [Limit(key="overall")]
    for _ in range(3):
        await store.settle(await _reserved(store, limits, Amount(tokens=1)), Amount(tokens=1))
        clock.tick(days=41)
    forgotten = await _reserved(store, limits, Amount(), ttl=1)
    clock.tick(days=8)
    await store.prune()
    assert not await store.settle(forgotten, Amount())
    assert (await _spent(store, "overall", "ever")).settled == Amount(calls=3, tokens=3)


async def test_a_cancelled_reserve_leaves_nothing_behind(store: Store) -> None:
    limits = [Limit(key="overall", calls=1000)]
    for turns in range(40):
        task = asyncio.create_task(store.reserve(limits, Amount(), 600))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            got = task.result()
            assert isinstance(got, Reservation)
            await store.release(got)
    for _ in range(2000):  # what was under way is taken back behind the caller's back
        if (await _spent(store, "overall")).reserved == Amount(calls=0):
            break
        await asyncio.sleep(0.01)
    assert (await _spent(store, "overall")).reserved == Amount(calls=0)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 40), st.sampled_from(["a", "b", "ab"]), st.integers(1, 90)),
        st.tuples(st.just("settle"), st.integers(0, 20), st.integers(0, 40)),
        st.tuples(st.just("release"), st.integers(0, 20)),
        st.tuples(st.just("tick"), st.integers(0, 70)),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(steps=_STEPS)
def test_any_history_adds_up_and_no_limit_is_exceeded(steps: list[tuple[Any, ...]]) -> None:
    """Against a model that keeps every reservation and adds up anew each time."""
    asyncio.run(_history(steps))


async def _history(steps: list[tuple[Any, ...]]) -> None:
    clock = Clock(datetime(2026, 11, 21, 23, 59, 0, tzinfo=UTC))
    limits = {"a": Limit(key="a", window="minute", tokens=60), "b": Limit(key="b", window="day", tokens=100)}
    made: list[tuple[Reservation, list[str], datetime, dict[str, int]]] = []  # {"settled": n}, {"open": n} or {}

    def total(key: str, what: str) -> int:
        since = window_of(limits[key].window, clock.at)[0]
        return sum(
            state.get(what, 0)
            for reservation, keys, at, state in made
            if key in keys and at >= since and (what == "settled" or reservation.expires_at > clock.at)
        )

    async with open_store(":memory:", clock=clock) as store:
        for step in steps:
            if step[0] == "tick":
                clock.tick(step[1])
            elif step[0] == "reserve":
                _, tokens, keys, ttl = step
                fits = all(total(k, "settled") + total(k, "open") + tokens <= (limits[k].tokens or 0) for k in keys)
                got = await store.reserve([limits[key] for key in keys], Amount(tokens=tokens), ttl)
                assert isinstance(got, Reservation) == fits
                if isinstance(got, Reservation):
                    made.append((got, list(keys), clock.at, {"open": tokens}))
            elif step[1] < len(made):
                reservation, _, _, state = made[step[1]]
                actual = min(step[2], reservation.amount.tokens) if step[0] == "settle" else 0
                done = (
                    store.settle(reservation, Amount(tokens=actual))
                    if step[0] == "settle"
                    else store.release(reservation)
                )
                assert await done == ("open" in state)
                if state.pop("open", None) is not None and step[0] == "settle":
                    state["settled"] = actual
            for key, limit in limits.items():
                spent = await _spent(store, key, limit.window)
                assert (spent.settled.tokens, spent.reserved.tokens) == (total(key, "settled"), total(key, "open"))
