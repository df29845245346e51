"""The official client on pipes, through us, to the official server over HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.gateway.mixed.places import ROOT, listening
from tests.gateway.mixed.server import server
from tests.gateway.mixed.using import blue, uses_everything

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_client_on_pipes_uses_a_server_behind_http(tmp_path: Path, mode: Any) -> None:
    async with listening(server().streamable_http_app(), "on") as url:
        args = ["-m", "tests.gateway.mixed.bridge", f"{url}/mcp", str(tmp_path)]
        gateway = StdioServerParameters(command=sys.executable, args=args, env=dict(os.environ), cwd=ROOT)
        async with Client(gateway, mode=mode, elicitation_callback=blue) as client:
            await uses_everything(client, tmp_path / "state")
