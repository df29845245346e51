"""The store is locked, its disk is full, or its file is taken away, while a server asks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest
from mcp import Client, MCPError

from tests.adversarial.attacker import BOUND, ERAS, Attacker, scene
from tests.host.governed import ALLOW, Office
from tests.host.playbook import MODEL, answer
from tests.host.servers import create_message
from tests.store.children import Child, child
from upcall.models import Completion
from upcall.store import open_store
from upcall.testing import ScriptedModel
from upcall.wire import SamplingRequest

pytestmark = pytest.mark.anyio

BUDGET = '[[budget]]\nfor = "server:*"\nper = "day"\ntokens = 100000\n'
DIARY = "dear diary"


@pytest.mark.parametrize("mode", ERAS)
async def test_a_locked_store_stops_what_has_not_begun_and_is_used_again(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "upcall.db"
    attacker = Attacker(create_message(DIARY))
    async with open_store(path, timeout=0.2) as store:
        made = Office(ALLOW + BUDGET, store)
        async with made.host, Client(attacker.server, mode=mode, **made.host.for_client("logs")) as client:
            with child("hold", str(path), "IMMEDIATE") as other:
                assert await anyio.to_thread.run_sync(other.hear) == "ready"
                told = ""
                with anyio.fail_after(BOUND):
                    try:
                        await client.call_tool("ask", {})
                    except MCPError as error:
                        told = f"{error.message} {error.data}"
                    told += attacker.seen
                assert isinstance(made.model, ScriptedModel)
                assert made.model.requests == []
                other.go()
                other.end()
            attacker.received.clear()
            with anyio.fail_after(BOUND):
                await client.call_tool("ask", {})
            assert attacker.texts == ["Rayleigh."]
            assert await made.spent("server:logs") == (9, 0)
    assert "cannot keep its record" in told
    assert str(path) not in told
    assert DIARY not in caplog.text


@pytest.mark.parametrize("mode", ERAS)
async def test_a_lock_that_comes_during_the_call_does_not_keep_the_answer_back(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "upcall.db"
    others: list[Child] = []
    attacker = Attacker(create_message(DIARY))
    with ExitStack() as stack, anyio.fail_after(BOUND):

        async def reply(request: SamplingRequest) -> Completion:
            others.append(stack.enter_context(child("hold", str(path), "IMMEDIATE")))
            assert await anyio.to_thread.run_sync(others[0].hear) == "ready"
            return answer()

        async with open_store(path, timeout=0.2) as store:
            made = Office(ALLOW + BUDGET, store, model=ScriptedModel(reply, name=MODEL))
            async with made.host, Client(attacker.server, mode=mode, **made.host.for_client("logs")) as client:
                await client.call_tool("ask", {})
                assert (await made.record()).state == "started", "the outcome waits, the answer does not"
                others[0].go()
                others[0].end()
            assert (await made.record()).outcome == "answered", "written at the latest when the host closes"
            assert await made.spent("server:logs") == (9, 0)
    assert attacker.texts == ["Rayleigh."]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_file_that_is_taken_away_during_the_call_harms_no_answer(mode: str, tmp_path: Path) -> None:
    def reply(request: SamplingRequest) -> str:
        for part in tmp_path.glob("upcall.db*"):
            part.unlink()
        return "Rayleigh."

    attacker = Attacker(create_message(DIARY))
    model = ScriptedModel(reply, "Again.", repeat=True, name=MODEL)
    async with scene(attacker, ALLOW + BUDGET, mode, tmp_path, model=model) as attack:
        await attack.attack()
        assert attacker.texts == ["Rayleigh."]
        await attack.attack()
        newest = (await attack.office.records())[0]
    assert attacker.texts == ["Rayleigh.", "Again."]
    assert (newest.outcome, newest.server) == ("answered", "logs")
    async with open_store(tmp_path / "upcall.db") as store:
        assert "answered" in {record.outcome for record in (await store.page()).records}


def test_a_full_disk_stops_calls_and_room_lets_them_go_on(tmp_path: Path) -> None:
    with child(str(tmp_path / "upcall.db"), module="tests.faults.full_disk") as starved:
        said = starved.hear()
        starved.end()
    assert said["answered before"] >= 1
    assert said["refused"] >= 1
    assert said["called"] == said["answered"], "nothing was called that could not be written down first"
    assert said["messages"] == ["The answering side cannot keep its record."]
    assert said["answered after"] == 3
    assert said["reserved"] == 0
    assert said["finished"] >= said["answered before"] + said["answered after"]
