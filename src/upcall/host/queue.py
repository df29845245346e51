"""A fair queue: so many at once, and servers take turns.

One server may put 200 requests into a single result. With a plain semaphore everybody else would wait behind all
of them; here each server has a line of its own, and a freed place goes to the next line, round robin. A line may
have a bound of its own; then those who wait in it keep nobody else from a free place.

Invariants: as long as a place is free, nobody waits who may have it; every granted place is given back exactly once,
also when its owner is cancelled between being granted and waking up.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

__all__ = ["FairQueue"]


class _Waiting:
    __slots__ = ("granted", "most")

    def __init__(self, most: float) -> None:
        self.granted = anyio.Event()
        self.most = most


class FairQueue:
    """At most ``capacity`` owners at once; first come, first served within a line, lines in turn."""

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._held: dict[str, int] = {}
        self._lines: dict[str, deque[_Waiting]] = {}  # ordered: the first line is next

    @asynccontextmanager
    async def place(self, line: str, most: int | None = None) -> AsyncIterator[None]:
        """Wait in ``line`` for a place and hold it inside the block.

        Args:
            line: Which one.
            most: So many places at most for this line; ``None`` leaves it at the capacity.
        """
        await self._enter(line, math.inf if most is None else most)
        try:
            yield
        finally:
            self._leave(line)

    async def _enter(self, line: str, most: float) -> None:
        if self._free and line not in self._lines and self._held.get(line, 0) < most:
            self._take(line)
            return
        waiting = _Waiting(most)
        self._lines.setdefault(line, deque()).append(waiting)
        try:
            await waiting.granted.wait()
        except BaseException:
            if waiting.granted.is_set():
                self._leave(line)
            else:
                self._give_up(line, waiting)
            raise

    def _give_up(self, line: str, waiting: _Waiting) -> None:
        self._lines[line].remove(waiting)
        if not self._lines[line]:
            del self._lines[line]
        self._grant()  # whoever stood behind it may have a wider bound

    def _take(self, line: str) -> None:
        self._free -= 1
        self._held[line] = self._held.get(line, 0) + 1

    def _leave(self, line: str) -> None:
        self._free += 1
        if self._held[line] > 1:
            self._held[line] -= 1
        else:
            del self._held[line]
        self._grant()

    def _grant(self) -> None:
        """Hand out what is free to those who may have it."""
        while self._free and (line := self._next()) is not None:
            waiting = self._lines.pop(line)
            waiting.popleft().granted.set()
            self._take(line)
            if waiting:
                self._lines[line] = waiting  # to the end of the round

    def _next(self) -> str | None:
        return next((line for line, waiting in self._lines.items() if self._held.get(line, 0) < waiting[0].most), None)
