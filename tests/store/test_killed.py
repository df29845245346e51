"""``kill -9`` at any point: every intent that was promised to be there is there, and the store works on."""

from __future__ import annotations

import sqlite3

import pytest

from tests.store.children import child
from tests.store.samples import intent, outcome
from upcall.store import open_store

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("after", [1, 60, 300])
async def test_every_started_call_is_there(url: str, after: int) -> None:
    with child("begin_forever", url) as doomed:
        promised = [doomed.hear() for _ in range(after)]
        doomed.kill()
        promised += doomed.rest()  # said, but not read yet
    async with open_store(url) as store:
        kept = [record async for record in store.export()]
        assert set(promised) <= {record.id for record in kept}
        # At most one for each of the eight that were under way was written and not told.
        assert len(kept) <= len(promised) + 8
        assert {record.state for record in kept} == {"started"}
        assert {record.request["text"] for record in kept} == {"x" * 500}
        assert await store.add(intent(), outcome()) > max(promised)
    if not url.startswith("postgresql"):
        with sqlite3.connect(url) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
