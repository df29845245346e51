"""The demo's server as a process of its own: started by the client over stdio, or waiting on a port."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

import anyio
from anyio.abc import Process

from upcall.cli._target import Target, inherited_environment, lines_to
from upcall.cli._watcher import Watcher
from upcall.errors import ServerUnavailable, UpcallError

__all__ = ["over_http", "over_stdio", "server_over_stdio"]

# -P: a file in the current directory must not stand in for a module of ours.
_SERVER = (sys.executable, "-P", "-m", "upcall.cli.demo_server")
_PATIENCE = 30.0
"""Seconds for the server to listen."""
_GRACE = 5.0
"""Seconds for it to end when it is told to."""


@asynccontextmanager
async def over_stdio(report: Path, watcher: Watcher) -> AsyncIterator[Target]:
    """A server that the client starts itself."""
    yield Target(command=server_over_stdio(report), env=inherited_environment())


def server_over_stdio(report: Path) -> tuple[str, ...]:
    """The command that starts it on standard input and output."""
    return (*_SERVER, "--stdio", "--report", str(report))


@asynccontextmanager
async def over_http(report: Path, watcher: Watcher) -> AsyncIterator[Target]:
    """A server that listens on a free port of this machine until the block is left.

    What it says is told when the demo fails; a server that is interrupted complains of things that are meant to be.

    Raises:
        ServerUnavailable: It ended, or does not listen in time.
    """
    said: list[str] = []
    try:
        with lines_to(said.append) as output:
            async with _served(report, output) as url:
                yield Target(url=url)
    except UpcallError:
        for line in said:
            watcher.overheard(line)
        raise


@asynccontextmanager
async def _served(report: Path, output: TextIO) -> AsyncIterator[str]:
    port = _free_port()
    process = await anyio.open_process(
        (*_SERVER, "--http", str(port), "--report", str(report)),
        stdin=None,
        stdout=output,
        stderr=output,
        env=inherited_environment(),
        # A session of its own, so that Ctrl-C reaches this process alone, which then ends the other in order.
        start_new_session=os.name == "posix",
    )
    async with process:
        try:
            await _listening(process, port)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            await _end(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def _listening(process: Process, port: int) -> None:
    with anyio.move_on_after(_PATIENCE):
        while process.returncode is None:
            try:
                await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                return
            except OSError:
                await anyio.sleep(0.05)
        raise ServerUnavailable(f"The demo's server ended at once (exit code {process.returncode}).")
    raise ServerUnavailable(f"The demo's server did not listen within {_PATIENCE:g} seconds.")


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    with anyio.CancelScope(shield=True):
        process.terminate()
        with anyio.move_on_after(_GRACE):
            await process.wait()
            return
        process.kill()
        await process.wait()
