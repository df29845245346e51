"""The floor: of all processes at one terminal, one speaks at a time.

A terminal belongs to one session of processes, so the session's number names the lock. Where the lock cannot be had at
all (a folder that cannot be written), each process speaks when it likes: asking is worth more than its order.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

__all__ = ["the_floor"]

_LOOK = 0.1


@asynccontextmanager
async def the_floor() -> AsyncIterator[None]:
    """Wait until no other process asks at this terminal, and be the one that does inside the block."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    lock = _open()
    try:
        while lock is not None:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await anyio.sleep(_LOOK)
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _open() -> int | None:
    if sys.platform == "win32":
        return None
    path = Path(tempfile.gettempdir()) / f"upcall-{os.getuid()}-{os.getsid(0)}.lock"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except OSError:
        return None
