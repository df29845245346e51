"""The official client, which cannot sample but can be asked, before a real gateway and a real server, in both eras."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import anyio
import mcp_types
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from upcall.store import EVERYTHING, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

POLICY = '[default]\nmodel = "command/echo"\nlimits.samples_per_call = 1\n[command.echo]\nargv = ["cat"]\n'
SERVER = """
from mcp.server import MCPServer
from upcall.server import Sampling, sample

app = MCPServer("s", middleware=[Sampling()])


@app.tool()
async def ask(text: str) -> str:
    return (await sample(text, max_tokens=50)).text


app.run("stdio")
"""


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(("choice", "outcome"), [("approve once", "answered"), ("deny", "refused")])
async def test_the_person_at_the_client_decides(
    mode: Literal["auto", "legacy"], choice: str, outcome: str, tmp_path: Path
) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "upcall.toml").write_text(POLICY)
    own = ["--policy", str(tmp_path / "upcall.toml"), "--store", str(tmp_path / "upcall.db"), "--name", "logs"]
    server = [sys.executable, str(tmp_path / "server.py")]
    gateway = StdioServerParameters(command=sys.executable, args=["-m", "upcall.cli", "gateway", *own, "--", *server])
    asked: list[str] = []

    async def elicit(context: Any, params: Any) -> mcp_types.ElicitResult:
        asked.append(params.message)
        return mcp_types.ElicitResult(action="accept", content={"decision": choice})

    with anyio.fail_after(60):
        async with Client(stdio_client(gateway), mode=mode, elicitation_callback=elicit) as client:
            result = await client.call_tool("ask", {"text": "Why is the sky blue?"})
    assert len(asked) == 1
    assert "Why is the sky blue?" in asked[0]
    assert bool(result.is_error) is (outcome == "refused")
    said = result.content[0]
    assert isinstance(said, mcp_types.TextContent)
    assert ("Why is the sky blue?" in said.text) is (outcome == "answered")
    async with open_store(tmp_path / "upcall.db") as store:
        last = (await store.page(EVERYTHING, limit=5)).records[0]
    assert last.outcome == outcome
    assert (last.decided_by or "").startswith("client")
