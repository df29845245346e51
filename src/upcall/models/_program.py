"""`printed_by`: run a program once, bounded in time and output, and leave nothing of it behind.

Invariants:

- The program leads a process group of its own. However the run ends (well, badly, too late, too long, cancelled) the
  whole group is told to end, and killed when it has not after `GRACE` seconds; only then does the call return.
- What it reads comes over standard input, never in its arguments, where every user of the machine could see it.
- What it prints beyond the limit is not kept; of its errors only the last `ERRORS_KEPT` bytes are.
- It sees the environment it is given, not ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import anyio
import anyio.abc

__all__ = ["ERRORS_KEPT", "GRACE", "Printed", "printed_by"]

GRACE = 2.0
"""Seconds between telling a program to end and killing it."""
ERRORS_KEPT = 2000


class Printed(NamedTuple):
    """What became of a run."""

    output: bytes
    errors: bytes
    """The end of what it wrote to standard error."""
    code: int | None
    """Its exit code; ``None`` where it was ended because it printed ``limit`` bytes."""


async def printed_by(argv: Sequence[str], *, text: bytes, env: Mapping[str, str], cwd: str, limit: int) -> Printed:
    """Run ``argv``, let it read ``text``, and wait until it ends or has printed more than ``limit`` bytes.

    Raises:
        OSError: It cannot be started.
    """
    process = await anyio.open_process(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=cwd,
        start_new_session=os.name == "posix",
    )
    run = _Run(process, limit)
    try:
        return await run.to_its_end(text)
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)
            await process.aclose()


class _Run:
    def __init__(self, process: anyio.abc.Process, limit: int) -> None:
        self._process = process
        # All three were asked for, so all three are there.
        self._stdin = cast(anyio.abc.ByteSendStream, process.stdin)
        self._stdout = cast(anyio.abc.ByteReceiveStream, process.stdout)
        self._stderr = cast(anyio.abc.ByteReceiveStream, process.stderr)
        self._limit = limit
        self._output = bytearray()
        self._errors = bytearray()
        self._full = False

    async def to_its_end(self, text: bytes) -> Printed:
        async with anyio.create_task_group() as group:
            group.start_soon(self._write, text)
            group.start_soon(self._read_errors)
            group.start_soon(self._watch)
            await self._read_output()
            if self._full:
                group.cancel_scope.cancel()
        code = None if self._full else self._process.returncode
        return Printed(bytes(self._output), bytes(self._errors), code)

    async def _watch(self) -> None:
        await self._process.wait()
        # What it started and left running may hold its output open, and is not waited for.
        _signal(self._process, kill=True)

    async def _write(self, text: bytes) -> None:
        try:
            await self._stdin.send(text)
            await self._stdin.aclose()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            # It does not read all of it, which is its own affair.
            pass

    async def _read_output(self) -> None:
        async for chunk in self._stdout:
            self._output += chunk
            if len(self._output) > self._limit:
                del self._output[self._limit :]
                self._full = True
                return

    async def _read_errors(self) -> None:
        async for chunk in self._stderr:
            self._errors += chunk
            del self._errors[:-ERRORS_KEPT]


async def _end(process: anyio.abc.Process) -> None:
    if process.returncode is None:
        _signal(process, kill=False)
        with anyio.move_on_after(GRACE):
            await process.wait()
    # Also when it ended by itself: the rest of its group may not have.
    _signal(process, kill=True)
    await process.wait()


def _signal(process: anyio.abc.Process, *, kill: bool) -> None:
    # Gone already; or, on macOS, gone but not yet waited for.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        elif kill:
            process.kill()
        else:
            process.terminate()
