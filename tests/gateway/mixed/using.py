"""What a client does with a server of `tests.gateway.mixed.server`, whatever the way between them."""

from __future__ import annotations

from pathlib import Path

import anyio
from mcp import Client
from mcp_types import ElicitResult

from tests.server.peers import text_of
from tests.waiting import until

__all__ = ["blue", "uses_everything"]


async def blue(context: object, params: object) -> ElicitResult:
    """The person's answer."""
    return ElicitResult(action="accept", content={"colour": "blue"})


async def uses_everything(client: Client, file: Path) -> None:
    """Call its tools, hear progress, have the model and the person asked, and cancel.

    Args:
        client: Asks the person by `blue`.
        file: For the tool that hangs, to say what becomes of it.
    """
    heard: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

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
