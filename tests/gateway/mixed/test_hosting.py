"""The official client over HTTP, through us, to servers on their pipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from tests.gateway.mixed.places import hosted
from tests.gateway.mixed.using import blue, uses_everything
from tests.server.peers import text_of
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

ERAS = ["legacy", "2026-07-28", pytest.param("auto", marks=pytest.mark.slow)]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_over_http_uses_a_server_on_its_pipes(tmp_path: Path, mode: Any) -> None:
    async with hosted(tmp_path) as (url, _), Client(url, mode=mode, elicitation_callback=blue) as client:
        await uses_everything(client, tmp_path / "state")


@pytest.mark.slow
async def test_legacy_clients_have_a_process_each_and_modern_ones_share_one(tmp_path: Path) -> None:
    pids: dict[str, list[str]] = {"legacy": [], "2026-07-28": []}
    async with hosted(tmp_path) as (url, _):
        for mode, seen in pids.items():
            async with Client(url, mode=mode) as one, Client(url, mode=mode) as two:
                for client in (one, two, one):
                    seen.append(text_of(await client.call_tool("pid", {})))
    legacy, modern = pids.values()
    assert legacy[0] == legacy[2] != legacy[1]
    assert len(set(modern)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_server_that_dies_answers_what_is_open_with_an_error(tmp_path: Path, mode: Any) -> None:
    async with hosted(tmp_path) as (url, _), Client(url, mode=mode) as client:
        with anyio.fail_after(10), pytest.raises(Exception, match="exit code 3"):
            await client.call_tool("die", {})


async def test_many_clients_at_once_get_their_own_answers(tmp_path: Path) -> None:
    model = ScriptedModel.echo()
    async with hosted(tmp_path, model=model) as (url, _), Client(url, mode="2026-07-28") as client:
        got: dict[int, str] = {}

        async def one(number: int) -> None:
            got[number] = text_of(await client.call_tool("ask", {"question": f"number {number}"}))

        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(one, number)
        assert got == {number: f"number {number}" for number in range(30)}
