"""Clients of many makes that declare no sampling: the programs in ``clients/``, each with its own command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from benchmarks.envs import python_of

from tests.conformance.npm import Programs
from tests.conformance.scenarios import MODERN
from tests.interop.gateway.places import ENVIRONMENT, LEGACY, Place

__all__ = ["AUTO", "CALLERS", "CallFailed", "Caller", "called"]

_CLIENTS = Path(__file__).parent / "clients"
_SECONDS = 180

AUTO = "auto"
"""For an era: the newest that client and server both speak."""


class CallFailed(Exception):
    """The client ended with an error; what it said."""


class Caller(NamedTuple):
    """A client of some make."""

    command: Callable[[Programs], list[str]]
    eras: tuple[str, ...] = (LEGACY,)


def _node(name: str) -> Callable[[Programs], list[str]]:
    return lambda programs: [programs.node, programs.script(_CLIENTS / name)]


CALLERS: dict[str, Caller] = {
    "python": Caller(lambda _: [sys.executable, str(_CLIENTS / "python.py")], (LEGACY, MODERN)),
    "typescript-1": Caller(_node("typescript_client_v1.mjs")),
    "typescript-2": Caller(_node("typescript_client_v2.mjs"), (LEGACY, MODERN)),
    "fastmcp-4": Caller(lambda _: [sys.executable, str(_CLIENTS / "fastmcp_4.py")], (LEGACY, MODERN)),
    "mcp-use-1": Caller(lambda _: [python_of("mcp_use1", print), str(_CLIENTS / "mcp_use_1.py")]),
}


async def called(
    programs: Programs, caller: str, era: str, place: Place, tool: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Call a tool with one of them; gives its result as it came.

    Raises:
        CallFailed: The client ended with an error.
    """
    command = [*CALLERS[caller].command(programs), era, tool, json.dumps(arguments), *place]
    with anyio.fail_after(_SECONDS):
        ended = await anyio.run_process(command, env=os.environ | ENVIRONMENT, check=False)
    if ended.returncode:
        raise CallFailed(ended.stderr.decode()[-3000:])
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])  # mcp-use logs on standard output
    return result
