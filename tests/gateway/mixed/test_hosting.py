"""The official client over HTTP, through us, to servers on their pipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import ElicitResult

from tests.gateway.mixed.places import hosted, until
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

ERAS = ["legacy", "2026-07-28", pytest.param("auto", marks=pytest.mark.slow)]


def text_of(result: Any) -> str:
    content = result.content[0] if isinstance(result.content, list) else result.content
    return str(content.text)


async def blue(context: object, params: object) -> ElicitResult:
    return ElicitResult(action="accept", content={"colour": "blue"})


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_over_http_uses_a_server_on_its_pipes(tmp_path: Path, mode: Any) -> None:
    heard: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    file = tmp_path / "state"
    async with hosted(tmp_path) as (url, _), Client(url, mode=mode, elicitation_callback=blue) as client:
        assert text_of(await client.call_tool("add", {"a": 1, "b": 2})) == "3"
        assert {"add", "ask"} <= {tool.name for tool in (await client.list_tools()).tools}
        assert text_of(await client.call_tool("add", {"a": 1, "b": 2})) == "3"
        assert text_of(await client.call_tool("steps", {"count": 5}, progress_callback=report)) == "done"
        assert heard == [1, 2, 3, 4, 5]
        assert text_of(await client.call_tool("ask", {"question": "why?"})) == "a model's answer"
        assert text_of(await client.call_tool("both", {"question": "why?"})) == "a model's answer blue"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "hang", {"file": str(file)})
            await until(lambda: file.exists() and file.read_text() == "running")
            tasks.cancel_scope.cancel()
        await until(lambda: file.read_text() == "cancelled")
        assert text_of(await client.call_tool("add", {"a": 1, "b": 2})) == "3"


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
    model = ScriptedModel(lambda request: text_of(request.messages[0]), repeat=True)
    async with hosted(tmp_path, model=model) as (url, _), Client(url, mode="2026-07-28") as client:
        got: dict[int, str] = {}

        async def one(number: int) -> None:
            got[number] = text_of(await client.call_tool("ask", {"question": f"number {number}"}))

        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(one, number)
        assert got == {number: f"number {number}" for number in range(30)}
