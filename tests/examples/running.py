"""Examples as their users run them: in a process, from another directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.streams.text import TextReceiveStream

from tests.matrix.places import EXAMPLES_FOLDER

__all__ = ["CLIENTS", "SERVERS", "run", "serving", "written"]

SERVERS = sorted(path.stem for path in EXAMPLES_FOLDER.glob("[!_]*.py"))
CLIENTS = sorted(path.stem for path in (EXAMPLES_FOLDER / "clients").glob("*.py"))

_ADDRESS = re.compile(r"running on (http://\S+)")


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "", "FASTMCP_SHOW_SERVER_BANNER": "false", **variables}


async def run(
    script: str, *arguments: str, folder: Path, variables: Mapping[str, str] | None = None, exit_code: int = 0
) -> str:
    """Run an example to its end and give what it printed, or, where it is to fail, what it complained of."""
    command = [sys.executable, str(EXAMPLES_FOLDER / script), *arguments]
    with anyio.fail_after(60):
        done = await anyio.run_process(command, cwd=folder, env=_environment(variables or {}), check=False)
    assert done.returncode == exit_code, done.stderr.decode()
    return (done.stderr if exit_code else done.stdout).decode()


def written(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@asynccontextmanager
async def serving(example: str, *, folder: Path, variables: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Serve an example over HTTP, at a port that the system chooses; gives the URL."""
    command = [sys.executable, str(EXAMPLES_FOLDER / f"{example}.py"), "--http", "0"]
    env = _environment(variables or {})
    async with await anyio.open_process(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stderr is not None
        try:
            # Nobody reads the rest: a server's log of one test fits into the pipe.
            with anyio.fail_after(30):
                yield f"{await _address(TextReceiveStream(process.stderr))}/mcp"
        finally:
            process.terminate()


async def _address(log: TextReceiveStream) -> str:
    seen = ""
    async for text in log:
        seen += text
        if found := _ADDRESS.search(seen):
            return found[1]
    raise AssertionError(f"The server did not start: {seen}")
