"""The official client on pipes, through us, to the official server over HTTP."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult

from tests.gateway.mixed.places import ROOT, listening, until
from tests.gateway.mixed.server import server

pytestmark = pytest.mark.anyio


def text_of(result: Any) -> str:
    return str(result.content[0].text)


async def blue(context: object, params: object) -> ElicitResult:
    return ElicitResult(action="accept", content={"colour": "blue"})


def gateway(url: str, folder: Path, *headers: str) -> StdioServerParameters:
    args = ["-m", "tests.gateway.mixed.bridge", url, str(folder), *headers]
    return StdioServerParameters(command=sys.executable, args=args, env=dict(os.environ), cwd=ROOT)


@asynccontextmanager
async def bridged(folder: Path, mode: Any, **options: Any) -> AsyncIterator[Client]:
    app = server().streamable_http_app()
    async with listening(app, "on") as url, Client(gateway(f"{url}/mcp", folder), mode=mode, **options) as client:
        yield client


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_client_on_pipes_uses_a_server_behind_http(tmp_path: Path, mode: Any) -> None:
    heard: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    file = tmp_path / "state"
    async with bridged(tmp_path, mode, elicitation_callback=blue) as client:
        # Its schema says that b goes into a header, which nobody knows yet on 2026-07-28.
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
