"""One database, with a lane for writing and one for reading, as seen from an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from upcall.errors import StoreError
from upcall.store._connection import Backend, Work
from upcall.store._lane import Lane

__all__ = ["Database"]

T = TypeVar("T")

_UNDO_ATTEMPTS = 3
"""Times that it is tried to take back what nobody will hear of; should all fail, it expires."""


class Database:
    """Has work done without blocking the event loop, within a bounded time.

    Args:
        backend: Its ``repr`` is what this database's shows.
        writing, reading: The lanes, which may be the same.
        closing: Seconds that work which is under way has when the database is closed.
    """

    def __init__(self, backend: Backend, *, writing: Lane, reading: Lane, closing: float) -> None:
        self._backend = backend
        self._writing = writing
        self._reading = reading
        self._closing = closing

    def __repr__(self) -> str:
        return repr(self._backend)

    async def read(self, work: Work[T]) -> T:
        """Do ``work``, which does not write."""
        return await self._perform(self._reading, work)

    async def write(self, work: Work[T], *, lock: bool = False, undo: Callable[[T], Work[object]] | None = None) -> T:
        """Do ``work``. When this returns it is durable.

        Args:
            work: What to do.
            lock: Keep out others that ask for the lock, in any process.
            undo: From the result to what takes it back, for the case that the caller is gone when it is there.
        """
        return await self._perform(self._writing, work, lock=lock, undo=undo)

    async def aclose(self) -> None:
        """Finish what is waiting, and let go."""
        with anyio.CancelScope(shield=True):
            for lane in {self._writing, self._reading}:
                await anyio.to_thread.run_sync(lane.close, self._closing)

    async def _perform(
        self,
        lane: Lane,
        work: Work[T],
        *,
        lock: bool = False,
        undo: Callable[[T], Work[object]] | None = None,
    ) -> T:
        future = lane.submit(work, lock=lock)
        try:
            async with asyncio.timeout(lane.limit):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError) as error:
            # Nobody will hear of it: what has not begun does not, what is under way is undone after it.
            if not future.cancel() and undo is not None:
                future.add_done_callback(partial(_take_back, lane, undo))
            if isinstance(error, TimeoutError):
                detail = f"no answer from {self._backend!r} within {lane.limit:g} seconds"
                raise StoreError("The record does not answer.", hint="Try again.", detail=detail) from error
            raise


def _take_back(lane: Lane, undo: Callable[[T], Work[object]], done: Future[T]) -> None:
    if not done.cancelled() and done.exception() is None:
        _undo(lane, undo(done.result()), _UNDO_ATTEMPTS)


def _undo(lane: Lane, work: Work[object], attempts: int) -> None:
    def again(undone: Future[object]) -> None:
        if undone.exception() is not None and attempts > 1:
            _undo(lane, work, attempts - 1)

    with suppress(StoreError):  # closed meanwhile: what was reserved expires, what was begun is lost
        lane.submit(work, lock=True, unhurried=True).add_done_callback(again)
