"""The editor's configuration and the documentation name what is there."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.examples.running import CLIENTS, SERVERS, run
from tests.matrix.cases import client_model
from tests.matrix.places import EXAMPLES_FOLDER
from upcall.host import Host

ROOT = EXAMPLES_FOLDER.parent
CONFIG: dict[str, dict[str, Any]] = json.loads((EXAMPLES_FOLDER / "mcp.json").read_text(encoding="utf-8"))["servers"]


def test_each_entry_names_an_example() -> None:
    assert set(CONFIG) <= set(SERVERS)
    assert {entry["type"] for entry in CONFIG.values()} == {"http", "stdio"}


@pytest.mark.anyio
async def test_the_address_is_where_an_example_listens_by_default(tmp_path: Path) -> None:
    (address,) = [entry["url"] for entry in CONFIG.values() if entry["type"] == "http"]
    assert address == "http://localhost:8000/mcp"
    printed = await run("blog.py", "--help", folder=tmp_path)
    assert "http://localhost:PORT/mcp (8000)" in " ".join(printed.split())


@pytest.mark.anyio
@pytest.mark.parametrize("name", [name for name, entry in CONFIG.items() if entry["type"] == "stdio"])
async def test_a_stdio_entry_starts_its_example(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = CONFIG[name]
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    server = StdioServerParameters(command=entry["command"], args=entry["args"], cwd=ROOT)
    async with Client(server, **Host(client_model(name)).for_client(name)) as client:
        assert name in [tool.name for tool in (await client.list_tools()).tools]


def test_the_table_in_the_docs_names_every_file() -> None:
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([\w/.]+)`", page, re.MULTILINE))
    assert named == {f"{name}.py" for name in SERVERS} | {f"clients/{name}.py" for name in CLIENTS} | {"mcp.json"}
