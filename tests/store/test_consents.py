"""Consents: a yes or no that sticks as long as it says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.store.samples import NOON, Clock
from upcall.store import Consent, Store, open_store

pytestmark = pytest.mark.anyio

_KEY = "server:logs"
_ALWAYS = Consent(key=_KEY, verdict="allow", by="ann")
_NEVER = Consent(key=_KEY, verdict="deny", by="ben", note="it lied")


def _not_now(seconds: float) -> Consent:
    return Consent(key=_KEY, verdict="deny", by="ann", expires_at=NOON + timedelta(seconds=seconds))


async def test_what_is_remembered_holds(store: Store) -> None:
    assert await store.consent(_KEY) is None
    assert await store.remember(_ALWAYS) == _ALWAYS
    assert await store.consent(_KEY) == _ALWAYS
    assert await store.consent("server:other") is None


async def test_not_now_ends_by_itself(store: Store, clock: Clock) -> None:
    await store.remember(_not_now(60))
    clock.tick(59)
    assert await store.consent(_KEY) == _not_now(60)
    clock.tick(1)
    assert await store.consent(_KEY) is None
    assert await store.consents() == []
    assert await store.remember(_ALWAYS) == _ALWAYS


async def test_a_yes_does_not_replace_a_no_that_holds(store: Store) -> None:
    for no in (_NEVER, _not_now(60)):
        await store.remember(no)
        assert await store.remember(_ALWAYS) == no
        assert await store.consent(_KEY) == no
        assert await store.forget(_KEY)
    assert await store.remember(_ALWAYS) == _ALWAYS


async def test_a_no_replaces_anything(store: Store) -> None:
    for before in (_ALWAYS, _not_now(60), _NEVER):
        await store.remember(before)
        assert await store.remember(_NEVER) == _NEVER


async def test_what_is_forgotten_holds_no_more(store: Store) -> None:
    await store.remember(_NEVER)
    assert await store.forget(_KEY)
    assert not await store.forget(_KEY)
    assert await store.consent(_KEY) is None


async def test_all_that_hold_are_listed_by_key(store: Store, clock: Clock) -> None:
    others = [Consent(key=key, verdict="allow", by="ann") for key in ("b", "Z", "a")]
    for consent in (*others, _not_now(1)):
        await store.remember(consent)
    clock.tick(2)
    assert [consent.key for consent in await store.consents()] == ["Z", "a", "b"]


async def test_another_store_sees_it_at_once(store: Store, url: str, clock: Clock) -> None:
    async with open_store(url, clock=clock) as elsewhere:
        await store.remember(_NEVER)
        assert await elsewhere.consent(_KEY) == _NEVER
