"""A process that is killed at any command leaves the record of every call that was started, and no budget behind."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from tests.host.governed import office
from tests.host.killed import COMMANDS, POLICY
from tests.host.playbook import YES, asked
from upcall.host.approval import Answer, Question
from upcall.store import open_store

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PLACES = [(command, when) for command in COMMANDS for when in ("before", "after")]
BEGUN = PLACES.index(("Begin", "after"))
CALLED = PLACES.index(("Call", "after"))
SETTLED = PLACES.index(("Settle", "after"))
RECORDED = PLACES.index(("Record", "after"))
TELLING = ("Begin", "Call", "Settle", "Record")
"""Where something is written or paid; the rest is for the long run."""


class _Person:
    async def ask(self, question: Question) -> Answer:
        return YES


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(number, id=f"{command}-{when}", marks=[] if command in TELLING else [pytest.mark.slow])
        for number, (command, when) in enumerate(PLACES)
    ],
)
async def test_every_started_call_is_on_record_and_every_reservation_ends(place: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.host.killed", str(tmp_path), *PLACES[place]]
    with anyio.fail_after(60):
        done = await anyio.run_process(command, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr

    called = (tmp_path / "called").exists()
    assert called == (place >= CALLED)
    async with open_store(tmp_path / "record.db") as store:
        records = (await store.page(bodies=True)).records
    if called:
        assert len(records) == 1, "nothing is called that is not on record"
    assert len(records) == (1 if place >= BEGUN else 0)
    for record in records:
        assert record.request["messages"][0]["content"]["text"] == "Why is the sky blue?"
        assert record.state == ("finished" if place >= RECORDED else "started")
        assert record.decided_by == "alice"

    tomorrow = datetime.now(UTC) + timedelta(hours=2)
    async with open_store(tmp_path / "record.db", clock=lambda: tomorrow) as store:
        (ever,) = [spent for spent in await store.spent(["overall"]) if spent.window == "ever"]
        assert ever.reserved.tokens == 0, "what the dead had reserved has lapsed"
        assert ever.settled.tokens == (9 if place >= SETTLED else 0)

    async with office(POLICY, store=str(tmp_path / "record.db"), approve=_Person()) as made:
        await made.host.answer(asked(), server="logs")
        assert len(await made.records()) == len(records) + 1, "and life goes on"
