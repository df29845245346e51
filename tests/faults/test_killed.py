"""``kill -9`` around the call of the model: no started call is lost, and no budget leaks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from tests.faults.host_process import TIMEOUT
from tests.store.children import child
from upcall.store import Store, open_store
from upcall.store._times import now

pytestmark = pytest.mark.anyio

NOTHING, STARTED, FINISHED = (), ("started",), ("finished",)

POINTS = {
    # where it is killed: what is on record, whether the budget is held, whether it is spent
    "reserve before": (NOTHING, False, False),
    "reserve after": (NOTHING, True, False),
    "begin before": (NOTHING, True, False),
    "begin after": (STARTED, True, False),
    "model": (STARTED, True, False),
    "settle before": (STARTED, True, False),
    "settle after": (STARTED, False, True),
    "finish before": (STARTED, False, True),
    "finish after": (FINISHED, False, True),
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_host_leaves_every_started_call_and_no_budget_held_for_good(tmp_path: Path, point: str) -> None:
    states, held, spent = POINTS[point]
    path = str(tmp_path / "upcall.db")
    with child(path, point, module="tests.faults.host_process") as doomed:
        assert await anyio.to_thread.run_sync(doomed.hear) == point
        doomed.kill()
    async with open_store(path) as store:
        page = await store.page(bodies=True)
        assert tuple(record.state for record in page.records) == states
        assert all(record.request["messages"][0]["content"]["text"] == "Why?" for record in page.records)
        assert await _calls(store) == (int(spent), int(held))
    later = now() + timedelta(seconds=TIMEOUT + 61)
    async with open_store(path, clock=lambda: later) as store:
        assert (await _calls(store))[1] == 0, "it lapses"


async def _calls(store: Store) -> tuple[int, int]:
    """Settled and reserved."""
    spent = [one for one in await store.spent(["server:logs"]) if one.window == "day"]
    return sum(one.settled.calls for one in spent), sum(one.reserved.calls for one in spent)
