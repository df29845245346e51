"""Client applications that are stopped while they work: started as by a terminal, whose signals go to a whole group."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import Process

from tests.interop.clients.places import Scene
from tests.waiting import until

__all__ = ["alone", "ended", "hit", "running"]

_SECONDS = 30


@asynccontextmanager
async def running(scene: Scene, command: Sequence[str | Path], **env: str) -> AsyncIterator[Process]:
    """A program at work in the project, in a process group of its own; killed at the end if need be."""
    async with await anyio.open_process(
        list(map(str, command)),
        env=scene.env | env,
        cwd=scene.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                hit(process, signal.SIGKILL)


def hit(process: Process, number: int) -> None:
    """Send a signal to the program and to what it keeps in its group, as a terminal does for Ctrl-C."""
    os.killpg(process.pid, number)


async def ended(process: Process) -> int:
    """The program's exit code, once it has ended."""
    with anyio.fail_after(_SECONDS):
        return await process.wait()


async def alone(scene: Scene) -> None:
    """Return once no process of the scene is left; fails with what is left after half a minute."""
    with suppress(TimeoutError):
        await until(lambda: not scene.processes(), _SECONDS)
    assert scene.processes() == []
