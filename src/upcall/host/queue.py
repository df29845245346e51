"""A fair queue: so many at once, and servers take turns.

One server may put 200 requests into a single result. With a plain semaphore everybody else would wait behind all
of them; here each server has a line of its own, and a freed place goes to the next line, round robin.

Invariants: while anyone waits, no place is free; every granted place is given back exactly once, also when its
owner is cancelled between being granted and waking up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

__all__ = ["FairQueue"]


class FairQueue:
    """At most ``capacity`` owners at once; first come, first served within a line, lines in turn."""

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._lines: dict[str, deque[anyio.Event]] = {}  # ordered: the first line is next

    @asynccontextmanager
    async def place(self, line: str) -> AsyncIterator[None]:
        """Wait in ``line`` for a place and hold it inside the block."""
        await self._enter(line)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, line: str) -> None:
        if self._free:
            self._free -= 1
            return
        granted = anyio.Event()
        self._lines.setdefault(line, deque()).append(granted)
        try:
            await granted.wait()
        except BaseException:
            if granted.is_set():
                self._leave()
            else:
                self._give_up(line, granted)
            raise

    def _give_up(self, line: str, granted: anyio.Event) -> None:
        self._lines[line].remove(granted)
        if not self._lines[line]:
            del self._lines[line]

    def _leave(self) -> None:
        if not self._lines:
            self._free += 1
            return
        line = next(iter(self._lines))
        waiting = self._lines.pop(line)
        waiting.popleft().set()
        if waiting:
            self._lines[line] = waiting  # to the end of the round
