"""The first page tells the truth: its code runs, its links lead somewhere, its editor entry is the examples'."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from upcall.host import Host
from upcall.testing import ScriptedModel

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    """The ``number``-th fenced block of a language."""
    return str(re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number])


def test_the_two_commands_come_first_and_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\S+)", README, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    for command in commands:
        assert f"\n{command}:" in makefile


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_the_server_on_the_first_page_runs_on_both_eras(era: str) -> None:
    page: dict[str, Any] = {"__name__": "page"}
    exec(block("python"), page)
    model = ScriptedModel("Two transactions wait for each other.", repeat=True)
    async with Client(page["mcp"], mode=era, **Host(model).for_client("logs")) as client:
        for tool in ("explain", "explain_briefly"):
            result = await client.call_tool(tool, {"line": "deadlock detected"})
            assert "Two transactions" in str(result.content)
    assert {request.messages[0].text for request in model.requests} == {"Explain this log line: deadlock detected"}


def test_the_editors_entry_is_the_examples() -> None:
    entry = json.loads(block("json"))
    examples = json.loads((ROOT / "examples" / "mcp.json").read_text(encoding="utf-8"))
    (name,) = entry["servers"]
    assert entry["servers"][name] == examples["servers"][name] == {"type": "http", "url": "http://localhost:8000/mcp"}


def test_every_link_leads_to_a_file() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(targets) > 8
    assert [target for target in targets if not (ROOT / target).exists()] == []
